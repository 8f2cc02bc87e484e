/** Copies one repository to another of the same format. Only what the other does not have is read and written. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { convertOne, type ConvertOptions, eachMissing, type Made } from "./convert.ts"
import { counterparts } from "./counterparts.ts"
import { type FormatError, RepositoryError } from "./error.ts"
import { chooseParent } from "./parent.ts"
import type { Copier, Repository, SnapshotInfo } from "./repository.ts"

/** What to copy. */
export type CopyOptions = ConvertOptions

/** The outcome for a snapshot that was to be copied. */
export type Copied = Made<"copied">

/**
 * Makes snapshots of one repository in another of the same format, with their times, names, paths and tags. Gives the
 * outcome for each snapshot. Snapshots that the target has already are left alone, so a copy can be repeated, and goes
 * on where a run that was killed has ended. A copy that lacks files that the source had lost is made again when the
 * source has more of them.
 *
 * Where the format has a {@link Repository.copier}, chunks are copied as they are, and chunks that the target has are
 * not read. Elsewhere contents are read and written file by file. A file is not read when the target's newest snapshot
 * of the same host and paths has it at the same path with the same content, in formats that name contents without a
 * key.
 *
 * Fails with `foreign` when the formats differ.
 *
 * @example Copy a repository to another that has another password
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { copy, ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const file = { path: "notes.txt", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(104, 105) } as const
 *
 * const outcomes = Effect.gen(function* () {
 *   const create = (password: string) => rozen.create({ password: Redacted.make(password) })
 *   const from = yield* Effect.provideService(create("one password"), ObjectStore, yield* memoryStore.make())
 *   const to = yield* Effect.provideService(create("another one"), ObjectStore, yield* memoryStore.make())
 *   yield* from.backup(Stream.succeed(file), { paths: ["/home/me"] })
 *   const first = yield* Stream.runCollect(copy(from, to))
 *   return [...first, ...yield* Stream.runCollect(copy(from, to))]
 * })
 *
 * const program = outcomes.pipe(Effect.scoped, Effect.provide(accelerators))
 * assert.deepEqual((await Effect.runPromise(program)).map(({ outcome }) => outcome), ["copied", "there"])
 * ```
 */
export const copy = (
  from: Repository,
  to: Repository,
  options: CopyOptions = {},
): Stream.Stream<Copied, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    if (from.format !== to.format) {
      return yield* new RepositoryError({
        reason: "foreign",
        message: `A copy is of one format, but the source is of ${from.format} and the target of ${to.format}: ` +
          "use penstock convert",
      })
    }
    const wanted = options.snapshots ?? (yield* from.snapshots)
    const there = copies(from, to, yield* from.snapshots, yield* to.snapshots)
    if (wanted.every(({ id }) => there.has(id))) return eachMissing(wanted, there, () => Effect.die("None is missing"))
    const copier = yield* to.copier?.(from) ?? Effect.succeed(undefined)
    return eachMissing(
      wanted,
      there,
      (source) => copier === undefined ? copyFiles(from, to, source, options) : copyChunks(copier, source, options),
    )
  }))

/** Copies a snapshot file by file. Files that the newest snapshot of the same host and paths has are not read. */
const copyFiles: (
  from: Repository,
  to: Repository,
  source: SnapshotInfo,
  options: CopyOptions,
) => Effect.Effect<Copied, FormatError> = Effect.fnUntraced(function* (from, to, source, options) {
  const { hostname, paths, time } = source
  const parent = yield* chooseParent(yield* to.snapshots, { hostname, paths, time }, (target) => target)
  const one = yield* convertOne(from, to, source, { ...options, ...(parent === undefined ? {} : { parent }) })
  return one.outcome === "converted" ? { ...one, outcome: "copied" } : one
})

/** Copies a snapshot chunk by chunk. */
const copyChunks = (
  copier: Copier,
  source: SnapshotInfo,
  { progress }: CopyOptions,
): Effect.Effect<Copied, FormatError> =>
  Effect.map(
    copier.copy(source, progress === undefined ? {} : { progress: (now) => progress(source, now) }),
    (result): Copied =>
      "lost" in result
        ? { outcome: "lost", source, error: result.lost }
        : "there" in result
        ? { outcome: "there", source, target: result.there }
        : { outcome: "copied", source, target: result.snapshot!, summary: result },
  )

/**
 * Finds the snapshots of the target that are the same as those of the source, by ID of the source: copies of them, the
 * ones that they are copies of, or copies of the same. Where copies do not keep what they are copies of, they are found
 * as {@link counterparts} finds them. A copy that lacks files does not count: the source may have them again.
 */
export const copies = (
  from: Repository,
  to: Repository,
  sources: ReadonlyArray<SnapshotInfo>,
  targets: ReadonlyArray<SnapshotInfo>,
): ReadonlyMap<string, SnapshotInfo> => {
  if (!copiesChunks(from, to)) return counterparts(sources, targets)
  const byOrigin = new Map<string, SnapshotInfo>()
  for (const target of targets) {
    const before = byOrigin.get(originOf(target))
    if ((before?.files ?? 0) <= (target.files ?? 0)) byOrigin.set(originOf(target), target)
  }
  return new Map(sources.flatMap((source) => {
    const target = byOrigin.get(originOf(source))
    return target === undefined || (target.files ?? 0) < (source.files ?? 0) ? [] : [[source.id, target] as const]
  }))
}

/** Whether chunks are copied as they are. */
export const copiesChunks = (from: Repository, to: Repository): boolean => to.copier?.(from) !== undefined

const originOf = ({ id, original }: SnapshotInfo): string => original ?? id
