/** The summary of a backup. */
import type { Loss } from "../stages/walk/represent.ts"
import type { Recorded } from "../stages/catalog/record.ts"
import type { BackupSummary } from "./repository.ts"

/** The summary of what was recorded, with the bytes stored in all, and what was lost on the way. */
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
