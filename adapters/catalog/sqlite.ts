/** The best SQLite engine of the runtime. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { makeSqliteWasm } from "../../stages/catalog/sqlite/wasm.ts"
import { makeSqliteNative } from "./sqlite_native.ts"

/** The native engine where the runtime has one, else the portable one. */
export const makeSqlite: Effect.Effect<SqliteEngine> = Effect.catch(makeSqliteNative, () => makeSqliteWasm)

/** {@link makeSqlite} as a layer. */
export const sqliteEngine: Layer.Layer<SqliteEngine> = Layer.effect(SqliteEngine, makeSqlite)
