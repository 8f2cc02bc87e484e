/**
 * The world outside: files, object stores, SQLite engines, native kernels. For Node, Deno and Bun.
 *
 * @module
 */
export * from "./runtime/accelerators.ts"
export * from "./runtime/host.ts"
export { sqlite as sqliteEngine } from "./catalog/sqlite.ts"
export { makeSqliteNative, sqliteNative } from "./catalog/sqlite_native.ts"
export { localSource } from "./files/source.ts"
export { localTarget } from "./files/target.ts"
export { nativeAgePayload } from "./kernels/age.ts"
export { type KernelImplementation, kernelTable, nativeKernels } from "./kernels/native.ts"
export { nativeScrypt } from "./kernels/scrypt.ts"
export * from "./store/counting.ts"
export * from "./store/fault.ts"
export * from "./store/latency.ts"
export * from "./store/limit.ts"
export * from "./store/local/local.ts"
export * from "./store/sqlite/sqlite.ts"
export * from "./store/memory/memory.ts"
export * from "./store/open.ts"
export * from "./store/read_only.ts"
export * from "./store/retry.ts"
export * from "./store/single_file/single_file.ts"
