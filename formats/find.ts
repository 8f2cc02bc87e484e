/** Looks for entries in many snapshots of a repository, and for the versions of one file. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Entry } from "../stages/walk/entry.ts"
import { type Change, changeBetween, holdsSame } from "./diff.ts"
import { type FormatError, isDamage } from "./error.ts"
import type { Problem, ReadOptions, Repository, SnapshotEntry, SnapshotInfo } from "./repository.ts"

/** What to look for in a snapshot. */
export interface Sought {
  /** Whether an entry is looked for. */
  readonly wanted: (entry: Entry) => boolean
  /** False for what need not be looked at; all is looked at by default. As `ReadOptions.include`. */
  readonly include?: ReadOptions["include"]
}

/** An entry that was found. */
export interface Found {
  /** The snapshot that it is in. */
  readonly snapshot: SnapshotInfo
  /** What was found. */
  readonly entry: SnapshotEntry
  /**
   * In what it differs from the snapshot before of the same host and paths, of those that were looked at; see
   * {@link Change}. Absent if it does not.
   */
  readonly change?: Exclude<Change["what"], "removed">
}

/**
 * Looks for entries in snapshots, one snapshot after the other, which should be the oldest first. It remembers what it
 * found in the last snapshot of each host and set of paths. `problem` is called for what cannot be listed, with the
 * path `""` for a whole snapshot. Without it, such a snapshot is a failure.
 *
 * @example In which snapshots is a file, and where did it change?
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { find, memorySource, ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const changes = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("secret") })
 *   for (const content of ["one", "one", "two"]) {
 *     const entries = memorySource({ "notes.txt": { content, mtime: 1n } }).entries("", {})
 *     yield* repository.backup(entries, { paths: ["/home/me"], parent: "none" })
 *   }
 *   const wanted = () => ({ wanted: ({ path }: { readonly path: string }) => path === "notes.txt" })
 *   const found = yield* Stream.runCollect(find(repository, yield* repository.snapshots, wanted))
 *   return found.map(({ change }) => change)
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = changes.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(await Effect.runPromise(program), ["added", undefined, "content"])
 * ```
 */
export const find = (
  repository: Repository,
  snapshots: ReadonlyArray<SnapshotInfo>,
  sought: (snapshot: SnapshotInfo) => Sought,
  problem?: (problem: Problem, snapshot: SnapshotInfo) => void,
): Stream.Stream<Found, FormatError> =>
  Stream.suspend(() => {
    const last = new Map<string, ReadonlyMap<string, SnapshotEntry>>()
    return Stream.flatMap(Stream.fromIterable(snapshots), (snapshot) =>
      Stream.suspend(() => {
        const line = lineOf(snapshot)
        const before = last.get(line)
        const now = new Map<string, SnapshotEntry>()
        last.set(line, now)
        const { include, wanted } = sought(snapshot)
        const entries = repository.entries(snapshot, {
          content: false,
          chunks: true,
          ...(include === undefined ? {} : { include }),
          ...(problem === undefined ? {} : { problem: (one) => problem(one, snapshot) }),
        })
        return Stream.filter(entries, wanted).pipe(
          Stream.map((entry): Found => {
            now.set(entry.path, entry)
            const change = changeSince(before?.get(entry.path), entry)
            return { snapshot, entry, ...(change === undefined ? {} : { change }) }
          }),
          Stream.catchIf((error) => problem !== undefined && isDamage(error), ({ message }) => {
            if (before !== undefined) last.set(line, before)
            problem!({ path: "", message }, snapshot)
            return Stream.empty
          }),
        )
      }))
  })

/** Names the line of snapshots that show one tree as time goes by. */
const lineOf = ({ hostname, paths }: SnapshotInfo): string => JSON.stringify([hostname, ...paths])

const changeSince = (before: SnapshotEntry | undefined, now: SnapshotEntry): Found["change"] => {
  if (before === undefined) return "added"
  const what = changeBetween({ before, after: now }, holdsSame(before, now) ?? looksSame(before, now))?.what
  return what === "removed" ? undefined : what
}

/** For files that do not show their content. */
const looksSame = (one: SnapshotEntry, other: SnapshotEntry): boolean =>
  one.size === other.size && one.metadata.mtime === other.metadata.mtime

/** A version of what is at one path: the same kind and content, whatever its time, mode and owner. */
export interface Version {
  /** As the first of the snapshots has it. */
  readonly entry: SnapshotEntry
  /** The snapshots that have this version, in the order in which they were looked at. */
  readonly snapshots: ReadonlyArray<SnapshotInfo>
}

/**
 * The versions of one file among what {@link find} gives, each once, the first first. Where the format shows neither
 * hashes nor chunks, files of the same size and time are taken for one version.
 *
 * @example List the versions of a file
 * ```ts
 * import { Effect } from "effect"
 * import { find, type FormatError, type Repository, versionsOf } from "@penstock/penstock"
 *
 * export const countVersions = (repository: Repository, path: string): Effect.Effect<number, FormatError> =>
 *   Effect.gen(function* () {
 *     const found = find(repository, yield* repository.snapshots, () => ({ wanted: (entry) => entry.path === path }))
 *     return (yield* versionsOf(found)).length
 *   })
 * ```
 */
export const versionsOf = <E, R>(found: Stream.Stream<Found, E, R>): Effect.Effect<ReadonlyArray<Version>, E, R> =>
  Effect.suspend(() => {
    const versions = new Map<string, { readonly entry: SnapshotEntry; readonly snapshots: Array<SnapshotInfo> }>()
    const add = ({ entry, snapshot }: Found): void => {
      const name = versionName(entry)
      const known = versions.get(name)
      if (known === undefined) versions.set(name, { entry, snapshots: [snapshot] })
      else known.snapshots.push(snapshot)
    }
    return Effect.map(Stream.runForEach(found, (one) => Effect.sync(() => add(one))), () => [...versions.values()])
  })

/** Equal for equal kinds and contents. */
const versionName = ({ chunks, contentId, kind, metadata, rdev, size, target }: SnapshotEntry): string => {
  const content = contentId ?? chunks
  return JSON.stringify([
    kind,
    target,
    rdev,
    kind !== "file"
      ? ""
      : size === 0
      ? 0
      : content === undefined
      ? [size, String(metadata.mtime)]
      : bytesToHex(content),
  ])
}
