/** The objects of the document: snapshot, tree, symlink and file. SPEC.md, "Objects". */
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import { corrupt } from "./errors.ts"

/** The types of objects, as stored. */
export const SNAPSHOT = 0
export const TREE = 1
export const SYMLINK = 2
export const FILE = 3

/** The attributes of a tree, symlink or file. Times are in seconds since 1970. */
export interface Attributes {
  readonly mtime: bigint
  readonly atime: bigint
  readonly ctime: bigint
  /** 16 bits; see `attributes.ts`. */
  readonly mode: number
}

/** What a run of a client stored. */
export interface SnapshotObject {
  readonly type: typeof SNAPSHOT
  /** Seconds since 1970. */
  readonly createTime: bigint
  /** ID of a tree. */
  readonly root: Uint8Array
  /** ID of the client's snapshot before. */
  readonly parent?: Uint8Array
}

/** A tree, symlink or file. */
export interface NodeObject {
  readonly type: typeof TREE | typeof SYMLINK | typeof FILE
  readonly createTime: bigint
  readonly name: Uint8Array
  readonly attributes: Attributes
  /** The IDs of the children of a tree or of the chunks of a file, or the target of a symlink. */
  readonly body: Uint8Array
}

/** Longest name of a file or directory, in bytes. */
export const MAXIMUM_NAME = 0xffff

const HEAD_BYTES = 9
/** Where the type is in every object. */
export const TYPE_AT = 8
const ATTRIBUTES_BYTES = 26

/** The two lengths that a snapshot object can have: without and with a parent. */
export const SNAPSHOT_BYTES: ReadonlyArray<number> = [HEAD_BYTES + ID_BYTES + 1, HEAD_BYTES + 2 * ID_BYTES + 1]

/** One ID of a list: a view. */
export const idAt = (ids: Uint8Array, i: number): Uint8Array => ids.subarray(i * ID_BYTES, (i + 1) * ID_BYTES)
/** The number of IDs in a list. */
export const idCount = (ids: Uint8Array): number => ids.length / ID_BYTES

/** The bytes of a snapshot. */
export const encodeSnapshot = ({ createTime, parent, root }: SnapshotObject): Uint8Array => {
  const out = new Uint8Array(HEAD_BYTES + ID_BYTES + 1 + (parent === undefined ? 0 : ID_BYTES))
  new DataView(out.buffer).setBigUint64(0, createTime, true)
  out[TYPE_AT] = SNAPSHOT
  out.set(root, HEAD_BYTES)
  if (parent !== undefined) {
    out[HEAD_BYTES + ID_BYTES] = 1
    out.set(parent, HEAD_BYTES + ID_BYTES + 1)
  }
  return out
}

/** The bytes of a tree, symlink or file. The name must have at most {@link MAXIMUM_NAME} bytes. */
export const encodeNode = ({ attributes, body, createTime, name, type }: NodeObject): Uint8Array => {
  const at = HEAD_BYTES + 2 + name.length
  const out = new Uint8Array(at + ATTRIBUTES_BYTES + 4 + body.length)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, createTime, true)
  out[TYPE_AT] = type
  view.setUint16(HEAD_BYTES, name.length, true)
  out.set(name, HEAD_BYTES + 2)
  view.setBigUint64(at, attributes.mtime, true)
  view.setBigUint64(at + 8, attributes.atime, true)
  view.setBigUint64(at + 16, attributes.ctime, true)
  view.setUint16(at + 24, attributes.mode, true)
  view.setUint32(at + ATTRIBUTES_BYTES, type === SYMLINK ? body.length : idCount(body), true)
  out.set(body, at + ATTRIBUTES_BYTES + 4)
  return out
}

/** Changes the time of creation of an encoded object, in place. */
export const setCreateTime = (encoded: Uint8Array, createTime: bigint): void =>
  new DataView(encoded.buffer, encoded.byteOffset, encoded.byteLength).setBigUint64(0, createTime, true)

/**
 * Decodes an object of any type; its arrays are views of `bytes`. `object` is its name, for messages. Throws
 * RepositoryError `corrupt`.
 */
export const decodeObject = (object: string, bytes: Uint8Array): SnapshotObject | NodeObject => {
  const damaged = (what: string) => corrupt(object, `${object} is not valid: ${what}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const take = (length: number): number => {
    if (length > bytes.length - at) throw damaged("it ends too early")
    at += length
    return at - length
  }
  const createTime = view.getBigUint64(take(8), true)
  const type = bytes[take(1)]!
  let decoded: SnapshotObject | NodeObject
  if (type === SNAPSHOT) {
    const root = bytes.subarray(take(ID_BYTES), at)
    const hasParent = bytes[take(1)]!
    if (hasParent > 1) throw damaged("its number of parents is neither 0 nor 1")
    const parent = hasParent === 1 ? bytes.subarray(take(ID_BYTES), at) : undefined
    decoded = { type, createTime, root, ...(parent === undefined ? {} : { parent }) }
  } else if (type === TREE || type === SYMLINK || type === FILE) {
    const nameLength = view.getUint16(take(2), true)
    const name = bytes.subarray(take(nameLength), at)
    const meta = take(ATTRIBUTES_BYTES)
    const count = view.getUint32(take(4), true)
    const body = bytes.subarray(take(type === SYMLINK ? count : count * ID_BYTES), at)
    const attributes: Attributes = {
      mtime: view.getBigUint64(meta, true),
      atime: view.getBigUint64(meta + 8, true),
      ctime: view.getBigUint64(meta + 16, true),
      mode: view.getUint16(meta + 24, true),
    }
    decoded = { type, createTime, name, attributes, body }
  } else throw damaged(`its type is ${type}`)
  if (at !== bytes.length) throw damaged("it goes on after its end")
  return decoded
}

/** Decodes a tree, symlink or file. Throws RepositoryError `corrupt`. */
export const decodeNode = (object: string, bytes: Uint8Array): NodeObject => {
  const decoded = decodeObject(object, bytes)
  if (decoded.type === SNAPSHOT) {
    throw corrupt(object, `${object} is a snapshot where a tree, file or symlink should be`)
  }
  return decoded
}

/** Decodes a snapshot. Throws RepositoryError `corrupt`. */
export const decodeSnapshot = (object: string, bytes: Uint8Array): SnapshotObject => {
  const decoded = decodeObject(object, bytes)
  if (decoded.type !== SNAPSHOT) throw corrupt(object, `${object} is not a snapshot`)
  return decoded
}
