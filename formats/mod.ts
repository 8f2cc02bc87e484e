/**
 * What authors of a format need besides `@penstock/penstock`: errors and findings, snapshots, paths, lists of chunks,
 * objects named by their content. Portable.
 *
 * @module
 */
// Errors and findings
export { asDamage, corrupt, fromEngineError, fromKernelError, isDamage, isGone, readWrongly } from "./error.ts"
export { catching } from "../stages/kernel/catching.ts"
export { taggedError } from "../stages/kernel/tagged_error.ts"

// Repositories and snapshots
export { chooseData } from "./data_subset.ts"
export { guardedFormat } from "./guard.ts"
export { chooseParent, isInFuture } from "./parent.ts"
export { wholeRecord } from "./record_fidelity.ts"
export { ensureScratch } from "./scratch.ts"
export { refuseLike, refuseOthers } from "./secrets.ts"
export { snapshotProblem } from "./snapshot_problem.ts"
export { summaryOf } from "./summary.ts"
export { OnUnlisted, tellUnlisted } from "./unlisted.ts"

// Entries
export { reuseListed } from "../stages/catalog/reuse.ts"
export { treeFidelity, wholeFidelity } from "../stages/walk/fidelity.ts"
export {
  baseName,
  displayText,
  joinPath,
  parentPath,
  pathFromBytes,
  pathProblem,
  pathToBytes,
  quotePath,
  unquotePath,
} from "../stages/walk/path.ts"

// Lists of chunks
export {
  chunkCount,
  chunkId,
  chunkLength,
  ChunkListBuilder,
  contentLength,
  emptyList,
  sameId,
} from "../stages/hash/chunk_list.ts"

// Objects
export { readWhole } from "./read_whole.ts"
export { listIds } from "../stages/pack/objects.ts"
export { putOnce } from "../stages/store/absent.ts"
export { objectNameProblem } from "../stages/store/store.ts"

// Stages of one's own
export { kernelStage } from "../stages/plan/plan.ts"
