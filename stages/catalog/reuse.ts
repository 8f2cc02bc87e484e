/** Recognises files that an earlier snapshot has already, so that they need not be read. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SqliteError } from "./sqlite/sqlite.ts"
import { sameId } from "../hash/chunk_list.ts"
import type { Planned, Steps } from "../plan/plan.ts"
import type { Entry } from "../walk/entry.ts"
import { baseName, parentPath } from "../walk/path.ts"

/** A file of an earlier snapshot. */
export interface Earlier extends Omit<Entry, "content"> {
  /** The list of its chunks. */
  readonly chunks: Uint8Array
}

/**
 * A change this shortly before the start of the earlier snapshot may have the same time stamp as what was read then; in
 * nanoseconds.
 */
const CLOCK_TICK = 20_000_000n

/** What shows that a file has not changed: `metadata`, or `content`, which means an equal `contentId`. */
export type Compare = "metadata" | "content"

/**
 * A stage that marks files as unchanged since an earlier snapshot, so that `pack` does not open them. Put it between
 * `walk` and `chunk`. A file is unchanged when its size, mtime, ctime and inode are the same and its times are older
 * than the start of the earlier snapshot. The source must know the mtime; what else it does not know is not compared.
 *
 * With `content`, a file is unchanged when its `contentId` is that of the earlier file. A file without one is read.
 *
 * `earlier` may throw {@link SqliteError}, as a damaged catalog does. The file is then read again.
 *
 * @example Skip a file that the last backup has stored
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { type Earlier, memorySourceLayer, reuse, walk } from "@penstock/penstock"
 *
 * const metadata = { mtime: 1_000_000_000n }
 * const chunks = new Uint8Array(36)
 * const last: Earlier = { path: "a.txt", kind: "file", size: 5, metadata, chunks }
 * const source = memorySourceLayer({ "a.txt": { content: "Hello", ...metadata } })
 * const [, file] = await Effect.runPromise(
 *   walk("").pipe(
 *     reuse((path) => path === "a.txt" ? last : undefined, Date.now()),
 *     Stream.runCollect,
 *     Effect.provide(source),
 *   ),
 * )
 * assert.equal(file?.known, chunks)
 * ```
 */
export const reuse = (
  earlier: (path: string) => Earlier | undefined,
  /** When the earlier snapshot was started, in milliseconds since 1970. */
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
 * {@link reuse} for formats that keep a listing of each directory, perhaps without all metadata. What the listing does
 * not have is not compared, except the mtime, which is needed. `listing` gives the files of a directory by name, and
 * none when the directory did not exist. It is called once for each directory with files, in the order of the walk.
 *
 * @example Skip a file that an earlier listing has
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { type Earlier, memorySourceLayer, walk } from "@penstock/penstock"
 * import { reuseListed } from "@penstock/penstock/format"
 *
 * const metadata = { mtime: 1_000_000_000n }
 * const chunks = new Uint8Array(36)
 * const last: Earlier = { path: "a.txt", kind: "file", size: 5, metadata, chunks }
 * const source = memorySourceLayer({ "a.txt": { content: "Hello", ...metadata } })
 * const [, file] = await Effect.runPromise(
 *   walk("").pipe(
 *     reuseListed(() => Effect.succeed(new Map([["a.txt", last]])), Date.now()),
 *     Stream.runCollect,
 *     Effect.provide(source),
 *   ),
 * )
 * assert.equal(file?.known, chunks)
 * ```
 */
export const reuseListed = <E2, R2>(
  listing: (directory: string) => Effect.Effect<ReadonlyMap<string, Earlier>, E2, R2>,
  /** When the earlier snapshot was started, in milliseconds since 1970. */
  started: number,
  /** The resolution of the times in the listings, in nanoseconds. */
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
    ctime === before.metadata.ctime && inode === before.metadata.inode && latest(ctime ?? mtime) < limit
}

const unchangedAsFarAsListed = (now: Entry, before: Earlier, limit: bigint, resolution: bigint): boolean => {
  const { mtime, ctime, inode } = now.metadata
  const same = (a: bigint | undefined, b: bigint | undefined): boolean =>
    b === undefined || (a !== undefined && floor(a, resolution) === floor(b, resolution))
  return before.kind === "file" && (before.size === undefined || now.size === before.size) &&
    mtime !== undefined && before.metadata.mtime !== undefined && same(mtime, before.metadata.mtime) &&
    same(ctime, before.metadata.ctime) && (before.metadata.inode === undefined || inode === before.metadata.inode) &&
    latest(ctime ?? mtime) < limit
}

/**
 * The latest moment that a time may stand for. A time without a fraction may come from where times have seconds only:
 * Deno gives the time of change so.
 */
const latest = (time: bigint): bigint => time % SECOND === 0n ? time + SECOND - 1n : time

const SECOND = 1_000_000_000n

const floor = (time: bigint, resolution: bigint): bigint => time - ((time % resolution) + resolution) % resolution
