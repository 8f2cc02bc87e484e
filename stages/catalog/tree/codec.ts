/**
 * Entries as bytes, for logs of changes. It is written by hand, because encoding the same fields with `micro-packed`
 * took three times as long.
 *
 * Numbers are little endian. An entry is: u8 kind ({@link KINDS}); u16 flags, one for each optional field that is
 * present; u32 length of the path, the path; u64 size; the optional fields in the order of their flags; u32 number of
 * chunks, and {@link CHUNK_BYTES} for each. The optional fields are: mode u32, uid u32, gid u32, user u16 length and
 * text, group u16 length and text, mtime i64, ctime i64, inode u64, device u64, sparse (no bytes), target u32 length
 * and bytes, link u32 length and path, rdev u32 major and u32 minor. Paths, targets and names are bytes as in
 * `path.ts`.
 */
import { taggedError, type TaggedErrorInstance } from "../../kernel/tagged_error.ts"
import { LINKED_KINDS, type Metadata } from "../../walk/entry.ts"
import { displayPath, pathProblem } from "../../walk/path.ts"
import { textFromBytes, textToBytes } from "./short_text.ts"
import { CHUNK_BYTES, clampTime, KINDS, type StoredEntry } from "./row.ts"

/** Fields of a `EntryFormatError`. */
export interface EntryFormatErrorFields {
  readonly message: string
}
/** Bytes that are not an entry, or an entry that cannot be written as bytes. */
export interface EntryFormatError extends TaggedErrorInstance<"EntryFormatError", EntryFormatErrorFields> {}
/** Makes {@linkcode EntryFormatError}s. */
export const EntryFormatError: new (fields: EntryFormatErrorFields) => EntryFormatError = taggedError(
  "EntryFormatError",
)

/** Bytes with entries, and where the next entry begins. */
export interface EntryReader {
  readonly bytes: Uint8Array
  at: number
}

const MODE = 1
const UID = 2
const GID = 4
const USER = 8
const GROUP = 16
const MTIME = 32
const CTIME = 64
const INODE = 128
const DEVICE = 256
const SPARSE = 512
const TARGET = 1024
const LINK = 2048
const RDEV = 4096
const ALL = 8191

/** The longest path or target, in bytes: three for each UTF-16 unit of the longest path of an entry. */
const TEXT_MAXIMUM = 3 * 65_535
/** The longest name of a user or group, in bytes. */
const NAME_MAXIMUM = 1024
/** No file has more chunks: 16 TiB in chunks of 128 KiB. */
const CHUNKS_MAXIMUM = 1 << 27
/** Bytes of all fields of fixed length. */
const FIXED = 1 + 2 + 4 + 8 + 12 + 4 + 32 + 4 + 4 + 8 + 4

const NONE: Uint8Array = new Uint8Array(0)

/** Encodes an entry into fresh bytes. Throws {@link EntryFormatError} when a field is out of bounds. */
export const encodeEntry = (entry: StoredEntry): Uint8Array => {
  const { metadata: m, kind, chunks } = entry
  const file = kind === "file"
  const path = text(entry.path, TEXT_MAXIMUM, entry)
  const user = m.user === undefined ? NONE : text(m.user, NAME_MAXIMUM, entry)
  const group = m.group === undefined ? NONE : text(m.group, NAME_MAXIMUM, entry)
  const target = kind === "symlink" && entry.target !== undefined ? text(entry.target, TEXT_MAXIMUM, entry) : undefined
  const link = LINKED_KINDS.has(kind) && entry.linkTo !== undefined
    ? text(entry.linkTo, TEXT_MAXIMUM, entry)
    : undefined
  const rdev = kind === "character" || kind === "block" ? entry.rdev : undefined
  const number = KINDS.indexOf(kind)
  if (number < 0 || (!file && (chunks.length > 0 || entry.size !== 0))) throw unfit(entry)
  if (chunks.length % CHUNK_BYTES !== 0 || chunks.length > CHUNKS_MAXIMUM * CHUNK_BYTES) throw unfit(entry)
  if (!Number.isSafeInteger(entry.size) || entry.size < 0) throw unfit(entry)

  const bytes = new Uint8Array(
    FIXED + path.length + user.length + group.length + (target?.length ?? 0) + (link?.length ?? 0) + chunks.length,
  )
  const view = new DataView(bytes.buffer)
  let at = 3
  let flags = 0
  const u32 = (value: number): void => {
    if (!(value >= 0 && value <= 0xffffffff && Number.isInteger(value))) throw unfit(entry)
    view.setUint32(at, value, true)
    at += 4
  }
  const raw = (value: Uint8Array): void => {
    bytes.set(value, at)
    at += value.length
  }
  const u16Text = (value: Uint8Array): void => {
    view.setUint16(at, value.length, true)
    at += 2
    raw(value)
  }
  const i64 = (value: bigint): void => {
    view.setBigInt64(at, value, true)
    at += 8
  }
  u32(path.length)
  raw(path)
  u32(entry.size % 0x100000000)
  u32(Math.floor(entry.size / 0x100000000))
  if (m.mode !== undefined) flags |= MODE, u32(m.mode)
  if (m.uid !== undefined) flags |= UID, u32(m.uid)
  if (m.gid !== undefined) flags |= GID, u32(m.gid)
  if (m.user !== undefined) flags |= USER, u16Text(user)
  if (m.group !== undefined) flags |= GROUP, u16Text(group)
  if (m.mtime !== undefined) flags |= MTIME, i64(clampTime(m.mtime))
  if (m.ctime !== undefined) flags |= CTIME, i64(clampTime(m.ctime))
  if (m.inode !== undefined) flags |= INODE, i64(m.inode)
  if (m.device !== undefined) flags |= DEVICE, i64(m.device)
  if (file && entry.sparse) flags |= SPARSE
  if (target) flags |= TARGET, u32(target.length), raw(target)
  if (link) flags |= LINK, u32(link.length), raw(link)
  if (rdev) flags |= RDEV, u32(rdev.major), u32(rdev.minor)
  u32(chunks.length / CHUNK_BYTES)
  raw(chunks)
  bytes[0] = number
  view.setUint16(1, flags, true)
  return bytes.subarray(0, at)
}

