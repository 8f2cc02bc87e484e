/**
 * Penstock: backup and restore as stages that compose.
 *
 * This module is portable: it imports nothing of a runtime. Files, object stores and native kernels are in
 * `@penstock/penstock/adapters`. Authors of a format find what else they need in `@penstock/penstock/format`.
 *
 * @module
 */
// Walk: entries, where they come from and where they go
export { contentStream } from "./stages/walk/content.ts"
export type { Content, Entry, EntryKind, Metadata, Reader, ReaderContent } from "./stages/walk/entry.ts"
export { displayPath } from "./stages/walk/path.ts"
export { type Loss, Losses, lossesBetween, represent } from "./stages/walk/represent.ts"
export { type Compare, type Earlier, reuse } from "./stages/catalog/reuse.ts"
export { Source, type WalkOptions } from "./stages/walk/source.ts"
export { Target, type TargetOptions, type TargetSession, type Written } from "./stages/walk/target.ts"
export type { Overwrite } from "./stages/walk/overwrite.ts"
export { walk } from "./stages/walk/walk.ts"
export { type TargetWriteOptions, write, type WriteObserver, type WriteSummary } from "./stages/walk/write.ts"
export { memorySource, memorySourceLayer } from "./stages/walk/memory_source.ts"
export { type MemoryTarget, memoryTarget, memoryTargetLayer } from "./stages/walk/memory_target.ts"
export type { Fidelity } from "./stages/walk/fidelity.ts"
export { SourceError, type SourceErrorFields, TargetError, type TargetErrorFields } from "./stages/walk/errors.ts"
export type { MemoryNode, MemoryTree } from "./stages/walk/memory_tree.ts"

// Chunk
export { ae, type AeOptions } from "./stages/chunk/ae.ts"
export { buzhash, type BuzhashOptions } from "./stages/chunk/buzhash.ts"
export { chunk } from "./stages/chunk/chunk.ts"
export { fastcdc, type FastCdcOptions } from "./stages/chunk/fastcdc.ts"
export { fixed, type FixedOptions } from "./stages/chunk/fixed.ts"
export { rabin, type RabinOptions } from "./stages/chunk/rabin.ts"
export { whole, type WholeOptions } from "./stages/chunk/whole.ts"

// Hash
export { blake2b256 } from "./stages/hash/blake2b.ts"
export { blake3, blake3Keyed } from "./stages/hash/blake3.ts"
export { digest } from "./stages/hash/digest.ts"
export { hash } from "./stages/hash/hash.ts"
export { sha256 } from "./stages/hash/sha256.ts"
export { sha512_256 } from "./stages/hash/sha512_256.ts"

// Compress
export { adaptive } from "./stages/compress/adaptive.ts"
export { compress } from "./stages/compress/compress.ts"
export { gzip } from "./stages/compress/gzip.ts"
export type { CompressionMode } from "./stages/compress/adaptive_zstd.ts"
export { noCompression } from "./stages/compress/none.ts"
export { zstd } from "./stages/compress/zstd.ts"

// Encrypt
export { aes256gcm } from "./stages/encrypt/aes256gcm.ts"
export { type NonceCipher } from "./stages/encrypt/aead.ts"
export { AgePayloadCipher, type MakePayloadCipher } from "./stages/encrypt/age_payload.ts"
export { aes256gcmsiv } from "./stages/encrypt/aes256gcmsiv.ts"
export { chacha20poly1305 } from "./stages/encrypt/chacha20poly1305.ts"
export { encrypt } from "./stages/encrypt/encrypt.ts"
export { noEncryption } from "./stages/encrypt/none.ts"
export { deriveKey, type PasswordParams, Scrypt, type ScryptFunction } from "./stages/encrypt/password.ts"
export { twofish256ctr } from "./stages/encrypt/twofish256ctr.ts"
export { xchacha20poly1305 } from "./stages/encrypt/xchacha20poly1305.ts"

// Sign
export { Ed25519, type SignatureKernel } from "./stages/sign/sign.ts"

