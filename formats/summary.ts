/** The summary of a backup. */
import type { Recorded } from "../stages/catalog/record.ts"
import type { Loss } from "../stages/walk/represent.ts"
import type { BackupSummary } from "./repository.ts"

/**
 * Makes the summary of a backup: what was recorded, the bytes stored in all (with catalogs and indexes), and what the
 * format could not keep.
 *
 * @example Sum up a backup of one file of 5 bytes
 * ```ts
 * import { summaryOf } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const recorded = {
 *   ...{ files: 1, directories: 0, others: 0, bytes: 5, filesUnchanged: 0, problems: [] },
 *   ...{ objects: 1, bytesStored: 40, bytesAdded: 5, chunks: 1, chunksNew: 1 },
 * }
 * const { bytesStored, chunksReused } = summaryOf(recorded, 400)
 * assert.deepEqual([bytesStored, chunksReused], [400, 0])
 * ```
 */
export const summaryOf = (
  recorded: Recorded,
  bytesStored: number,
  losses: ReadonlyArray<Loss> = [],
): BackupSummary => ({
  files: recorded.files,
  directories: recorded.directories,
  others: recorded.others,
  bytes: recorded.bytes,
  filesUnchanged: recorded.filesUnchanged,
  bytesAdded: recorded.bytesAdded,
  bytesStored,
  chunksNew: recorded.chunksNew,
  chunksReused: recorded.chunks - recorded.chunksNew,
  problems: recorded.problems,
  ...(losses.length === 0 ? {} : { losses }),
})
