/** `catalog.idx`: the catalogs at a glance, as good as the last writer left it. SPEC.md, "catalog.idx". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { SqliteError } from "../../stages/catalog/sqlite/sqlite.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { RepositoryError } from "../error.ts"
import { openDatabase, putDatabase } from "./database.ts"
import { catchingDamage } from "./errors.ts"
import { type CatalogForm, formFrom } from "./catalog_form.ts"
import { type CatalogInfo, type CatalogMetadata, idBytes, infoProblem, isCount, readPairs } from "./metadata.ts"
import { INDEX, isCatalogId } from "./layout.ts"
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

/** Keys of `metadata` that hold what a listing shows of a catalog begin with this; its ID in hex follows. */
const SUMMARY = "extra.catalog."

/** Key of `metadata` that says how a repository without catalogs is written. */
const FORM = "extra.form"

/** What the index knows of a catalog. */
export interface Indexed {
  readonly info: CatalogInfo
  readonly tree: string
}

/** What the index says. */
export interface CatalogIndex {
  /** IDs in hex of the catalogs that it lists. */
  readonly ids: ReadonlySet<string>
  /** Those that Penstock wrote more about. */
  readonly known: ReadonlyMap<string, Indexed>
  /** How catalogs are to be written while there is none. */
  readonly form: CatalogForm | undefined
}

/** The part of a catalog's metadata that goes into the index. */
export const indexed = ({ info, tree }: CatalogMetadata): Indexed => ({ info, tree })

/** Reads it. Fails with `not-found` of the store or `corrupt`: then the catalogs have to be asked. */
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

/** Replaces it. Returns its length in bytes. */
export const writeIndex: (
  opened: Opened,
  catalogs: ReadonlyArray<Indexed>,
  form: CatalogForm,
  options?: { readonly started?: number; readonly create?: true },
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
      set.run("started", JSON.stringify(options.started ?? completed))
      set.run("completed", JSON.stringify(completed))
      set.run("worker", JSON.stringify("penstock"))
      set.run(FORM, JSON.stringify(form))
      db.exec("COMMIT")
    })
    return yield* putDatabase(opened, INDEX, db, { replace: options.create !== true })
  },
  Effect.scoped,
)

/** What a listing shows, from JSON; undefined when it is anything else. */
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
