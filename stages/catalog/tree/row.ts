/** The entries of a catalog, and their rows in SQLite. */
import { Equivalence } from "effect/Bytes"
import { type EntryKind, LINKED_KINDS, type Metadata } from "../../walk/entry.ts"
import { depthProblem, displayPath, joinPath, pathFromBytes, pathProblem, pathToBytes } from "../../walk/path.ts"
import { textFromBytes } from "./short_text.ts"
import { SqliteError, type SqliteRow, type SqliteValue } from "../sqlite/sqlite.ts"
import type { Owners } from "./owners.ts"

/** The kinds of entries that are stored. */
export type StoredKind = Exclude<EntryKind, "unreadable">

/** What a catalog keeps of an entry. */
export interface StoredEntry {
  /** Relative to the root, components joined by `/`. */
  readonly path: string
  /** What it is. */
  readonly kind: StoredKind
  /** Times before 1677 or after 2262 are stored as the nearest time that fits into 64 bits. */
  readonly metadata: Metadata
  /** Length of the content in bytes; 0 for anything but files. */
  readonly size: number
  /**
   * The chunks of the content in order, {@link CHUNK_BYTES} for each: its ID (32 bytes) and its length (u32, little
   * endian). Empty for anything but files.
   */
  readonly chunks: Uint8Array
  /** Symlinks only. */
  readonly target?: string
  /** Files, symlinks, fifos and device nodes only. */
  readonly linkTo?: string
  /** Device nodes only; both are 32-bit. */
  readonly rdev?: { readonly major: number; readonly minor: number }
  /** Files only. False is stored as absent. */
  readonly sparse?: boolean
}

/** Bytes per chunk in {@link StoredEntry.chunks}. */
export const CHUNK_BYTES = 36

/** The kinds by their numbers, which rows and the binary form of entries use. */
export const KINDS: ReadonlyArray<StoredKind> = ["file", "directory", "symlink", "fifo", "socket", "character", "block"]

/** The number of the kind `directory`. */
export const DIRECTORY = 1

/** The columns of an entry, in the order of {@link rowOf}. The columns `parent`, `name` and `id` come before them. */
export const COLUMNS = "kind, size, mode, owner, mtime, ctime, inode, device, sparse, target, link, rdev, content"

const NONE: Uint8Array = new Uint8Array(0)

/**
 * The columns of an entry. Each value has the form in which every engine gives it back, so rows can be compared. Throws
 * {@link SqliteError} `query` when the entry is not valid.
 */
export const rowOf = (entry: StoredEntry, owners: Owners): Array<SqliteValue> => {
  const { kind, metadata: m, size, chunks } = entry
  const number = KINDS.indexOf(kind)
  const file = kind === "file"
  if (number < 0) throw misuse(entry.path, `entries of kind "${kind}" cannot be stored`)
  if (!Number.isSafeInteger(size) || size < 0 || (!file && size !== 0)) {
    throw misuse(entry.path, `its size ${size} is not valid`)
  }
  if (chunks.length % CHUNK_BYTES !== 0 || (!file && chunks.length > 0)) {
    throw misuse(entry.path, "its list of chunks is not valid")
  }
  const linkTo = LINKED_KINDS.has(kind) ? entry.linkTo : undefined
  if (linkTo !== undefined && (linkTo === "" || pathProblem(linkTo) !== undefined)) {
    throw misuse(entry.path, "the path that it links to is not valid")
  }
  for (const value of [m.mode, m.uid, m.gid]) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      throw misuse(entry.path, "its mode or owner is not valid")
    }
  }
  const device = kind === "character" || kind === "block" ? entry.rdev : undefined
  return [
    number,
    size,
    m.mode ?? null,
    owners.idOf(m),
    time(m.mtime),
    time(m.ctime),
    unsigned(m.inode),
    unsigned(m.device),
    file && entry.sparse ? 1 : null,
    kind === "symlink" && entry.target !== undefined ? pathToBytes(entry.target) : null,
    linkTo === undefined ? null : pathToBytes(linkTo),
    device === undefined ? null : unsigned(BigInt(device.major) << 32n | BigInt(device.minor)),
    chunks.length === 0 ? null : chunks,
  ]
}

/** The columns of a directory without metadata, which is only known because something is in it. */
export const IMPLIED_DIRECTORY: ReadonlyArray<SqliteValue> = [DIRECTORY, 0, ...new Array<null>(11).fill(null)]

/** Owners by their IDs. */
export type KnownOwners = Pick<Owners, "get">

/**
 * The entry at `path`. Its columns are in `row` from `at` on. Throws {@link SqliteError} `corrupt` when they are not
 * the columns of an entry.
 */
