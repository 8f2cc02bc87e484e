/** `catalog.idx`, the index of all catalogs. It may be out of date. SPEC.md, "catalog.idx". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { RepositoryError } from "../error.ts"
import { type CatalogForm, formFrom } from "./catalog_form.ts"
import { openDatabase, putDatabase } from "./database.ts"
import { catchingDamage } from "./errors.ts"
import { INDEX, isCatalogId } from "./layout.ts"
import { type CatalogInfo, type CatalogMetadata, idBytes, infoProblem, isCount, readPairs } from "./metadata.ts"
import type { Opened } from "./opened.ts"
import { checkSchema } from "./schema.ts"

const SCHEMA = `
CREATE TABLE catalogs (
  id BLOB NOT NULL PRIMARY KEY,
  machine BLOB NOT NULL,
  tree BLOB NOT NULL,
  name TEXT,
  date INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX catalogs_machine ON catalogs (machine);
CREATE INDEX catalogs_tree ON catalogs (tree);
CREATE INDEX catalogs_name ON catalogs (name);
CREATE INDEX catalogs_date ON catalogs (date);
CREATE TABLE metadata (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`

const NEEDED = { catalogs: ["id", "machine", "tree", "name"], metadata: ["key", "value"] }

/** Begins the keys of `metadata` that hold what a listing shows of a catalog. The ID in hex follows. */
const SUMMARY = "extra.catalog."

/** The key of `metadata` for the form of future catalogs, while there is none. */
const FORM = "extra.form"

/** What the index knows of a catalog. */
export interface Indexed {
  readonly info: CatalogInfo
  /** Tree hash in hex. */
  readonly tree: string
}

/** The content of the index. */
export interface CatalogIndex {
  /** IDs in hex of all catalogs that it lists. */
  readonly ids: ReadonlySet<string>
  /** Those with the details that Penstock adds. */
  readonly known: ReadonlyMap<string, Indexed>
  /** The form of future catalogs, while there is none. */
  readonly form: CatalogForm | undefined
}

/** The part of a catalog's metadata that the index keeps. */
export const indexed = ({ info, tree }: CatalogMetadata): Indexed => ({ info, tree })

/** Reads the index. Fails with `not-found` of the store or `corrupt`; then the catalogs must be read instead. */
export const readIndex: (opened: Opened) => Effect.Effect<CatalogIndex, RepositoryError | StoreError> = Effect
  .fnUntraced(
    function* (opened) {
      const { db } = yield* openDatabase(opened, INDEX)
      return yield* catchingDamage(INDEX, (): CatalogIndex => {
        checkSchema(db, NEEDED)
        const pairs = readPairs(db)
        const ids = new Set<string>()
        const known = new Map<string, Indexed>()
        for (const [id, machine, tree, name] of db.prepare("SELECT id, machine, tree, name FROM catalogs").all()) {
          if (!(id instanceof Uint8Array) || id.length !== 16) continue
          const hex = bytesToHex(id)
          ids.add(hex)
          const info = infoOf(hex, pairs.get(SUMMARY + hex))
          if (info !== undefined && machine instanceof Uint8Array && tree instanceof Uint8Array) {
            const named = typeof name === "string" ? { name } : {}
            const whole: CatalogInfo = { ...info, machine: bytesToHex(machine), ...named }
            if (infoProblem(whole) === undefined) known.set(hex, { info: whole, tree: bytesToHex(tree) })
          }
        }
        return { ids, known, form: formFrom(pairs.get(FORM)) }
      })
    },
    Effect.scoped,
    (read) => readTwice(INDEX, read),
  )

/**
 * Writes the index, and returns its stored length in bytes. With `create` it must not exist yet, else it is replaced.
 */
export const writeIndex: (
  opened: Opened,
  catalogs: ReadonlyArray<Indexed>,
  form: CatalogForm,
  options?: { readonly create?: true },
) => Effect.Effect<number, SqliteError | StoreError> = Effect.fnUntraced(
  function* (opened, catalogs, form, options = {}) {
    const completed = yield* Clock.currentTimeMillis
    const db = yield* opened.engine.open()
    yield* catching(SqliteError, () => {
      db.exec("BEGIN")
      db.exec(SCHEMA)
      const add = db.prepare("INSERT OR IGNORE INTO catalogs VALUES (?, ?, ?, ?, ?)")
      const set = db.prepare("INSERT OR IGNORE INTO metadata VALUES (?, ?)")
      for (const { info, tree } of catalogs) {
        const { id, machine, name, time, ...rest } = info
        add.run(hexToBytes(id), idBytes(machine), hexToBytes(tree), name ?? null, time)
        set.run(SUMMARY + id, JSON.stringify({ time, ...rest }))
      }
      set.run("started", JSON.stringify(completed))
      set.run("completed", JSON.stringify(completed))
      set.run("worker", JSON.stringify("penstock"))
      set.run(FORM, JSON.stringify(form))
      db.exec("COMMIT")
    })
    return yield* putDatabase(opened, INDEX, db, { replace: options.create !== true })
  },
  Effect.scoped,
)

/** What a listing shows, from JSON; undefined if it is anything else. */
const infoOf = (id: string, value: unknown): Omit<CatalogInfo, "machine"> | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const { bytes, directories, files, hostname, parent, paths, tags, time, username } = value as Record<string, unknown>
  if (!isCount(files) || !isCount(directories) || !isCount(bytes) || !Number.isSafeInteger(time)) return undefined
  if (typeof hostname !== "string" || typeof username !== "string" || !isTexts(paths) || !isTexts(tags)) {
    return undefined
  }
  return {
    id,
    time: time as number,
    hostname,
    username,
    paths,
    tags,
    ...(typeof parent === "string" && isCatalogId(parent) && { parent }),
    files,
    directories,
    bytes,
  }
}

const isTexts = (value: unknown): value is ReadonlyArray<string> =>
  Array.isArray(value) && value.every((one) => typeof one === "string")
