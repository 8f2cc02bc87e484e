/** The one snapshot of an archive. SPEC.md, "Snapshots". */
import * as Effect from "effect/Effect"
import { type FormatError, RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import type { Archive } from "./archive.ts"
import { loadArchive } from "./archive_read.ts"
import { isEmpty } from "./index.ts"
import type { Opened } from "./opened.ts"

/** What is known of the snapshot. The format keeps neither time nor host, so they are 0 and empty. */
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

/** One snapshot, or none when the archive is empty, as a new one is. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.map(loadArchive(opened), (archive) => isEmpty(archive.index) ? [] : [infoOf(archive)])

/** The archive that holds a snapshot. Fails with `unknown-snapshot` when the archive holds another one. */
export const findSnapshot = (opened: Opened, { id }: SnapshotInfo): Effect.Effect<Archive, FormatError> =>
  Effect.flatMap(
    loadArchive(opened),
    (archive) =>
      archive.id === id
        ? Effect.succeed(archive)
        : Effect.fail(new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${id}` })),
  )
