/**
 * Under which IDs one repository has the chunks of another that has another key. A copy of a snapshot has the chunks of
 * its original, file by file and in the same order, so the two catalogs tell which ID is which. The pairs are kept in a
 * database that is removed when the copy ends.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { catching } from "../../stages/kernel/catching.ts"
import { type SqliteEngine, SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Tree } from "../../stages/catalog/tree/tree.ts"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import type { ChunkNames } from "../../stages/fetch/chunk_names.ts"

/** Files that are compared before other fibers get a turn. */
const BATCH = 1024

/** Makes a table without pairs. It is removed when the scope closes. */
export const makeChunkNames = (engine: SqliteEngine): Effect.Effect<ChunkNames, SqliteError, Scope.Scope> =>
  Effect.flatMap(engine.open(), (db) =>
    catching(SqliteError, () => {
      db.exec("CREATE TABLE pair (source BLOB PRIMARY KEY, target BLOB NOT NULL) WITHOUT ROWID; BEGIN")
      const get = db.prepare("SELECT target FROM pair WHERE source = ?")
      const set = db.prepare("INSERT OR REPLACE INTO pair VALUES (?, ?)")
      return {
        get: (id) => asKernel(() => get.get(id)?.[0] as Uint8Array | undefined),
        set: (source, target) => asKernel(() => set.run(source, target)),
      }
    }))

/** The methods of ChunkNames throw KernelErrors. The database fails only when it has no room. */
const asKernel = <A>(run: () => A): A => {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof SqliteError)) throw error
    throw new KernelError({ kernel: "names of chunks", reason: "limit", message: error.message })
  }
}

/** Adds the pairs that two catalogs tell: one is that of a copy of the other, or both are of copies of a third. */
export const learnNames: (
  names: ChunkNames,
  source: Tree,
  target: Tree,
) => Effect.Effect<void, SqliteError | KernelError> = Effect.fnUntraced(function* (names, source, target) {
  const entries = source.entries()
  for (let more = true; more;) {
    more = yield* Effect.try({
      try: () => {
        for (let n = 0; n < BATCH; n++) {
          const { done, value } = entries.next()
          if (done === true) return false
          if (value.chunks.length > 0) learnFile(names, value.chunks, target.lookup(value.path)?.chunks)
        }
        return true
      },
      catch: (error) => {
        if (error instanceof SqliteError || error instanceof KernelError) return error
        throw error
      },
    })
    yield* Effect.yieldNow
  }
})

/** Adds the pairs of one file, unless it was cut or stored differently. */
const learnFile = (names: ChunkNames, source: Uint8Array, target: Uint8Array | undefined): void => {
  if (target === undefined || target.length !== source.length) return
  for (let i = 0; i < chunkCount(source); i++) if (chunkLength(source, i) !== chunkLength(target, i)) return
  for (let i = 0; i < chunkCount(source); i++) names.set(chunkId(source, i), chunkId(target, i))
}
