import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SqliteError } from "./sqlite/sqlite.ts"
import { sameId } from "../hash/chunk_list.ts"
import type { Planned, Steps } from "../plan/plan.ts"
import type { Entry } from "../walk/entry.ts"
import { baseName, parentPath } from "../walk/path.ts"

/** A file of an earlier snapshot. */
export interface Earlier extends Omit<Entry, "content"> {
  /** Its chunks: a chunk list. */
  readonly chunks: Uint8Array
}

/**
 * A change this close to the earlier snapshot's start may have the same time stamp as what was read then, in
 * nanoseconds.
 */
const CLOCK_TICK = 20_000_000n

/** What tells that a file has not changed: its metadata, or that its `contentId` is the same, whatever its metadata. */
export type Compare = "metadata" | "content"

/**
 * Marks files that have not changed since an earlier snapshot, so that `pack` does not open them. Unchanged means: same
 * size, mtime, ctime and inode, as far as the source knows them (mtime it must know), and all of them older than the
 * start of the earlier snapshot.
 *
 * When contents are compared, a file has not changed when its `contentId` is that of the earlier one; without one it is
 * read.
 *
 * `earlier` may throw {@link SqliteError}, as the catalog of an earlier snapshot does where it is damaged: such a file
 * is read again.
 */
export const reuse = (
  earlier: (path: string) => Earlier | undefined,
  /** When the earlier snapshot began, in milliseconds since 1970. */
  started: number,
  compare: Compare = "metadata",
): {
  <S extends Steps, E, R>(self: Stream.Stream<Planned<S>, E, R>): Stream.Stream<Planned<S>, E, R>
} => {
  const limit = BigInt(Math.floor(started)) * 1_000_000n - CLOCK_TICK
  return (self) =>
    Stream.map(self, (entry) => {
      if (entry.kind !== "file") return entry
      const before = readable(earlier, entry.path)
      if (before === undefined) return entry
      const same = compare === "content" ? sameContent(entry, before) : unchanged(entry, before, limit)
      return same ? { ...entry, known: before.chunks } : entry
    })
}

/**
 * The same for formats that keep a listing of each directory, and perhaps not all that tells of a change: what the
 * listing does not have is not compared, but for mtime. `listing` gives the files of a directory, by name; none when it
 * was not there. It is asked once for each directory that has files, in the order of the walk.
 */
export const reuseListed = <E2, R2>(
  listing: (directory: string) => Effect.Effect<ReadonlyMap<string, Earlier>, E2, R2>,
  /** When the earlier snapshot began, in milliseconds since 1970. */
  started: number,
  /** Resolution of the times that the listings keep, in nanoseconds. */
  resolution = 1n,
  compare: Compare = "metadata",
): {
  <S extends Steps, E, R>(self: Stream.Stream<Planned<S>, E, R>): Stream.Stream<Planned<S>, E | E2, R | R2>
} => {
  const tick = resolution > CLOCK_TICK ? resolution : CLOCK_TICK
  const limit = BigInt(Math.floor(started)) * 1_000_000n - tick
  return (self) => {
    let directory: string | undefined
    let files: ReadonlyMap<string, Earlier> = new Map()
    const mark = <S extends Steps>(entry: Planned<S>): Planned<S> => {
      const before = files.get(baseName(entry.path))
      if (before === undefined) return entry
      const same = compare === "content"
        ? sameContent(entry, before)
        : unchangedAsFarAsListed(entry, before, limit, resolution)
      return same ? { ...entry, known: before.chunks } : entry
    }
    return Stream.mapArrayEffect(
      self,
      Effect.fnUntraced(function* (entries) {
        const out: Array<typeof entries[number]> = []
        for (const entry of entries) {
          if (entry.kind !== "file") {
            out.push(entry)
            continue
          }
          const parent = parentPath(entry.path)
          if (parent !== directory) {
            files = yield* listing(parent)
            directory = parent
          }
          out.push(mark(entry))
        }
        return out as unknown as typeof entries
      }),
    )
  }
}

const readable = (earlier: (path: string) => Earlier | undefined, path: string): Earlier | undefined => {
  try {
    return earlier(path)
  } catch (error) {
    if (error instanceof SqliteError) return undefined
    throw error
  }
}

const sameContent = (now: Entry, before: Earlier): boolean =>
  before.kind === "file" && now.contentId !== undefined && before.contentId !== undefined &&
  sameId(now.contentId, before.contentId)

const unchanged = (now: Entry, before: Earlier, limit: bigint): boolean => {
  const { mtime, ctime, inode } = now.metadata
  return before.kind === "file" && now.size === before.size && mtime !== undefined && mtime === before.metadata.mtime &&
    ctime === before.metadata.ctime && inode === before.metadata.inode && (ctime ?? mtime) < limit
}

const unchangedAsFarAsListed = (now: Entry, before: Earlier, limit: bigint, resolution: bigint): boolean => {
  const { mtime, ctime, inode } = now.metadata
  const same = (a: bigint | undefined, b: bigint | undefined): boolean =>
    b === undefined || (a !== undefined && floor(a, resolution) === floor(b, resolution))
  return before.kind === "file" && (before.size === undefined || now.size === before.size) &&
    mtime !== undefined && before.metadata.mtime !== undefined && same(mtime, before.metadata.mtime) &&
    same(ctime, before.metadata.ctime) && (before.metadata.inode === undefined || inode === before.metadata.inode) &&
    (ctime ?? mtime) < limit
}

const floor = (time: bigint, resolution: bigint): bigint => time - ((time % resolution) + resolution) % resolution
