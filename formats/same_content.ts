/** Tells whether two files of one repository have the same content. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { blake3 } from "../stages/hash/blake3.ts"
import { sameId } from "../stages/hash/chunk_list.ts"
import { makeKernel } from "../stages/kernel/kernel.ts"
import type { SourceError } from "../stages/walk/errors.ts"
import type { FormatError } from "./error.ts"
import { fileContent } from "./file_content.ts"
import type { Repository, SnapshotEntry, SnapshotInfo } from "./repository.ts"

/**
 * Whether two files have the same content, as far as a listing shows. Undefined if only their bytes can tell. Contents
 * that are cut differently, as those that another repository cut before they were copied, count as different.
 */
export const sameContent = (a: SnapshotEntry, b: SnapshotEntry): boolean | undefined => {
  if (a.contentId !== undefined && b.contentId !== undefined) return sameId(a.contentId, b.contentId)
  if (a.size !== undefined && b.size !== undefined && (a.size !== b.size || a.size === 0)) return a.size === b.size
  return a.chunks === undefined || b.chunks === undefined ? undefined : sameId(a.chunks, b.chunks)
}

/** Whether a file has the same bytes in two snapshots. Reads both. */
export const sameBytes = (
  repository: Repository,
  before: SnapshotInfo,
  after: SnapshotInfo,
  path: string,
): Effect.Effect<boolean, FormatError | SourceError> =>
  Effect.zipWith(
    digestOf(fileContent(repository, before, path)),
    digestOf(fileContent(repository, after, path)),
    sameId,
  )

const digestOf = <E>(content: Stream.Stream<Uint8Array, E>): Effect.Effect<Uint8Array, E> =>
  Effect.suspend(() => {
    const state = makeKernel(blake3).create()
    return Effect.map(
      Stream.runForEach(content, (bytes) => Effect.sync(() => state.update(bytes))),
      () => state.digest(),
    )
  })