export const entryOf = (path: string, row: SqliteRow, at: number, owners: KnownOwners): StoredEntry => {
  const kind = typeof row[at] === "number" ? KINDS[row[at]] : undefined
  if (kind === undefined) throw corruptAt(path, "its kind is not known")
  const entry: { -readonly [K in keyof StoredEntry]: StoredEntry[K] } = {
    path,
    kind,
    metadata: metadataOf(path, row, at, owners),
    size: natural(path, row[at + 1]),
    chunks: NONE,
  }
  if (kind === "file") {
    const content = row[at + 12]
    if (content !== null) {
      if (!(content instanceof Uint8Array) || content.length % CHUNK_BYTES !== 0) {
        throw corruptAt(path, "its list of chunks is not valid")
      }
      entry.chunks = content
    }
    if (row[at + 8] !== null) entry.sparse = true
  } else if (kind === "symlink") {
    const target = row[at + 9]
    if (target !== null) entry.target = pathFromBytes(blob(path, target))
  } else if (row[at + 11] !== null && (kind === "character" || kind === "block")) {
    const rdev = BigInt.asUintN(64, wide(path, row[at + 11]))
    entry.rdev = { major: Number(rdev >> 32n), minor: Number(rdev & 0xffffffffn) }
  }
  const link = row[at + 10]
  if (link !== null && LINKED_KINDS.has(kind)) {
    const linkTo = pathFromBytes(blob(path, link))
    if (linkTo === "" || pathProblem(linkTo) !== undefined) {
      throw corruptAt(path, "the path that it links to is not valid")
    }
    entry.linkTo = linkTo
  }
  return entry
}

const metadataOf = (path: string, row: SqliteRow, at: number, owners: KnownOwners): Metadata => {
  const metadata: { -readonly [K in keyof Metadata]: Metadata[K] } = {}
  if (row[at + 2] !== null) metadata.mode = natural(path, row[at + 2])
  const owner = row[at + 3]
  if (owner !== null) {
    const found = owners.get(owner as number)
    if (found === undefined) throw corruptAt(path, "its owner is not listed")
    if (found.uid !== undefined) metadata.uid = found.uid
    if (found.gid !== undefined) metadata.gid = found.gid
    if (found.user !== undefined) metadata.user = found.user
    if (found.group !== undefined) metadata.group = found.group
  }
  if (row[at + 4] !== null) metadata.mtime = wide(path, row[at + 4])
  if (row[at + 5] !== null) metadata.ctime = wide(path, row[at + 5])
  if (row[at + 6] !== null) metadata.inode = BigInt.asUintN(64, wide(path, row[at + 6]))
  if (row[at + 7] !== null) metadata.device = BigInt.asUintN(64, wide(path, row[at + 7]))
  return metadata
}

/** The path of an entry in a directory. Throws {@link SqliteError} `corrupt` when no entry can have that name. */
export const childPath = (directory: string, name: SqliteValue | undefined): string => {
  if (!(name instanceof Uint8Array)) throw corruptAt(directory, "the name of an entry in it is not bytes")
  let valid = name.length > 0
  for (let i = 0; i < name.length; i++) if (name[i] === 0x2f || name[i] === 0) valid = false
  if (name[0] === 0x2e && (name.length === 1 || (name.length === 2 && name[1] === 0x2e))) valid = false
  if (!valid) throw corruptAt(directory, `it has an entry named "${displayPath(pathFromBytes(name))}"`)
  const path = joinPath(directory, textFromBytes(name))
  const deep = depthProblem(path)
  if (deep !== undefined) throw corruptAt(path.slice(0, 100), deep)
  return path
}

/** Checks the ID of an entry in the directory at `path`. Throws {@link SqliteError} `corrupt` when it is no ID. */
export const idOf = (path: string, value: SqliteValue | undefined): number => {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value
  throw corruptAt(path, "the ID of an entry in it is not valid")
}

/** Whether the columns of `a` from `aAt` on are those of `b`. Both are in the form that engines give back. */
export const sameRow = (a: SqliteRow, aAt: number, b: SqliteRow): boolean => {
  for (let i = 0; i < b.length; i++) {
    const x = a[aAt + i]
    const y = b[i]
    if (x !== y && !(x instanceof Uint8Array && y instanceof Uint8Array && Equivalence(x, y))) return false
  }
  return true
}

const MAXIMUM = 2n ** 63n - 1n

/** The nearest time that fits into 64 bits, in nanoseconds since 1970. */
export const clampTime = (value: bigint): bigint =>
  value > MAXIMUM ? MAXIMUM : value < -MAXIMUM - 1n ? -MAXIMUM - 1n : value

const time = (value: bigint | undefined): SqliteValue => value === undefined ? null : narrow(clampTime(value))

const unsigned = (value: bigint | undefined): SqliteValue =>
  value === undefined ? null : narrow(BigInt.asIntN(64, value))

const narrow = (value: bigint): SqliteValue =>
  value <= 9007199254740991n && value >= -9007199254740991n ? Number(value) : value

const natural = (path: string, value: SqliteValue | undefined): number => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw corruptAt(path, "one of its numbers is not valid")
  }
  return value
}

const wide = (path: string, value: SqliteValue | undefined): bigint => {
  if (typeof value === "bigint") return value
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw corruptAt(path, "one of its numbers is not valid")
  }
  return BigInt(value)
}

const blob = (path: string, value: SqliteValue | undefined): Uint8Array => {
  if (!(value instanceof Uint8Array)) throw corruptAt(path, "one of its values is not bytes")
  return value
}

/** The error for a damaged entry. */
export const corruptAt = (path: string, problem: string): SqliteError =>
  new SqliteError({ reason: "corrupt", message: `The catalog is damaged at "${displayPath(path)}": ${problem}` })

/** The error for an entry that cannot be stored. */
export const misuse = (path: string, problem: string): SqliteError =>
  new SqliteError({ reason: "query", message: `Cannot store "${displayPath(path)}" in the catalog: ${problem}` })
