/** Rows of the table `files`: entries without their content. SPEC.md, "files". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import type { SqliteRow, SqliteValue } from "../../stages/catalog/sqlite/sqlite.ts"
import { cleanName } from "../../stages/catalog/tree/owners.ts"
import { corruptAt, type StoredEntry, type StoredKind } from "../../stages/catalog/tree/row.ts"
import { textFromBytes, textToBytes } from "../../stages/catalog/tree/short_text.ts"
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import { LINKED_KINDS, type Metadata } from "../../stages/walk/entry.ts"
import { isByteName, pathFromBytes, pathProblem, pathToBytes } from "../../stages/walk/path.ts"
import { jsonColumn, objectColumn } from "./json_column.ts"
import { splitTime, timeOf } from "./time.ts"

/** The columns of {@link rowOf}, in its order. */
export const WRITTEN: string = "path, blob_id, ts_changed, ts_modified, unix_mode, unix_owner_id, unix_owner_name, " +
  "unix_group_id, unix_group_name, special, fs_inode, extra"

/** The columns for {@link entryOf}, in its order. */
export const READ: string = WRITTEN.split(", ")
  .map((column) => column === "special" || column === "extra" ? jsonColumn(column) : column)
  .join(", ")

/** An entry, and the ID of its content. */
export interface FileRow {
  readonly entry: Omit<StoredEntry, "chunks" | "size">
  /** 32 bytes; files only. Undefined for a hard link that has no blob of its own. */
  readonly blob: Uint8Array | undefined
}

/** Encodes an entry. `device` is that of the catalog: entries with an inode are on it, unless the row names another. */
export const rowOf = (entry: StoredEntry, blob: Uint8Array | undefined, device: bigint | undefined): SqliteRow => {
  const { kind, metadata: m } = entry
  const changed = m.ctime === undefined ? undefined : splitTime(m.ctime)
  const modified = m.mtime === undefined ? undefined : splitTime(m.mtime)
  const extra = {
    ...(modified !== undefined && modified.rest !== 0 && { mtime_ns: modified.rest }),
    ...(changed !== undefined && changed.rest !== 0 && { ctime_ns: changed.rest }),
    ...(kind === "file" && entry.sparse === true && { sparse: true }),
    ...(kind !== "file" && LINKED_KINDS.has(kind) && entry.linkTo !== undefined && { link: targetOf(entry.linkTo) }),
    ...(m.device !== (m.inode === undefined ? undefined : device) &&
      { device: m.device === undefined ? null : String(m.device) }),
  }
  return [
    textToBytes(entry.path),
    blob ?? null,
    changed?.milliseconds ?? null,
    modified?.milliseconds ?? null,
    m.mode ?? null,
    m.uid ?? null,
    m.user === undefined ? null : cleanName(m.user),
    m.gid ?? null,
    m.group === undefined ? null : cleanName(m.group),
    specialOf(entry),
    m.inode === undefined ? null : BigInt.asIntN(64, m.inode),
    Object.keys(extra).length === 0 ? null : JSON.stringify(extra),
  ]
}

const specialOf = ({ kind, linkTo, rdev, target }: StoredEntry): string | null => {
  switch (kind) {
    case "file":
      return linkTo === undefined ? null : JSON.stringify({ type: "hardlink", ...targetOf(linkTo) })
    case "symlink":
      return JSON.stringify({ type: kind, ...(target === undefined ? {} : targetOf(target)) })
    case "character":
    case "block":
      return JSON.stringify({ type: kind, ...rdev })
    default:
      return JSON.stringify({ type: kind })
  }
}

/** A target that is not UTF-8 has a field with its bytes, so that the JSON is valid everywhere. */
const targetOf = (target: string): { readonly target: string; readonly target_bytes?: string } =>
  isByteName(target) ? { target: target.toWellFormed(), target_bytes: bytesToHex(pathToBytes(target)) } : { target }

/** The path of a row. Throws SqliteError `corrupt` if no entry can have it. */
export const pathOf = (value: SqliteValue | undefined): string => {
  const path = value instanceof Uint8Array ? textFromBytes(value) : value
  if (typeof path !== "string") throw corruptAt("", "a path in it is not valid")
  const problem = pathProblem(path)
  if (problem !== undefined) throw corruptAt(path.slice(0, 200), problem)
  return path
}

/**
 * Decodes the entry of a row whose columns {@link READ} begin at `at`. If it is of a kind that is not known here, gives
 * a string that says so. Throws SqliteError `corrupt` if the row is not valid.
 */
