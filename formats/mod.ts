/**
 * What authors of a format need besides `@penstock/penstock`: errors and findings, snapshots, paths, lists of chunks,
 * objects named by their content. Portable.
 *
 * @module
 */
// Errors, snapshots, secrets
export { counterparts } from "./counterparts.ts"
export { asDamage, corrupt, fromEngineError, fromKernelError, isDamage, isGone, readWrongly } from "./error.ts"
export { guardedFormat } from "./guard.ts"
export { chooseParent, isInFuture } from "./parent.ts"
export { readWhole } from "./read_whole.ts"
export { refuseLike, refuseOthers } from "./secrets.ts"
export { ensureScratch } from "./scratch.ts"
export { snapshotProblem } from "./snapshot_problem.ts"
export { summaryOf } from "./summary.ts"
export { OnUnlisted, tellUnlisted } from "./unlisted.ts"
export { recordLossesBetween, wholeRecord } from "./record_fidelity.ts"

// Walk: entries, where they come from and where they go
export { LINKED_KINDS } from "../stages/walk/entry.ts"
export {
  baseName,
  DEPTH_MAXIMUM,
  depthProblem,
  displayText,
  isByteName,
  joinPath,
  parentPath,
  PATH_MAXIMUM,
  pathFromBytes,
  pathProblem,
  pathToBytes,
  quotePath,
  unquotePath,
} from "../stages/walk/path.ts"
export { reuseListed } from "../stages/catalog/reuse.ts"

// Chunk
export { extentsOr, followingExtents } from "../stages/chunk/extents.ts"

// Hash
export {
  chunkCount,
  chunkId,
  chunkLength,
  ChunkListBuilder,
  contentLength,
  emptyList,
  RECORD_BYTES,
  sameId,
} from "../stages/hash/chunk_list.ts"

// Compress
export { adaptiveZstd } from "../stages/compress/mode.ts"

// Pack
export { listIds } from "../stages/pack/objects.ts"
export { putOnce } from "../stages/store/absent.ts"

// Store: what packs and catalogs are written to
export { objectNameProblem } from "../stages/store/store.ts"

// Reading back
export { contentError } from "../stages/fetch/content.ts"

// Plans: the order of the stages, and its inverse
export { kernelStage } from "../stages/plan/plan.ts"

// Kernels: what runs over bytes
export { ID_BYTES } from "../stages/kernel/checks.ts"
export { catching } from "../stages/kernel/catching.ts"
export { TIMES_OF_64_BITS, treeFidelity, wholeFidelity } from "../stages/walk/fidelity.ts"
export { taggedError } from "../stages/kernel/tagged_error.ts"
