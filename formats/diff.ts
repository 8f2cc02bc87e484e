/** Finds out in what two snapshots of a repository differ. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { FormatError } from "./error.ts"
import { merge, type Pair } from "./merge.ts"
import { PieceDifference, type Pieces } from "./pieces.ts"
import type { Problem, ReadOptions, Repository, SnapshotEntry, SnapshotInfo } from "./repository.ts"
import { sameBytes, sameContent } from "./same_content.ts"

/** A fact of an entry beside its content. */
export type EntryFact = "mode" | "uid" | "gid" | "user" | "group" | "mtime" | "linkTo"

/** A path at which two snapshots differ. */
export interface Change {
  /** The same in both snapshots. */
  readonly path: string
  /**
   * - `added`, `removed`: only the second, or only the first snapshot has it. A directory that becomes something else
   *   is removed, and what takes its place is added.
   * - `type`: it became something else, such as a symlink.
   * - `content`: the content of a file, the target of a symlink, or the numbers of a device.
   * - `metadata`: nothing but facts.
   */
  readonly what: "added" | "removed" | "type" | "content" | "metadata"
  /** What the first snapshot has there. */
  readonly before?: SnapshotEntry
  /** What the second snapshot has there. */
  readonly after?: SnapshotEntry
  /** The facts that differ. Facts that one of the two does not have do not count. */
  readonly facts: ReadonlyArray<EntryFact>
  /** The content of a file differs, though its size, times and all other facts are the same: a disk may have failed. */
  readonly silent?: true
}

/** What was added, or removed. */
export interface DifferenceCounts {
  /** How many files. */
  readonly files: number
  /** How many directories. */
  readonly directories: number
  /** Symlinks, FIFOs, sockets and devices. */
  readonly others: number
  /** Chunks that only one of the snapshots has, or whole contents where a format shares only these. */
  readonly chunks: number
  /** Bytes of these chunks before compression. */
  readonly bytes: number
}

/** Two snapshots compared as a whole. */
export interface DifferenceSummary {
  /** What only the second snapshot has. */
  readonly added: DifferenceCounts
  /** What only the first snapshot has. */
  readonly removed: DifferenceCounts
  /** Files with another content. */
  readonly changed: number
}

/** How to compare snapshots. */
export interface DiffOptions {
  /** Which entries are compared; all by default. As `ReadOptions.include`. */
  readonly include?: ReadOptions["include"]
  /** Whether to tell of entries of which only facts have changed. False by default. */
  readonly metadata?: boolean
  /** Called at the end. To count chunks, each takes 16 bytes of memory; without this function they are not counted. */
  readonly summary?: (summary: DifferenceSummary) => void
  /** Called for entries that cannot be listed or compared. */
  readonly problem?: (problem: Problem) => void
}

/**
 * The paths at which two snapshots differ, in the order in which the repository lists them. Contents are compared by
 * their chunks or hashes, so a change that leaves size and time alone is found, and nothing is read but lists of files.
 * (Of a format that has neither, files of the same size are read.) Memory does not grow with the snapshots, unless they
 * list entries in different orders.
 *
 * @example See what a second backup changed
 * ```ts
 * import { Effect, Redacted, Stream } from "effect"
 * import { diff, memorySource, ObjectStore, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const changes = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("secret") })
 *   const backup = (tree: Parameters<typeof memorySource>[0]) =>
 *     repository.backup(memorySource(tree).entries("", {}), { paths: ["/home/me"] })
 *   yield* backup({ "a.txt": { content: "1" }, "b.txt": { content: "2" } })
 *   yield* backup({ "a.txt": { content: "3" }, "c.txt": { content: "2" } })
 *   const [before, after] = yield* repository.snapshots
 *   return yield* Stream.runCollect(diff(repository, before!, after!))
 * })
 *
 * const store = await Effect.runPromise(memoryStore.make())
 * const program = changes.pipe(Effect.scoped, Effect.provideService(ObjectStore, store), Effect.provide(accelerators))
 * assert.deepEqual(
 *   (await Effect.runPromise(program)).map(({ path, what }) => `${what} ${path}`),
 *   ["content a.txt", "removed b.txt", "added c.txt"],
 * )
 * ```
 */
