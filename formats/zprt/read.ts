/** Reads the entries of the snapshot in an archive. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { SourceError } from "../../stages/walk/errors.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { selectEntries } from "../../stages/walk/select_entries.ts"
import type { FormatError } from "../error.ts"
import type { ReadOptions, SnapshotInfo } from "../repository.ts"
import type { Archive } from "./archive.ts"
import { loadArchive } from "./archive_read.ts"
import { fileContent } from "./content_read.ts"
import type { StoredContent } from "./index.ts"
import type { Opened } from "./opened.ts"
import { walkKey } from "./paths.ts"
import { findSnapshot } from "./snapshot.ts"

/** Files and empty directories, in the order of a walk. */
export const entries = (
  opened: Opened,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(
    Effect.map(findSnapshot(opened, snapshot), (archive) =>
      selectEntries(Stream.fromIterable(entriesOf(archive, options.content === false ? undefined : opened)), options)),
  )

/**
 * Merges the two lists of the index, which are each in the order of a walk. Without `opened`, files have no content.
 */
function* entriesOf(
  { fingerprint, index: { directories, files } }: Archive,
  opened: Opened | undefined,
): Generator<Entry, void> {
  let next = 0
  const directory = (path: string): Entry => ({ path, kind: "directory", metadata: {}, size: 0 })
  for (const { content, path } of files) {
    const key = walkKey(path, false)
    while (next < directories.length && walkKey(directories[next]!, true) < key) yield directory(directories[next++]!)
    const entry: Entry = { path, kind: "file", metadata: {}, size: content.size, contentId: content.hash }
    yield opened === undefined ? entry : { ...entry, content: contentOf(opened, fingerprint, content, path) }
  }
  while (next < directories.length) yield directory(directories[next++]!)
}

/**
 * The content of a file. When it cannot be read, another run may have replaced the archive since its entries were
 * listed: then the error says so.
 */
const contentOf = (
  opened: Opened,
  fingerprint: string,
  content: StoredContent,
  path: string,
): Stream.Stream<Uint8Array, SourceError> =>
  Stream.catch(fileContent(opened, content, path), (error) =>
    Stream.fromEffect(
      Effect.flatMap(Effect.option(loadArchive(opened)), (now) =>
        Effect.fail(
          Option.isSome(now) && now.value.fingerprint !== fingerprint
            ? new SourceError({
              reason: "io",
              path,
              message: "Its content was not read: another backup replaced the archive meanwhile; run again",
              cause: error,
            })
            : error,
        )),
    ))
