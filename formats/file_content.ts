/** Reads one file of a snapshot. */
import * as Stream from "effect/Stream"
import { contentStream } from "../stages/walk/content.ts"
import type { SourceError } from "../stages/walk/errors.ts"
import type { FormatError } from "./error.ts"
import type { ReadOptions, Repository, SnapshotInfo } from "./repository.ts"

/** Chooses one path, in any form that `ReadOptions.include` is asked. */
export const onlyPath = (path: string): NonNullable<ReadOptions["include"]> => (other, kind) =>
  other === path || (kind === undefined && (other === "" || path.startsWith(`${other}/`)))

/**
 * The content of a file of a snapshot. Gives nothing if there is no such file. Fails with `damaged` where it is lost.
 *
 * @example Read one file of the latest snapshot
 * ```ts
 * import { Effect, Stream } from "effect"
 * import { fileContent, type FormatError, type Repository, type SourceError } from "@penstock/penstock"
 *
 * export const notes = (repository: Repository): Effect.Effect<string, FormatError | SourceError> =>
 *   Effect.flatMap(repository.snapshots, (snapshots) =>
 *     Stream.mkString(Stream.decodeText(fileContent(repository, snapshots.at(-1)!, "notes.txt"))))
 * ```
 */
export const fileContent = (
  repository: Repository,
  snapshot: SnapshotInfo,
  path: string,
): Stream.Stream<Uint8Array, FormatError | SourceError> =>
  repository.entries(snapshot, { include: onlyPath(path) }).pipe(
    Stream.filter((entry) => entry.path === path),
    Stream.flatMap(contentStream),
  )
