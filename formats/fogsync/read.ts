/** Reads the entries of snapshots. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SourceError } from "../../stages/walk/errors.ts"
import { contentError } from "../../stages/fetch/content.ts"
import type { Content, Entry } from "../../stages/walk/entry.ts"
import { selectEntries } from "../../stages/walk/select_entries.ts"
import type { FormatError } from "../error.ts"
import type { ReadOptions, SnapshotInfo } from "../repository.ts"
import { contentIdOf, refFromChunks } from "./bptr.ts"
import type { BlockReader } from "./block_read.ts"
import type { Listed } from "./listing.ts"
import { walkRoot } from "./listing_read.ts"
import { type Opened, readerOf } from "./opened.ts"
import { readRoot } from "./snapshot.ts"

/** The entries of a snapshot, each with its content as a stream. */
export const entries = (
  opened: Opened,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(Effect.map(readRoot(opened, snapshot.id), (root) => {
    const reader = readerOf(opened)
    const all = walkRoot(reader, root, {
      lost: (problem) => options.problem?.(problem),
    })
    return Stream.map(selectEntries(all, options), (entry) => {
      const { chunks: _chunks, host: _host, listing: _listing, ...bare } = entry
      if (entry.kind !== "file") return bare
      const named = { ...bare, ...contentIdOf(entry.chunks, entry.size) }
      return options.content === false ? named : { ...named, content: contentOf(opened, reader, entry) }
    })
  }))

/**
 * The content of a file. Fails with `damaged` at the first byte that is lost, or at its end when its size or hash is
 * not what the listing says.
 */
const contentOf = ({ keys }: Opened, reader: BlockReader, { chunks, path, size }: Listed): Content => {
  const ref = refFromChunks(chunks, size)
  if (ref === undefined) return new Uint8Array(0)
  const damaged = (message: string): SourceError =>
    new SourceError({ reason: "damaged", path, message: `Its content is lost: ${message}` })
  return Stream.suspend(() => {
    const state = keys.hasher.create()
    let length = 0
    return reader.data(ref.bptr, "a file", size).pipe(
      Stream.mapError((error) => contentError(path, error)),
      Stream.map((bytes) => {
        state.update(bytes)
        length += bytes.length
        return bytes
      }),
      Stream.concat(Stream.fromEffectDrain(Effect.suspend(() => {
        if (length !== size) return Effect.fail(damaged(`it has ${length} bytes instead of ${size}`))
        return state.digest().every((byte, i) => byte === ref.sha256[i])
          ? Effect.void
          : Effect.fail(damaged("its hash is not the one that its listing says"))
      }))),
    )
  })
}