// Pack
export type { ChunkIndex } from "./stages/pack/chunk_index.ts"
export type { GrowingBuffer } from "./stages/pack/growing_buffer.ts"
export { archive, type ArchiveOptions } from "./stages/pack/archive.ts"
export { type ObjectNames, objects, type ObjectsOptions } from "./stages/pack/objects.ts"
export { pack, type Packed } from "./stages/pack/pack.ts"
export {
  type BlockPlace,
  type ChunkLost,
  type ChunkPlace,
  type Packer,
  PackError,
  type PackErrorFields,
  type Packing,
  type PackStats,
  type Unpacker,
} from "./stages/pack/packing.ts"
export { packs, type PacksOptions } from "./stages/pack/packs.ts"

// Store: what packs and catalogs are written to
export type { Fetching } from "./stages/store/fetching.ts"
export {
  type ObjectInfo,
  ObjectStore,
  type ObjectWriter,
  type Range,
  StoreError,
  type StoreErrorFields,
  type StoreGuarantees,
  type StoreProperties,
  type Whole,
  type WriteOptions,
} from "./stages/store/store.ts"

// Catalog
export {
  catalog,
  type CatalogError,
  type Cataloging,
  entries,
  type Snapshot,
  sqlite,
} from "./stages/catalog/catalog.ts"
export type { Recorded } from "./stages/catalog/record.ts"
export {
  type SqliteDatabase,
  SqliteEngine,
  SqliteError,
  type SqliteErrorFields,
  type SqliteRow,
  type SqliteStatement,
  type SqliteValue,
} from "./stages/catalog/sqlite/sqlite.ts"
export { makeSqliteWasm, sqliteWasm } from "./stages/catalog/sqlite/wasm.ts"

// Catalogs on demand: in slices that are stored once, and read without an engine
export type { RandomAccess } from "./stages/catalog/random_access.ts"
export { type FetchChunks, type NamedChunk, openSliced, type SlicedOptions } from "./stages/catalog/slices/read.ts"
export {
  CATALOG_SLICES,
  type SlicedFile,
  SliceError,
  type SliceErrorFields,
  type SliceLayout,
} from "./stages/catalog/slices/slices.ts"
export { type SliceChunk, type SlicedStored, type SliceSink, storeSliced } from "./stages/catalog/slices/write.ts"
export type { CursorOptions, FoundRow } from "./stages/catalog/sqlite_file/cursor.ts"
export { openSqliteFile, type SchemaRow, type SqliteFile } from "./stages/catalog/sqlite_file/file.ts"
export type { SqliteHeader } from "./stages/catalog/sqlite_file/header.ts"
export type { PageSet, PagesOptions } from "./stages/catalog/sqlite_file/pages.ts"
export { openTreeReader, type ReadTreeOptions, type TreeReader } from "./stages/catalog/tree/on_demand.ts"
export type { StoredEntry, StoredKind } from "./stages/catalog/tree/row.ts"

// Tar archives
export { TarError, type TarErrorFields } from "./stages/tar/error.ts"
export { readTar, type ReadTarOptions, type TarArchive, tarInMemory } from "./stages/tar/read.ts"
export { tarFidelity, writeTar, type WriteTarOptions } from "./stages/tar/write.ts"

// Reading back
export { contents, type ContentsOptions } from "./stages/fetch/contents.ts"

// Plans: the order of the stages, and its inverse
export {
  type AfterDigest,
  type Misplaced,
  type Order,
  type Plan,
  plan,
  type Planned,
  type Stage,
  type Steps,
} from "./stages/plan/plan.ts"
export {
  decompress,
  decrypt,
  type Fetched,
  type Inverse,
  type InverseOrder,
  type Recipe,
  unchunk,
  unpack,
  verify,
} from "./stages/plan/recipe.ts"

// Kernels: what runs over bytes
export { KernelError, type KernelErrorFields } from "./stages/kernel/error.ts"
export {
  type Chunker,
  type Cipher,
  type Compressor,
  type Hasher,
  type KernelOf,
  Kernels,
  type KernelSpec,
  type KernelStage,
  type KernelTable,
  makeKernel,
} from "./stages/kernel/kernel.ts"
export type { ErrorFields, TaggedErrorInstance } from "./stages/kernel/tagged_error.ts"
export { trusted } from "./stages/kernel/trusted.ts"

