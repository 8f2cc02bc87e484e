/** The table `metadata` of a catalog. SPEC.md, "metadata". */
import { hexToBytes } from "@noble/hashes/utils.js"
import type { SqliteDatabase } from "../../stages/catalog/sqlite/sqlite.ts"
import { RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { snapshotProblem } from "../snapshot_problem.ts"
import { corrupt } from "./errors.ts"
import { jsonColumn, parseColumn } from "./json_column.ts"
import { isCatalogId } from "./layout.ts"
import { timeOf } from "./time.ts"
import type { TreeForm } from "./tree_hash.ts"

/** The version of catalogs that is written, and the only one that is read. */
const PROTOCOL = 1

/** What a listing shows of a catalog. Every catalog has the ID of its machine. */
export interface CatalogInfo extends SnapshotInfo {
  /** Hex. */
  readonly machine: string
}

/** What a catalog says about itself. */
export interface CatalogMetadata {
  readonly info: CatalogInfo
  /** Tree hash in hex. */
  readonly tree: string
  /** How it was computed; not known for catalogs of other programs. */
  readonly treeForm?: TreeForm
  /** When the run began, in milliseconds since 1970. */
  readonly started: number
  /** The device of most files. */
  readonly device?: bigint
  /** Whether rows of `files` are in the order of a walk. */
  readonly inOrder: boolean
}

/** Fills the table. Throws SqliteError. */
export const writeMetadata = (db: SqliteDatabase, metadata: CatalogMetadata): void => {
  const { device, info, started, tree, treeForm } = metadata
  const [path] = info.paths
  const values: Readonly<Record<string, unknown>> = {
    "protocol": PROTOCOL,
    "id": info.id,
    "machine": info.machine,
    "tree": tree,
    "created": info.time,
    "started": started,
    "name": info.name,
    "machine_hostname": info.hostname,
    "source_path": info.paths.length === 1 ? path!.toWellFormed() : undefined,
    "extra.paths": info.paths,
    "extra.username": info.username,
    "extra.tags": info.tags,
    "extra.parent": info.parent,
    "extra.files": info.files,
    "extra.directories": info.directories,
    "extra.bytes": info.bytes,
    "extra.device": device === undefined ? undefined : String(device),
    "extra.tree": treeForm === "document" ? undefined : treeForm,
    "extra.order": metadata.inOrder ? "walk" : undefined,
  }
  const insert = db.prepare("INSERT INTO metadata (key, value) VALUES (?, ?)")
  for (const [key, value] of Object.entries(values)) if (value !== undefined) insert.run(key, JSON.stringify(value))
}

/** All keys and values of a table `metadata`. Throws SqliteError. */
export const readPairs = (db: SqliteDatabase): ReadonlyMap<string, unknown> =>
  new Map(
    db.prepare(`SELECT key, ${jsonColumn("value")} FROM metadata`).all().map((
      [key, value],
    ) => [String(key), parseColumn(value)]),
  )

/**
 * Reads the table. `id` is the UUID in the name of the object. Throws {@link RepositoryError} `newer` for a later
 * version, and `corrupt` if it is not the metadata of that catalog; and SqliteError.
 */
export const readMetadata = (db: SqliteDatabase, object: string, id: string): CatalogMetadata => {
  const pairs = readPairs(db)
  const protocol = pairs.get("protocol")
  if (protocol !== PROTOCOL) {
    throw typeof protocol === "number" && protocol > PROTOCOL
      ? new RepositoryError({
        reason: "newer",
        object,
        message: `${object} has version ${protocol}: a later program wrote it, and this Penstock cannot read it`,
      })
      : corrupt(object, `${object} is not a catalog: it does not say its version`)
  }
  const text = (key: string): string | undefined => {
    const value = pairs.get(key)
    return typeof value === "string" ? value : undefined
  }
  const stored = text("id")?.replaceAll("-", "").toLowerCase()
  if (stored !== id) {
    throw corrupt(object, `${object} is the catalog of another snapshot: ${String(stored).slice(0, 40)}`)
  }
  const created = milliseconds(pairs.get("created"))
  const tree = text("tree")
  const machine = text("machine")
  if (created === undefined || machine === undefined || tree === undefined || !/^[0-9a-f]{64}$/.test(tree)) {
    throw corrupt(object, `${object} is damaged or altered: it lacks its date, machine or tree hash`)
  }
  const list = (key: string): ReadonlyArray<string> | undefined => {
    const value = pairs.get(key)
    return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined
  }
  const source = text("source_path")
  const name = text("name")
  const parent = text("extra.parent")
  const device = text("extra.device")
  const info: CatalogInfo = {
    id,
    time: created,
    hostname: text("machine_hostname") ?? "",
    username: text("extra.username") ?? "",
    paths: list("extra.paths") ?? (source === undefined ? [] : [source]),
    tags: list("extra.tags") ?? [],
    machine,
    ...(name !== undefined && { name }),
    ...(parent !== undefined && isCatalogId(parent) && { parent }),
    ...countsOf(pairs, db),
  }
  const problem = infoProblem(info)
  if (problem !== undefined) throw corrupt(object, `${object} is damaged or altered: it ${problem}`)
  return {
    info,
    tree,
    ...(pairs.get("extra.order") === "walk" && { treeForm: text("extra.tree") === "program" ? "program" : "document" }),
    started: milliseconds(pairs.get("started")) ?? created,
    inOrder: pairs.get("extra.order") === "walk",
    ...(device !== undefined && /^\d{1,20}$/.test(device) && { device: BigInt(device) }),
  }
}

/**
 * What is wrong with the information about a snapshot in a catalog or in the index: words that follow its name.
 * Undefined if nothing is.
 */
export const infoProblem = (
  info: SnapshotInfo & { readonly machine?: string; readonly name?: string },
): string | undefined => {
  const { machine = "", name = "", ...rest } = info
  return snapshotProblem({ ...rest, tags: [...rest.tags, machine, name] })
}

type Counts = Pick<SnapshotInfo, "files" | "directories" | "bytes">

/** The counts that a catalog states, or else those of its rows. */
const countsOf = (pairs: ReadonlyMap<string, unknown>, db: SqliteDatabase): Counts => {
  const [files, directories, bytes] = ["files", "directories", "bytes"].map((key) => pairs.get(`extra.${key}`))
  if (isCount(files) && isCount(directories) && isCount(bytes)) return { files, directories, bytes }
  const [counted, total] = db.prepare(
    "SELECT count(*), total(blobs.bytes) FROM files JOIN blobs USING (blob_id)",
  ).get()!
  const [folders] = db.prepare(
    `SELECT count(*) FROM files WHERE special IS NOT NULL AND ${jsonColumn("special")} LIKE '%"directory"%'`,
  ).get()!
  return { files: Number(counted), directories: Number(folders), bytes: Number(total) }
}

/** Whether a value can be a count. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const milliseconds = (date: unknown): number | undefined => {
  const time = timeOf(date)
  const number = time === undefined ? undefined : Number(time / 1_000_000n)
  return Number.isSafeInteger(number) ? number : undefined
}

/** The bytes of an ID in hex, with or without dashes; empty if it is no hex. */
export const idBytes = (hex: string): Uint8Array => {
  const digits = hex.replaceAll("-", "").toLowerCase()
  return /^([0-9a-f]{2})*$/.test(digits) ? hexToBytes(digits) : new Uint8Array(0)
}
