/** Deletes what is in the target and not in the snapshot: `restore --delete`. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { realpathSync } from "node:fs"
import { resolve } from "node:path"
import type { FormatError } from "../../formats/error.ts"
import { TargetError } from "../../stages/walk/errors.ts"
import { tellDeleted, tellNotDeleted } from "../output/restored.ts"
import { UsageError } from "../process/usage_error.ts"
import type { Selection } from "../selection/selection.ts"
import type { Restoring } from "./part.ts"
import type { TargetPart } from "./parts.ts"

/** Fails if everything on this machine that is not in the snapshot would be deleted. */
export const admitDeletion = (target: string, { partial }: Selection): Effect.Effect<void, UsageError> =>
  partial || realPath(target) !== "/" ? Effect.void : Effect.fail(
    new UsageError({
      message: "--delete with --target / must be limited: name a PATH, or give --include or --exclude",
    }),
  )

const realPath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/**
 * Deletes in the directory of a part that was restored. `spare`: paths that stay. If the snapshot does not tell all its
 * files, nothing is deleted: what is missing from its list may be what it has lost.
 */
export const deleteInPart: (
  restoring: Restoring,
  part: TargetPart,
  spare: ReadonlyArray<string>,
) => Effect.Effect<void, FormatError> = Effect.fnUntraced(function* (restoring, part, spare) {
  const { dryRun, out, repository, selection, snapshot, tally } = restoring
  if (part.file) return
  const { deleteOthers } = yield* Effect.promise(() => import("../../adapters/files/target/delete_others.ts"))
  const whole = Effect.suspend(() =>
    tally.unlisted === 0 ? Effect.void : Effect.fail(
      new TargetError({
        reason: "refused",
        path: part.root,
        message: "The snapshot has lost a part of its list of files, see above",
      }),
    )
  )
  const entries = repository.entries(snapshot, {
    // All names count, even of what is not selected.
    include: part.reaches,
    content: false,
    problem: () => tally.unlisted += 1,
  })
  const result = yield* Stream.flattenIterable(
    Stream.mapArray(entries, (all) => [all.flatMap((entry) => part.place(entry) ?? [])]),
  ).pipe(
    Stream.concat(Stream.fromEffectDrain(whole)),
    deleteOthers(part.root, {
      selected: (path, kind) => selection.selects(part.nameOf(path), kind),
      spare,
      dryRun,
      deleted: (path, kind) => tellDeleted(tally, { path: part.nameOf(path), kind }, dryRun, out),
    }),
    Effect.catchTag("TargetError", ({ message }) =>
      Effect.sync(() => {
        tally.failed += 1
        out.warn(`Nothing is deleted in ${part.root}: ${message}`)
        out.row({ type: "problem", message: `Nothing is deleted in ${part.root}: ${message}` })
        return { problems: [] }
      })),
  )
  for (const { message, path } of result.problems) {
    tellNotDeleted(tally, { path: part.nameOf(path), message }, out)
  }
})
