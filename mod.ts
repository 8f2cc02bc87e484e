/**
 * Penstock: backup and restore as stages that compose.
 *
 * This module is portable: it imports nothing of a runtime. What touches the world outside (files, object stores,
 * native kernels) is in `@penstock/penstock/adapters`.
 *
 * @module
 */
// Walk, and what is walked
export * from "./stages/walk/entry.ts"
export * from "./stages/walk/content.ts"
export * from "./stages/walk/path.ts"
export * from "./stages/walk/source.ts"
export * from "./stages/walk/target.ts"
export * from "./stages/walk/walk.ts"
export * from "./stages/walk/represent.ts"
export * from "./stages/walk/reuse.ts"
export * from "./stages/walk/write.ts"
export * from "./stages/walk/memory.ts"

// Chunk
export * from "./stages/chunk/chunk.ts"
export * from "./stages/chunk/extents.ts"
export * from "./stages/chunk/fastcdc.ts"
export * from "./stages/chunk/fixed.ts"
export * from "./stages/chunk/whole.ts"

// Hash
export * from "./stages/hash/hash.ts"
export * from "./stages/hash/digest.ts"
export * from "./stages/hash/chunk_list.ts"
export { blake3, blake3Keyed } from "./stages/hash/blake3.ts"
export * from "./stages/hash/sha256.ts"

// Compress
export * from "./stages/compress/compress.ts"
export { adaptive } from "./stages/compress/adaptive.ts"
export { adaptiveZstd, COMPRESSION_MODES, type CompressionMode } from "./stages/compress/mode.ts"
export { gzip } from "./stages/compress/gzip.ts"
export { none as noCompression } from "./stages/compress/none.ts"
export { zstd } from "./stages/compress/zstd.ts"

// Encrypt
export * from "./stages/encrypt/encrypt.ts"
export { aes256gcm } from "./stages/encrypt/aes256gcm.ts"
export { chacha20poly1305 } from "./stages/encrypt/chacha20poly1305.ts"
export { noEncryption } from "./stages/encrypt/none.ts"
export { deriveKey, type PasswordParams, Scrypt, type ScryptFunction } from "./stages/encrypt/password.ts"
export { twofish256ctr } from "./stages/encrypt/twofish256ctr.ts"
export { xchacha20poly1305 } from "./stages/encrypt/xchacha20poly1305.ts"
export { AgePayloadCipher, type MakePayloadCipher } from "./stages/encrypt/age_payload.ts"

// Pack
export * from "./stages/pack/archive.ts"
export * from "./stages/pack/objects.ts"
export * from "./stages/pack/pack.ts"
export * from "./stages/pack/packing.ts"
export { packs, type PacksOptions } from "./stages/pack/packs.ts"
export * from "./stages/store/store.ts"

// Catalog
export * from "./stages/catalog/catalog.ts"
export type { Recorded } from "./stages/catalog/record.ts"
export * from "./stages/catalog/sqlite/sqlite.ts"
export { makeSqliteWasm, sqliteWasm } from "./stages/catalog/sqlite/wasm.ts"

// Tar archives
export * from "./stages/tar/mod.ts"

// Composing and executing
export * from "./stages/fetch/contents.ts"
export { Executor, inline, type Job } from "./stages/run/executor.ts"
export type { Stored } from "./stages/plan/stored.ts"
export type { Block, LaneOptions } from "./stages/run/lane.ts"
export * from "./stages/kernel/kernel.ts"
export * from "./stages/plan/plan.ts"
export * from "./stages/plan/recipe.ts"
export { type ErrorFields, type TaggedErrorInstance } from "./stages/kernel/tagged_error.ts"

// Formats
export * from "./formats/error.ts"
export * from "./formats/format.ts"
export * from "./formats/parent.ts"
export * from "./formats/read_whole.ts"
export * from "./formats/repository.ts"
export * from "./formats/secrets.ts"
export * from "./formats/summary.ts"
export { type RecordFidelity, recordLossesBetween, wholeRecord } from "./formats/record_fidelity.ts"
export { convert, type Converted, type ConvertOptions, counterparts, type Made } from "./formats/convert.ts"
export { type Copied, copy, type CopyOptions } from "./formats/copy.ts"
export { bkp, type BkpOptions, makeBkp } from "./formats/bkp/mod.ts"
export {
  ARCHIVE as ZPRT_ARCHIVE,
  type IndexLayout as ZprtIndexLayout,
  makeZprt,
  recover as recoverZprt,
  type Recovered as ZprtRecovered,
  zprt,
  type ZprtOptions,
} from "./formats/zprt/mod.ts"
export { fogsync, type FogsyncOptions, makeFogsync } from "./formats/fogsync/mod.ts"
export { makeRozen, rozen, type RozenOptions } from "./formats/rozen/mod.ts"
export { makeRozenV0, rozenV0, type RozenV0Options } from "./formats/rozen/v0/mod.ts"
export {
  makeSnapshotCatalog,
  snapshotCatalog,
  type SnapshotCatalogOptions,
  type TreeForm,
} from "./formats/snapshot_catalog/mod.ts"
