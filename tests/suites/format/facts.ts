/** What is known of the entries of a snapshot, to compare the entries that a format gives with those that it got. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { Effect, Stream } from "effect"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { Fidelity } from "../../../stages/walk/fidelity.ts"
import type { Content, Entry, Metadata } from "../../../stages/walk/entry.ts"
import type { FormatTraits } from "./traits.ts"
import { isByteName } from "../../../stages/walk/path.ts"

/** The SHA-256 of some pieces together, in hex. */
export const sha256 = (parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(part)
  return hash.digest("hex")
}

/** Reads a content to its end. */
const readAll = (content: Content): Effect.Effect<string, SourceError> => {
  if (content instanceof Uint8Array) return Effect.succeed(sha256([content]))
  if (!Stream.isStream(content)) throw new Error("A repository gives no readers")
  const hash = createHash("sha256")
  return Effect.map(
    Stream.runForEach(content as Stream.Stream<Uint8Array, SourceError>, (bytes) =>
      Effect.sync(() => {
        hash.update(bytes)
      })),
    () => hash.digest("hex"),
  )
}

/** What is known of an entry: its content as a digest, or as `damage` when it is lost. */
export interface Facts {
  readonly kind: string
  readonly metadata: Metadata
  readonly size: number
  readonly content?: string
  readonly damage?: string
  readonly target?: string
  readonly linkTo?: string
  readonly rdev?: Entry["rdev"]
  readonly sparse?: boolean
}

/** The facts of a stream of entries, by path. Fails a test when a path comes twice, or before its directory. */
export const factsOf = <E, R>(
  entries: Stream.Stream<Entry, E, R>,
): Effect.Effect<Map<string, Facts>, E, R> =>
  Effect.gen(function* () {
    const facts = new Map<string, Facts>()
    yield* Stream.runForEach(entries, (entry) =>
      Effect.gen(function* () {
        assert.ok(!facts.has(entry.path), `"${entry.path}" comes twice`)
        const { content, kind, linkTo, metadata, path, rdev, size, sparse, target } = entry
        if (kind === "unreadable") return
        const read = content === undefined ? {} : yield* readAll(content).pipe(
          Effect.map((digest) => ({ content: digest })),
          Effect.catch((error) => {
            assert.equal(error.reason, "damaged", error.message)
            return Effect.succeed({ damage: error.message })
          }),
        )
        facts.set(path, {
          kind,
          metadata,
          size: size ?? 0,
          ...read,
          ...(target === undefined ? {} : { target }),
          ...(linkTo === undefined ? {} : { linkTo }),
          ...(rdev === undefined ? {} : { rdev }),
          ...(sparse === true ? { sparse } : {}),
        })
      }))
    return facts
  })

/** The facts that a format keeps of them. */
export const kept = (
  facts: ReadonlyMap<string, Facts>,
  fidelity: Fidelity,
  traits: Pick<FormatTraits, "directories">,
): Map<string, unknown> => {
  const out = new Map<string, unknown>()
  for (const [path, { linkTo, metadata, sparse, ...fact }] of facts) {
    if (!fidelity.kinds.includes(fact.kind as Entry["kind"])) continue
    if (!fidelity.byteNames && isByteName(path)) continue
    if (fact.kind === "directory" && traits.directories !== true) {
      if (path === "" || [...facts.keys()].some((other) => other.startsWith(`${path}/`))) continue
    }
    out.set(path, {
      ...fact,
      mode: modeKept(fidelity, fact.kind, metadata.mode),
      owner: fidelity.owner ? [metadata.uid, metadata.gid, metadata.user, metadata.group] : undefined,
      mtime: fidelity.mtime === undefined || metadata.mtime === undefined
        ? undefined
        : floorDivide(within(fidelity, metadata.mtime), BigInt(fidelity.mtime)),
      linkTo: fidelity.hardlinks ? linkTo : undefined,
      sparse: fidelity.sparse ? sparse : undefined,
    })
  }
  return out
}

/** The nearest time that is kept. */
export const within = ({ mtimeFrom, mtimeTo }: Fidelity, time: bigint): bigint =>
  mtimeFrom !== undefined && time < mtimeFrom ? mtimeFrom : mtimeTo !== undefined && time > mtimeTo ? mtimeTo : time

const floorDivide = (time: bigint, resolution: bigint): bigint =>
  (time - ((time % resolution) + resolution) % resolution) / resolution

const modeKept = (fidelity: Fidelity, kind: string, mode: number | undefined): number | boolean | undefined =>
  fidelity.mode === true
    ? mode
    : fidelity.mode === "execute" && kind === "file"
    ? mode !== undefined && (mode & 0o100) !== 0
    : undefined

/** By key. */
export const sorted = (map: ReadonlyMap<string, unknown>): ReadonlyArray<unknown> =>
  [...map].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
