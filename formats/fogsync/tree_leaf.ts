/** Encodes and decodes the items of entries in the tree of paths: its leaves. SPEC.md, "Listing as a tree". */
import { clampTime, type StoredEntry, type StoredKind } from "../../stages/catalog/tree/row.ts"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import { pathFromBytes, pathProblem, pathToBytes } from "../../stages/walk/path.ts"
import { BPTR_BYTES, encodeBptr, refFromChunks, refToChunks } from "./bptr.ts"
import { isExecutable, type Listed, modeOf } from "./listing.ts"
import { Fields, invalid } from "./tree_fields.ts"

/** Bytes that each item begins with: its length, type and flags, each u16. */
export const ITEM_HEAD = 6
/** The types of items. */
const TYPES: Readonly<Partial<Record<StoredKind, number>>> = { file: 1, directory: 2, symlink: 3 }
const KINDS: ReadonlyArray<StoredKind | undefined> = [undefined, "file", "directory", "symlink"]
/** Flags: which fields an item has. */
const ADDRESS = 1
const EXECUTABLE = 2
const MTIME = 4
const CTIME = 8
const INODE = 16
const DATA = 32
const TARGET = 64
const ALL = 127
/** Bytes of the field for DATA: a size, and SHA-256. */
const DATA_BYTES = 40

/** An entry: its path, and the whole item. */
export interface Leaf {
  readonly path: Uint8Array
  readonly item: Uint8Array
}

/** Makes the item of an entry. Its path and target must not be longer than `PATH_MAXIMUM`. */
export const encodeLeaf = (entry: StoredEntry): Leaf => {
  const { kind, metadata: { ctime, inode, mode, mtime }, target } = entry
  const path = pathToBytes(entry.path)
  const link = target === undefined ? undefined : pathToBytes(target)
  const ref = refFromChunks(entry.chunks, entry.size)
  const flags = (ref === undefined ? 0 : ADDRESS | DATA) | (kind === "file" && isExecutable(mode) ? EXECUTABLE : 0) |
    (mtime === undefined ? 0 : MTIME) | (ctime === undefined ? 0 : CTIME) | (inode === undefined ? 0 : INODE) |
    (link === undefined ? 0 : TARGET)
  const length = ITEM_HEAD + (ref === undefined ? 0 : BPTR_BYTES + DATA_BYTES) + 2 + path.length +
    8 * [mtime, ctime, inode].filter((value) => value !== undefined).length +
    (link === undefined ? 0 : 2 + link.length)
  const item = new Uint8Array(length)
  const view = new DataView(item.buffer)
  view.setUint16(0, length)
  view.setUint16(2, TYPES[kind]!)
  view.setUint16(4, flags)
  let at = ITEM_HEAD
  const put = (bytes: Uint8Array): void => {
    item.set(bytes, at)
    at += bytes.length
  }
  const putText = (bytes: Uint8Array): void => {
    view.setUint16(at, bytes.length)
    at += 2
    put(bytes)
  }
  if (ref !== undefined) put(encodeBptr(ref.bptr))
  putText(path)
  for (const value of [mtime, ctime, inode]) {
    if (value === undefined) continue
    view.setBigUint64(at, BigInt.asUintN(64, value === inode ? value : clampTime(value)))
    at += 8
  }
  if (ref !== undefined) {
    view.setBigUint64(at, BigInt(ref.size))
    at += 8
    put(ref.sha256)
  }
  if (link !== undefined) putText(link)
  return { path, item }
}

/** Reads only the path of an item, whose head was read. */
export const leafPath = (fields: Fields, flags: number): Uint8Array => {
  if (flags & ADDRESS) fields.take(BPTR_BYTES)
  return fields.text()
}

/** Decodes the item of an entry. Throws KernelError `corrupt`. */
export const decodeLeaf = ({ item, path: bytes }: Leaf): Listed => {
  const fields = new Fields(item, 2)
  const kind = KINDS[fields.u16()]
  const flags = fields.u16()
  if (kind === undefined) throw invalid("an entry is of no known type")
  if ((flags & ~ALL) !== 0) throw invalid("an entry has unknown flags")
  const bptr = flags & ADDRESS ? fields.address() : undefined
  fields.text()
  const path = pathFromBytes(bytes)
  const problem = pathProblem(path)
  if (problem !== undefined) throw invalid(`a path is not valid: ${problem}`)
  const mtime = flags & MTIME ? BigInt.asIntN(64, fields.u64()) : undefined
  const ctime = flags & CTIME ? BigInt.asIntN(64, fields.u64()) : undefined
  const inode = flags & INODE ? fields.u64() : undefined
  const size = flags & DATA ? Number(fields.u64()) : 0
  const sha256 = flags & DATA ? fields.take(32) : undefined
  const target = flags & TARGET ? pathFromBytes(fields.text()) : undefined
  if ((bptr === undefined) !== (sha256 === undefined) || (bptr !== undefined && (kind !== "file" || size === 0))) {
    throw invalid("an entry has data that it cannot have")
  }
  if (!Number.isSafeInteger(size)) throw invalid("an entry has an impossible size")
  if ((kind === "symlink") !== (target !== undefined) || target?.includes("\0") === true) {
    throw invalid("an entry has a target that it cannot have")
  }
  return {
    path,
    kind,
    metadata: {
      ...(kind === "file" ? { mode: modeOf((flags & EXECUTABLE) !== 0) } : {}),
      ...(mtime === undefined ? {} : { mtime }),
      ...(ctime === undefined ? {} : { ctime }),
      ...(inode === undefined ? {} : { inode }),
    },
    size,
    chunks: bptr === undefined ? emptyList : refToChunks({ bptr, sha256: sha256!, size }),
    ...(target === undefined ? {} : { target }),
  }
}
