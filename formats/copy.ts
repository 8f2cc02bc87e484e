/** From one repository to another of the same format: only what the other does not have is read and written. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { convertOne, type ConvertOptions, counterparts, eachMissing, type Made } from "./convert.ts"
import { chooseParent } from "./parent.ts"
import type { Copier, Repository, SnapshotInfo } from "./repository.ts"
import { type FormatError, RepositoryError } from "./error.ts"

/** What to copy. */
export type CopyOptions = ConvertOptions

/** What became of a snapshot that was to be copied. */
export type Copied = Made<"copied">

/**
 * Makes snapshots of one repository in another of the same format, with their times, names, paths and tags. A snapshot
 * that is there already is left, so this can be repeated, and goes on where a run that was killed has ended. One that
 * lacks files that the source had lost is made again when the source has more of them.
 *
 * Where the format has a {@link Repository.copier}, chunks go over as they are, and those that the target has are not
 * read. Elsewhere contents are read and written file by file, but for those that the target's newest snapshot of the
 * same host and paths has at the same path, as far as the format names contents without a key.
 *
 * Fails with `foreign` when the formats differ.
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
        message:
          `A copy is of one format, and the source is of ${from.format}, the target of ${to.format}: use penstock convert`,
      })
    }
    const wanted = options.snapshots ?? (yield* from.snapshots)
    const there = copies(from, to, yield* from.snapshots, yield* to.snapshots)
    if (wanted.every(({ id }) => there.has(id))) return eachMissing(wanted, there, () => Effect.die("None is missing"))
    const copier = yield* to.copier?.(from) ?? Effect.succeed(undefined)
    return eachMissing(
      wanted,
      there,
      (source) => copier === undefined ? copyFiles(from, to, source, options) : copyOne(copier, source, options),
    )
  }))

/**
 * Reads and writes the files that the newest snapshot of the same host and paths does not have, by the names of their
 * contents.
 */
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

const copyOne = (
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
 * Which snapshots of the target are those of the source, by ID: copies of them, what they are copies of, or copies of
 * the same. Where copies do not say what they are of, as {@link counterparts} does. One that lacks files is none: the
 * source may have them again.
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

/** Whether chunks go over as they are. */
export const copiesChunks = (from: Repository, to: Repository): boolean => to.copier?.(from) !== undefined

const originOf = ({ id, original }: SnapshotInfo): string => original ?? id
