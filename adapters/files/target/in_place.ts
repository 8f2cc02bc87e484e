/** Decides what becomes of what is in the place of an entry, on this machine. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Entry } from "../../../stages/walk/entry.ts"
import { judge, type Overwrite } from "../../../stages/walk/overwrite.ts"
import { baseName, parentPath } from "../../../stages/walk/path.ts"
import type { TargetOptions } from "../../../stages/walk/target.ts"
import { Held } from "../system/held.ts"
import { kindOf } from "../system/metadata.ts"
import { absoluteRoot } from "../system/native.ts"
import { type Stats, statsIfAny } from "../system/stats.ts"
import { sameTime } from "./attributes.ts"

/** How many directories are held at once. */
const HELD = 64

/** See `judge`. A file that would get setuid or setgid is not trusted: somebody may have planted it. */
export const judgeLocal = (overwrite: Overwrite, entry: Entry, existing: Stats): "write" | "keep" | "trust" => {
  const { mode = 0 } = entry.metadata
  const have = { kind: kindOf(existing), size: Number(existing.size), mtime: existing.mtimeNs }
  const judged = judge(overwrite, entry, have, (a, b) => sameTime({ mtimeNs: b }, a))
  return judged === "trust" && (mode & 0o6000) !== 0 ? "write" : judged
}

/**
 * See `Target.spares`. It looks at the places of entries, beside the session that writes. What it says may be wrong
 * when another program changes them meanwhile: the session looks again. `descriptors`: see `DESCRIPTORS`.
 */
export const sparesOf = (
  root: string,
  { overwrite = "always" }: TargetOptions,
  descriptors: string | undefined,
): Effect.Effect<
  (entry: Entry) => boolean,
  never,
  Scope.Scope
> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => overwrite === "always" ? undefined : heldIfAny(root, descriptors)),
      (held) => Effect.sync(() => held?.close()),
    ),
    (held) => (entry) => {
      if (held === undefined || entry.path === "") return false
      try {
        const existing = statsIfAny(held.at(parentPath(entry.path)).child(baseName(entry.path)))
        return existing !== undefined && judgeLocal(overwrite, entry, existing) !== "write"
      } catch {
        // There is no such directory yet, or the session will say what is wrong.
        return false
      }
    },
  )

const heldIfAny = (root: string, descriptors: string | undefined): Held | undefined => {
  try {
    return new Held(absoluteRoot(root), { limit: HELD, descriptors })
  } catch {
    return undefined
  }
}