/**
 * Decodes the entry at `reader.at`, and moves `reader.at` behind it. The entry shares no memory with the bytes. Throws
 * {@link EntryFormatError} when the bytes are not what {@link encodeEntry} writes for a valid path.
 */
export const decodeEntry = (reader: EntryReader): StoredEntry => {
  const { bytes } = reader
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = reader.at
  const take = (length: number): number => {
    const from = at
    if (length > bytes.length - from) throw malformed("it ends too early")
    at += length
    return from
  }
  const u32 = (): number => view.getUint32(take(4), true)
  const string = (length: number, maximum: number): string => {
    if (length > maximum) throw malformed("a name in it is too long")
    const from = take(length)
    return textFromBytes(bytes, from, from + length)
  }
  const kind = KINDS[view.getUint8(take(1))]
  if (kind === undefined) throw malformed("its kind is not known")
  const flags = view.getUint16(take(2), true)
  const device = kind === "character" || kind === "block"
  const allowed = ALL & (kind === "file" ? ALL : ~SPARSE) & (kind === "symlink" ? ALL : ~TARGET) &
    (device ? ALL : ~RDEV) & (LINKED_KINDS.has(kind) ? ALL : ~LINK)
  if ((flags & ~allowed) !== 0) throw malformed("it has fields that its kind cannot have")
  const path = string(u32(), TEXT_MAXIMUM)
  if (pathProblem(path) !== undefined) throw malformed(`its path "${displayPath(path).slice(0, 200)}" is not valid`)
  const size = u32() + u32() * 0x100000000
  if (!Number.isSafeInteger(size) || (kind !== "file" && size !== 0)) throw malformed("its size is not valid")
  const metadata: { -readonly [K in keyof Metadata]: Metadata[K] } = {}
  const entry: { -readonly [K in keyof StoredEntry]: StoredEntry[K] } = { path, kind, metadata, size, chunks: NONE }
  if (flags & MODE) metadata.mode = u32()
  if (flags & UID) metadata.uid = u32()
  if (flags & GID) metadata.gid = u32()
  if (flags & USER) metadata.user = string(view.getUint16(take(2), true), NAME_MAXIMUM)
  if (flags & GROUP) metadata.group = string(view.getUint16(take(2), true), NAME_MAXIMUM)
  if (flags & MTIME) metadata.mtime = view.getBigInt64(take(8), true)
  if (flags & CTIME) metadata.ctime = view.getBigInt64(take(8), true)
  if (flags & INODE) metadata.inode = view.getBigUint64(take(8), true)
  if (flags & DEVICE) metadata.device = view.getBigUint64(take(8), true)
  if (flags & SPARSE) entry.sparse = true
  if (flags & TARGET) entry.target = string(u32(), TEXT_MAXIMUM)
  if (flags & LINK) {
    const linkTo = string(u32(), TEXT_MAXIMUM)
    if (linkTo === "" || pathProblem(linkTo) !== undefined) throw malformed("the path that it links to is not valid")
    entry.linkTo = linkTo
  }
  if (flags & RDEV) entry.rdev = { major: u32(), minor: u32() }
  const count = u32()
  if (count > CHUNKS_MAXIMUM || (kind !== "file" && count > 0)) throw malformed("its list of chunks is not valid")
  if (count > 0) {
    const from = take(count * CHUNK_BYTES)
    entry.chunks = bytes.slice(from, at)
  }
  reader.at = at
  return entry
}

const text = (value: string, maximum: number, entry: StoredEntry): Uint8Array => {
  const bytes = textToBytes(value)
  if (bytes.length > maximum) throw unfit(entry)
  return bytes
}

const unfit = (entry: StoredEntry): EntryFormatError =>
  new EntryFormatError({
    message: `Cannot write the entry "${displayPath(entry.path).slice(0, 200)}": one of its fields is out of bounds`,
  })

const malformed = (problem: string): EntryFormatError =>
  new EntryFormatError({ message: `The entry is damaged: ${problem}` })
