/**
 * The world outside: files, object stores, SQLite engines, native kernels. For Node, Deno and Bun.
 *
 * @module
 */
// Everything at once
export { accelerators } from "./runtime/accelerators.ts"
export { host } from "./runtime/host.ts"

// Files
export { localSource, type LocalSourceOptions } from "./files/source/source.ts"
export { deleteOthers } from "./files/target/delete_others.ts"
export type { DeleteOptions, DeleteSummary } from "./files/target/others.ts"
export { localTarget, type LocalTargetOptions } from "./files/target/target.ts"

// Stores
export { httpStore, type HttpStoreOptions } from "./store/http/http.ts"
export { localStore, type LocalStoreOptions } from "./store/local/local.ts"
export { memoryStore } from "./store/memory/memory.ts"
export { openStore, type OpenStoreOptions } from "./store/open/open.ts"
export { s3Store, type S3StoreOptions } from "./store/s3/s3.ts"
export { sftpStore, type SftpStoreOptions } from "./store/sftp/sftp.ts"
export { singleFileStore, type SingleFileStoreOptions } from "./store/single_file/single_file.ts"
export { sqliteStore, type SqliteStoreOptions } from "./store/sqlite/sqlite.ts"
export { webdavStore, type WebdavStoreOptions } from "./store/webdav/webdav.ts"

export type { Login } from "./store/http/address.ts"

// Decorators of stores
export { cache, type CacheOptions } from "./store/cache/cache.ts"
export { cacheDirectory } from "./store/cache/directory.ts"
export { counting, countingInto, type CountingStore } from "./store/counting/counting.ts"
export { makeCounts, type RequestCounts, type StoreCounts } from "./store/counting/counts.ts"
export { fault, type FaultHit, type FaultOptions, type FaultStore, type StoreOperation } from "./store/fault/fault.ts"
export { latency, type LatencyOptions, type LatencyStore } from "./store/latency/latency.ts"
export { limit, type LimitOptions } from "./store/limit/limit.ts"
export { type Limits, type Meter, Pace } from "./store/limit/pace.ts"
export { log, type LogOptions } from "./store/log/log.ts"
export { surround, type SurroundOptions } from "./store/open/surround.ts"
export { readOnly, type ReadOnlyOptions } from "./store/read_only/read_only.ts"
export { type Retry, retrying, type RetryOptions } from "./store/retry/retrier.ts"
export { retry } from "./store/retry/retry.ts"
export { type Decorator, type StoreLayer } from "../stages/store/decorator.ts"

// Engines and kernels
export { sqliteEngine } from "./catalog/sqlite.ts"
export { makeSqliteNative, sqliteNative } from "./catalog/sqlite_native.ts"
export { nativeAgePayload } from "./kernels/age.ts"
export { nativeEd25519 } from "./kernels/ed25519.ts"
export { nativeKernels } from "./kernels/native.ts"
export { nativeScrypt } from "./kernels/scrypt.ts"
