/** Reads the one snapshot of an archive. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { SourceError } from "../../stages/walk/source.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { wanted } from "../../stages/walk/wanted.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { ReadOptions, SnapshotInfo } from "../repository.ts"
import { type Archive, loadArchive } from "./archive_read.ts"
import { fileContent } from "./content_read.ts"
import type { StoredContent } from "./index.ts"
import { isEmpty } from "./index_mark.ts"
import type { Opened } from "./opened.ts"
import { walkKey } from "./paths.ts"

/** What is known of a snapshot. The format keeps neither time nor host: they are 0 and empty. */
export const infoOf = ({ id, index: { directories, files } }: Archive): SnapshotInfo => ({
  id,
  time: 0,
  hostname: "",
  username: "",
  paths: [],
  tags: [],
  files: files.length,
  directories: directories.length,
  bytes: files.reduce((sum, { content }) => sum + content.size, 0),
})

/** None when the archive is empty, as a new one is; else one. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.map(loadArchive(opened), (archive) => isEmpty(archive.index) ? [] : [infoOf(archive)])

/** Files and empty directories, as a walk gives them. */
export const entries = (
  opened: Opened,
  snapshot: SnapshotInfo,
  options: ReadOptions = {},
): Stream.Stream<Entry, FormatError> =>
  Stream.unwrap(Effect.gen(function* () {
    const { fingerprint, id, index } = yield* loadArchive(opened)
    if (id !== snapshot.id) {
      return yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${snapshot.id}` })
    }
    return wanted(
      Stream.fromIterable(listed({ fingerprint, index }, options.content === false ? undefined : opened)),
      options,
    )
  }))

/** Both lists are in the order of a walk, and become one. */
function* listed(
  { fingerprint, index: { directories, files } }: Pick<Archive, "fingerprint" | "index">,
  opened: Opened | undefined,
): Generator<Entry, void> {
  let next = 0
  const directory = (path: string): Entry => ({ path, kind: "directory", metadata: {}, size: 0 })
  for (const { content, path } of files) {
    const key = walkKey(path, false)
    while (next < directories.length && walkKey(directories[next]!, true) < key) yield directory(directories[next++]!)
    const entry: Entry = { path, kind: "file", metadata: {}, size: content.size }
    yield opened === undefined ? entry : { ...entry, content: contentOf(opened, fingerprint, content, path) }
  }
  while (next < directories.length) yield directory(directories[next++]!)
}

/**
 * The content of a file. When it is not there, another run may have put another archive in the place of the one that
 * was listed.
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
