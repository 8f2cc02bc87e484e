/**
 * Penstock: backup and restore as stages that compose.
 *
 * This module is portable: it imports nothing of a runtime. What touches the world outside (files, object stores, native kernels)
 * is imported from its own subpath.
 *
 * @module
 */
export * from "./stages/error.ts"
export * from "./stages/kernel.ts"
export * from "./stages/walk/entry.ts"
export * from "./stages/walk/path.ts"
export * from "./stages/walk/source.ts"
export * from "./stages/walk/target.ts"
export * from "./stages/pack/store.ts"
export * from "./stages/catalog/sqlite.ts"
export * from "./formats/format.ts"
