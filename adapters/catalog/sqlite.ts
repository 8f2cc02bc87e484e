/** The best SQLite engine that the runtime has. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { makeSqliteWasm } from "../../stages/catalog/sqlite/wasm.ts"
import { makeSqliteNative } from "./sqlite_native.ts"

/** Makes the native engine where the runtime has one, and the portable one elsewhere. */
export const makeSqlite: Effect.Effect<SqliteEngine> = Effect.catch(makeSqliteNative, () => makeSqliteWasm)

/**
 * The native SQLite engine where the runtime has one, and the portable one elsewhere, as a layer.
 *
 * @example Run a query
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { SqliteEngine } from "@penstock/penstock"
 * import { sqliteEngine } from "@penstock/penstock/adapters"
 *
 * const program = Effect.scoped(Effect.gen(function* () {
 *   const db = yield* (yield* SqliteEngine).open()
 *   return db.prepare("SELECT 6 * ?").get(7)
 * }))
 * assert.deepEqual(await Effect.runPromise(Effect.provide(program, sqliteEngine)), [42])
 * ```
 */
export const sqliteEngine: Layer.Layer<SqliteEngine> = Layer.effect(SqliteEngine, makeSqlite)