// Running a plan
export { Executor, inline, type Job, type SharedIndex } from "./stages/run/executor.ts"
export { type OnRead } from "./stages/run/progress.ts"
export type { Block } from "./stages/run/block.ts"
export type { LaneOptions } from "./stages/run/lane.ts"
export type { Stored } from "./stages/plan/stored.ts"

// Formats
export type { KeyScheme as BkpKeyScheme } from "./formats/bkp/object_cipher.ts"
export type { PackOptions as BkpPackOptions } from "./formats/bkp/opened.ts"
export type { ListingKind as FogsyncListing } from "./formats/fogsync/listing.ts"
export type { ScryptCost } from "./formats/rozen/key_lock.ts"
export type { LayoutOptions as RozenLayoutOptions } from "./formats/rozen/layout.ts"
export type { WriteOptions as RozenV0WriteOptions } from "./formats/rozen/v0/layout.ts"
export type { Place as ZprtPlace } from "./formats/zprt/content_read.ts"
export { bkp, type BkpOptions, makeBkp } from "./formats/bkp/mod.ts"
export { convert, type Converted, type ConvertOptions, type Made } from "./formats/convert.ts"
export { type Copied, copy, type CopyOptions } from "./formats/copy.ts"
export {
  type Change,
  diff,
  type DifferenceCounts,
  type DifferenceSummary,
  type DiffOptions,
  type EntryFact,
} from "./formats/diff.ts"
export { find, type Found, type Sought, type Version, versionsOf } from "./formats/find.ts"
export { fogsync, type FogsyncOptions, makeFogsync } from "./formats/fogsync/mod.ts"
export { type FormatError, RepositoryError, type RepositoryErrorFields } from "./formats/error.ts"
export type { ReadData } from "./formats/data_subset.ts"
export type { Cacheable, Format, FormatOption } from "./formats/format.ts"
export type {
  BackupOptions,
  BackupSummary,
  CheckOptions,
  CheckSummary,
  Copier,
  DamagedFile,
  Finding,
  Problem,
  Progress,
  ReadOptions,
  RebuildSummary,
  Repository,
  SnapshotEntry,
  SnapshotInfo,
} from "./formats/repository.ts"
export { fileContent } from "./formats/file_content.ts"
export type { EntryOrder } from "./stages/walk/entry_order.ts"
export type { Facts, Inspection, PackFacts } from "./formats/inspection.ts"
export type { KeyInfo, KeyList, KeyRole, NewSecret, RepositoryKeys } from "./formats/keys.ts"
export type { Secrets } from "./formats/secrets.ts"
export { drill, type DrillOptions, type DrillSummary } from "./formats/drill.ts"
export {
  type ContentsSize,
  contentsSize,
  type RestoreSize,
  restoreSize,
  type StatsProblem,
  type StoredSize,
  storedSize,
  type StoredSizeOptions,
} from "./formats/stats.ts"
export { type StaleHost, staleHosts } from "./formats/stale.ts"
export type { RecordFidelity } from "./formats/record_fidelity.ts"
export { type GroupFact, groupSnapshots, type SnapshotGroup } from "./formats/retention/group.ts"
export { parsePeriod, type Period } from "./formats/retention/period.ts"
export { type CalendarPart, isEmptyPolicy, type RetentionPolicy } from "./formats/retention/policy.ts"
export { retain, type Retainable, type RetainOptions, type Retention } from "./formats/retention/retain.ts"
export { makeRozen, rozen, type RozenOptions } from "./formats/rozen/mod.ts"
export { makeRozenV0, rozenV0, type RozenV0Options } from "./formats/rozen/v0/mod.ts"
export { makeSnapshotCatalog, snapshotCatalog } from "./formats/snapshot_catalog/mod.ts"
export type { SnapshotCatalogOptions } from "./formats/snapshot_catalog/opened.ts"
export type { TreeForm } from "./formats/snapshot_catalog/tree_hash.ts"
export {
  type IndexLayout as ZprtIndexLayout,
  makeZprt,
  recover as recoverZprt,
  type Recovered as ZprtRecovered,
  zprt,
  type ZprtOptions,
} from "./formats/zprt/mod.ts"
