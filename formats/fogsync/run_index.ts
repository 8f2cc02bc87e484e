/**
 * A private database of what a run knows to be stored: contents by hash, listings by path, and hosts of entries. It is
 * a database so that memory does not grow with the share.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { catching } from "../../stages/kernel/catching.ts"
import { type SqliteEngine, SqliteError, type SqliteRow } from "../../stages/catalog/sqlite/sqlite.ts"
import { textFromBytes, textToBytes } from "../../stages/catalog/tree/short_text.ts"
import { pathToBytes } from "../../stages/walk/path.ts"
import { type DataRef, decodeBptr, encodeBptr } from "./bptr.ts"

/** The database. All methods throw SqliteError. */
export interface RunIndex {
  /** The content with this hash. */
  readonly content: (sha256: Uint8Array) => DataRef | undefined
  /** Whether there is a content of this many bytes. */
  readonly hasSize: (size: number) => boolean
  readonly addContent: (ref: DataRef) => void
  /** The listing of a directory: `old` in the parent, `new` in this run. */
  readonly listing: (age: "old" | "new", path: string) => DataRef | undefined
  readonly addListing: (age: "old" | "new", path: string, ref: DataRef) => void
  /**
   * Where an entry of the parent was last modified; `""` when the parent does not know. Undefined when the entry is not
   * in this state in the parent, or when the host is that of the run. See hosts.ts.
   */
  readonly host: (path: string, state: string) => string | undefined
  readonly addHost: (path: string, state: string, host: string) => void
}

/** Makes an empty database, which is closed with the scope. */
export const openRunIndex: (engine: SqliteEngine) => Effect.Effect<RunIndex, SqliteError, Scope.Scope> = Effect
  .fnUntraced(
    function* (engine) {
      const db = yield* engine.open()
      return yield* catching(SqliteError, (): RunIndex => {
        db.exec(`
        CREATE TABLE content (sha256 BLOB PRIMARY KEY, size INTEGER NOT NULL, bptr BLOB NOT NULL) WITHOUT ROWID;
        CREATE INDEX content_size ON content (size);
        CREATE TABLE listing (age TEXT, path BLOB, sha256 BLOB NOT NULL, size INTEGER NOT NULL, bptr BLOB NOT NULL,
          PRIMARY KEY (age, path)) WITHOUT ROWID;
        CREATE TABLE host (path BLOB PRIMARY KEY, state BLOB NOT NULL, host BLOB NOT NULL) WITHOUT ROWID;
        BEGIN`)
        const content = db.prepare("SELECT sha256, size, bptr FROM content WHERE sha256 = ?")
        const size = db.prepare("SELECT 1 FROM content WHERE size = ? LIMIT 1")
        const addContent = db.prepare("INSERT OR REPLACE INTO content VALUES (?, ?, ?)")
        const listing = db.prepare("SELECT sha256, size, bptr FROM listing WHERE age = ? AND path = ?")
        const addListing = db.prepare("INSERT OR REPLACE INTO listing VALUES (?, ?, ?, ?, ?)")
        const host = db.prepare("SELECT host FROM host WHERE path = ? AND state = ?")
        const addHost = db.prepare("INSERT OR REPLACE INTO host VALUES (?, ?, ?)")
        return {
          content: (sha256) => refOf(content.get(sha256)),
          hasSize: (bytes) => size.get(bytes) !== undefined,
          addContent: (ref) => addContent.run(ref.sha256, ref.size, encodeBptr(ref.bptr)),
          listing: (age, path) => refOf(listing.get(age, pathToBytes(path))),
          addListing: (age, path, { bptr, sha256, size }) =>
            addListing.run(age, pathToBytes(path), sha256, size, encodeBptr(bptr)),
          host: (path, state) => {
            const row = host.get(pathToBytes(path), textToBytes(state))
            return row && textFromBytes(row[0] as Uint8Array)
          },
          addHost: (path, state, name) => addHost.run(pathToBytes(path), textToBytes(state), textToBytes(name)),
        }
      })
    },
  )

const refOf = (row: SqliteRow | undefined): DataRef | undefined =>
  row && { sha256: row[0] as Uint8Array, size: row[1] as number, bptr: decodeBptr(row[2] as Uint8Array)! }