export const diff = (
  repository: Repository,
  before: SnapshotInfo,
  after: SnapshotInfo,
  options: DiffOptions = {},
): Stream.Stream<Change, FormatError> =>
  Stream.suspend(() => {
    const { include, metadata = false, problem, summary } = options
    const tally = makeTally(summary !== undefined)
    const entries = (snapshot: SnapshotInfo): Stream.Stream<SnapshotEntry, FormatError> =>
      repository.entries(snapshot, {
        content: false,
        chunks: true,
        ...(include === undefined ? {} : { include }),
        ...(problem === undefined ? {} : { problem }),
      })
    /** Reads two files of which nothing else tells whether they are the same. */
    const settled = (compared: Compared): Effect.Effect<Change | undefined, FormatError> => {
      if (!("unclear" in compared)) return Effect.succeed(compared)
      const { unclear } = compared
      const { path } = unclear.after
      return sameBytes(repository, before, after, path).pipe(
        Effect.map((same) => changeBetween(unclear, same)),
        Effect.catchTag("SourceError", ({ message }) =>
          Effect.sync(() => {
            problem?.({ path, message: `Cannot be compared: ${message}` })
            return undefined
          })),
      )
    }
    const changes = merge(entries(before), entries(after), repository.order).pipe(
      Stream.mapArray((pairs) => {
        for (const pair of pairs) tally.see(pair)
        return [pairs.flatMap((pair) => compare(pair) ?? [])]
      }),
      Stream.flattenIterable,
      Stream.mapEffect(settled),
      Stream.filter((change) => change !== undefined),
      Stream.tap((change) => Effect.sync(() => tally.count(change))),
      Stream.filter(({ what }) => metadata || what !== "metadata"),
    )
    return Stream.concat(changes, Stream.fromEffectDrain(Effect.sync(() => summary?.(tally.summary()))))
  })

/** A change, or two files of which only the bytes tell whether they are the same. */
type Compared = Change | { readonly unclear: Both }

/** What two snapshots have at one path. */
export interface Both {
  readonly before: SnapshotEntry
  readonly after: SnapshotEntry
}

/** Compares what a listing shows. Undefined if it shows no change. */
const compare = ({ after, before }: Pair<SnapshotEntry>): Compared | undefined => {
  if (before === undefined) return { path: after!.path, what: "added", after: after!, facts: [] }
  if (after === undefined) return { path: before.path, what: "removed", before, facts: [] }
  const same = holdsSame(before, after)
  return same === undefined ? { unclear: { before, after } } : changeBetween({ before, after }, same)
}

/** Whether what is at a path holds the same: the same content, target or device. Undefined if only bytes can tell. */
export const holdsSame = (before: SnapshotEntry, after: SnapshotEntry): boolean | undefined =>
  before.kind === "file" && after.kind === "file"
    ? sameContent(before, after)
    : before.target === after.target && before.rdev?.major === after.rdev?.major &&
      before.rdev?.minor === after.rdev?.minor

/** What makes the second of two entries different. `same`: whether they hold the same. */
export const changeBetween = ({ after, before }: Both, same: boolean): Change | undefined => {
  const { path } = after
  const facts = factsBetween(before, after)
  if (before.kind !== after.kind) return { path, what: "type", before, after, facts }
  if (same) return facts.length === 0 ? undefined : { path, what: "metadata", before, after, facts }
  const silent = before.kind === "file" && facts.length === 0 && before.size === after.size &&
    before.metadata.mtime !== undefined && before.metadata.ctime === after.metadata.ctime
  return { path, what: "content", before, after, facts, ...(silent ? { silent } : {}) }
}

const FACTS = ["mode", "uid", "gid", "user", "group", "mtime"] as const

const factsBetween = (before: SnapshotEntry, after: SnapshotEntry): ReadonlyArray<EntryFact> => {
  const [old, now] = [before.metadata, after.metadata]
  const facts: Array<EntryFact> = FACTS.filter((fact) =>
    old[fact] !== undefined && now[fact] !== undefined && old[fact] !== now[fact]
  )
  if (before.linkTo !== after.linkTo) facts.push("linkTo")
  return facts
}

/** Counts for the summary. Without `pieces` it does not count chunks. */
const makeTally = (pieces: boolean) => {
  const difference = pieces ? new PieceDifference() : undefined
  const [added, removed] = [{ files: 0, directories: 0, others: 0 }, { files: 0, directories: 0, others: 0 }]
  let changed = 0
  return {
    see: ({ after, before }: Pair<SnapshotEntry>): void => {
      if (before !== undefined) difference?.before(before)
      if (after !== undefined) difference?.after(after)
    },
    count: ({ after, before, what }: Change): void => {
      if (what === "content" && after?.kind === "file") changed += 1
      const counts = what === "added" ? added : what === "removed" ? removed : undefined
      if (counts === undefined) return
      const { kind } = after ?? before!
      counts[kind === "file" ? "files" : kind === "directory" ? "directories" : "others"] += 1
    },
    summary: (): DifferenceSummary => ({
      added: { ...added, ...chunksOf(difference?.added) },
      removed: { ...removed, ...chunksOf(difference?.removed) },
      changed,
    }),
  }
}

const chunksOf = ({ bytes, pieces }: Pieces = { pieces: 0, bytes: 0 }) => ({ chunks: pieces, bytes })
