/**
 * Room on this machine for the databases that a format works with. Formats ask for it before they do anything else,
 * because without it they cannot tell what is wrong with a repository.
 */
import * as Effect from "effect/Effect"
import { type SqliteEngine, SqliteError } from "../stages/catalog/sqlite/sqlite.ts"
import { catching } from "../stages/kernel/catching.ts"
import { fromEngineError, RepositoryError } from "./error.ts"

/** Bytes of one value: a database takes none of more than 1 GB. */
const PIECE_BYTES = 16 << 20
/** The most that is asked for. The number of bytes may come from a store, which may be wrong. */
const MOST_BYTES = 1 << 30

/**
 * Fails with `scratch` when a database of this many bytes cannot be made now, and with `unsupported` without an engine.
 *
 * @example Make sure that there is room for a catalog of 1 MiB
 * ```ts
 * import { Effect } from "effect"
 * import { SqliteEngine } from "@penstock/penstock"
 * import { accelerators } from "@penstock/penstock/adapters"
 * import { ensureScratch } from "@penstock/penstock/format"
 *
 * const ensured = Effect.flatMap(SqliteEngine, (engine) => ensureScratch(engine, 1 << 20))
 * await Effect.runPromise(Effect.provide(ensured, accelerators))
 * ```
 */
export const ensureScratch = (engine: SqliteEngine, bytes: number = 0): Effect.Effect<void, RepositoryError> =>
  Effect.scoped(Effect.flatMap(engine.open(), (db) =>
    catching(SqliteError, () => {
      if (bytes === 0) return
      db.exec("CREATE TABLE room (bytes BLOB); BEGIN")
      const take = db.prepare("INSERT INTO room VALUES (zeroblob(?))")
      for (let left = Math.min(bytes, MOST_BYTES); left > 0; left -= PIECE_BYTES) take.run(Math.min(left, PIECE_BYTES))
      db.exec("COMMIT")
    }))).pipe(
      Effect.mapError((error) =>
        fromEngineError(error) ?? new RepositoryError({ reason: "scratch", message: error.message, cause: error })
      ),
    )
