/**
 * Room on this machine for the databases that work needs: asked for before anything is done, since without it nothing
 * can be told.
 */
import * as Effect from "effect/Effect"
import { catching } from "../stages/kernel/catching.ts"
import { type SqliteEngine, SqliteError } from "../stages/catalog/sqlite/sqlite.ts"
import { fromEngineError, RepositoryError } from "./error.ts"

/** Bytes of a value; a database takes no larger one than 1 GB. */
const PIECE_BYTES = 16 << 20
/** What a store claims is not believed beyond this. */
const MOST_BYTES = 1 << 30

/** Fails with `scratch` when a database of so many bytes cannot be made now. */
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
