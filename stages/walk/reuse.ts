import * as Stream from "effect/Stream"
import type { Planned, Steps } from "../plan.ts"
import type { Entry } from "./entry.ts"

/** A file of an earlier snapshot. */
export interface Earlier extends Omit<Entry, "content"> {
  /** Its chunks: a chunk list. */
  readonly chunks: Uint8Array
}

/** A change this close to the earlier snapshot's start may have the same time stamp as what was read then, in nanoseconds. */
const CLOCK_TICK = 20_000_000n

/**
 * Marks files that have not changed since an earlier snapshot, so that `pack` does not open them. Unchanged means: same size, mtime,
 * ctime and inode, as far as the source knows them (mtime it must know), and all of them older than the start of the earlier snapshot.
 */
export const reuse = (
  earlier: (path: string) => Earlier | undefined,
  /** When the earlier snapshot began, in milliseconds since 1970. */
  started: number,
): {
  <S extends Steps, E, R>(self: Stream.Stream<Planned<S>, E, R>): Stream.Stream<Planned<S>, E, R>
} => {
  const limit = BigInt(Math.floor(started)) * 1_000_000n - CLOCK_TICK
  return (self) =>
    Stream.map(self, (entry) => {
      if (entry.kind !== "file") return entry
      const before = earlier(entry.path)
      return before !== undefined && unchanged(entry, before, limit) ? { ...entry, known: before.chunks } : entry
    })
}

const unchanged = (now: Entry, before: Earlier, limit: bigint): boolean => {
  const { mtime, ctime, inode } = now.metadata
  return before.kind === "file" && now.size === before.size && mtime !== undefined && mtime === before.metadata.mtime &&
    ctime === before.metadata.ctime && inode === before.metadata.inode && (ctime ?? mtime) < limit
}