export const entryOf = (row: SqliteRow, at: number, device: bigint | undefined): FileRow | string => {
  const path = pathOf(row[at])
  const special = objectColumn(row[at + 9])
  const extra = objectColumn(row[at + 11])
  if (special === undefined || extra === undefined) throw corruptAt(path, "one of its values is not JSON")
  const blob = row[at + 1]
  if (blob !== null && !isId(blob)) {
    throw corruptAt(path, "the ID of its content is not valid")
  }
  const type = row[at + 9] === null ? "file" : special["type"]
  const kind = type === "hardlink" ? "file" : KINDS.find((kind) => kind === type)
  if (kind === undefined) return `Its kind, ${JSON.stringify(type)?.slice(0, 100)}, is unknown to this Penstock`
  if (type === "file" && blob === null) return "Its content was not stored"
  const target = type === "hardlink" || type === "symlink" ? decodeTarget(path, special) : undefined
  const { major, minor } = special
  return {
    blob: kind === "file" ? blob ?? undefined : undefined,
    entry: {
      path,
      kind,
      metadata: metadataOf(path, row, at, extra, device),
      ...(target !== undefined && (type === "symlink" ? { target } : { linkTo: linkOf(path, target) })),
      ...((type === "character" || type === "block") && isUint32(major) && isUint32(minor) && {
        rdev: { major, minor },
      }),
      ...(kind === "file" && extra["sparse"] === true && { sparse: true }),
      ...(kind !== "file" && LINKED_KINDS.has(kind) && nodeLinkOf(path, extra["link"])),
    },
  }
}

const KINDS: ReadonlyArray<StoredKind> = ["file", "directory", "symlink", "fifo", "socket", "character", "block"]

const decodeTarget = (path: string, special: Readonly<Record<string, unknown>>): string | undefined => {
  const { target, target_bytes: bytes } = special
  if (typeof bytes === "string" && /^([0-9a-f]{2})*$/.test(bytes)) return pathFromBytes(hexToBytes(bytes))
  if (target !== undefined && typeof target !== "string") throw corruptAt(path, "the target of its link is not valid")
  return target
}

/** The hard link in an extra field `link`. */
const nodeLinkOf = (path: string, link: unknown): { readonly linkTo?: string } => {
  if (link === undefined) return {}
  const target = typeof link === "object" && link !== null
    ? decodeTarget(path, link as Readonly<Record<string, unknown>>)
    : undefined
  return { linkTo: linkOf(path, target ?? "") }
}

const linkOf = (path: string, target: string): string => {
  if (target === "" || target === path || pathProblem(target) !== undefined) {
    throw corruptAt(path, "the path that it links to is not valid")
  }
  return target
}

const metadataOf = (
  path: string,
  row: SqliteRow,
  at: number,
  extra: Readonly<Record<string, unknown>>,
  device: bigint | undefined,
): Metadata => {
  const mtime = time(path, row[at + 3], extra["mtime_ns"])
  const ctime = time(path, row[at + 2], extra["ctime_ns"])
  const inode = row[at + 10]
  const own = extra["device"]
  const on = typeof own === "string" && /^\d{1,20}$/.test(own)
    ? BigInt(own)
    : own === null || inode === null
    ? undefined
    : device
  const [mode, uid, user, gid, group] = row.slice(at + 4, at + 9)
  return {
    ...(mode !== null && { mode: natural(path, mode) & 0o7777 }),
    ...(uid !== null && { uid: natural(path, uid) }),
    ...(gid !== null && { gid: natural(path, gid) }),
    ...(typeof user === "string" && { user }),
    ...(typeof group === "string" && { group }),
    ...(mtime !== undefined && { mtime }),
    ...(ctime !== undefined && { ctime }),
    ...((typeof inode === "bigint" || typeof inode === "number") && { inode: BigInt.asUintN(64, BigInt(inode)) }),
    ...(on !== undefined && { device: on }),
  }
}

const time = (path: string, value: SqliteValue | undefined, rest: unknown): bigint | undefined => {
  if (value === null) return undefined
  const found = timeOf(value, typeof rest === "number" && isUint32(rest) && rest < 1_000_000 ? rest : 0)
  if (found === undefined) throw corruptAt(path, "one of its times is not valid")
  return found
}

const natural = (path: string, value: SqliteValue | undefined): number => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw corruptAt(path, "one of its numbers is not valid")
  }
  return value
}

/** Whether a value of a column is the ID of a blob or an extent. */
export const isId = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === ID_BYTES

const isUint32 = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffffffff
