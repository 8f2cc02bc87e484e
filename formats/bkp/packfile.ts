/** Packfiles: many small objects in one file, here before gzip and encryption. SPEC.md, "Packfiles". */
import { bytesToHex } from "@noble/hashes/utils.js"
import { type Hasher, ID_BYTES } from "../../stages/kernel/kernel.ts"
import { corrupt } from "./errors.ts"

const MAGIC = [0x50, 0x41, 0x43, 0x4b]
const HEAD_BYTES = 9

/** An object to be written. */
export interface Packable {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

/** Compares IDs byte by byte. */
export const compareIds = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < ID_BYTES; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

/** The longest prefix that the IDs of sorted objects share: a view. */
export const prefixOf = (objects: ReadonlyArray<Packable>): Uint8Array => {
  const first = objects[0]!.id
  const last = objects.at(-1)!.id
  let length = 0
  while (length < ID_BYTES && first[length] === last[length]) length++
  return first.subarray(0, length)
}

/**
 * Encodes objects as a packfile. They must be sorted by ID, all different, and their IDs must begin with `prefix`.
 * `offsets` says where the bytes of each object begin.
 */
export const encodePack = (
  objects: ReadonlyArray<Packable>,
  prefix: Uint8Array,
): { readonly bytes: Uint8Array; readonly offsets: ReadonlyArray<number> } => {
  const idBytes = ID_BYTES - prefix.length
  const out = new Uint8Array(
    HEAD_BYTES + prefix.length + objects.reduce((sum, { bytes }) => sum + idBytes + 4 + bytes.length, 0),
  )
  const view = new DataView(out.buffer)
  out.set(MAGIC)
  view.setUint32(4, objects.length, true)
  out[8] = prefix.length
  out.set(prefix, HEAD_BYTES)
  let at = HEAD_BYTES + prefix.length
  const offsets: Array<number> = []
  for (const { bytes, id } of objects) {
    out.set(id.subarray(prefix.length), at)
    view.setUint32(at + idBytes, bytes.length, true)
    at += idBytes + 4
    out.set(bytes, at)
    offsets.push(at)
    at += bytes.length
  }
  return { bytes: out, offsets }
}

/**
 * Decodes a packfile: calls `visit` with the place of each object. `id` is valid only during the call. All of it is
 * checked: the order, the hash of every object, and that nothing follows. Throws RepositoryError `corrupt`, maybe after
 * some calls. `object` is its name, for messages.
 */
export const decodePack = (
  object: string,
  bytes: Uint8Array,
  prefix: Uint8Array,
  hasher: Hasher,
  visit: (id: Uint8Array, offset: number, length: number) => void,
): void => {
  const damaged = (what: string) => corrupt(object, `${object} is damaged or was altered: ${what}`)
  if (bytes.length < HEAD_BYTES || MAGIC.some((byte, i) => bytes[i] !== byte)) throw damaged("it is not a packfile")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = view.getUint32(4, true)
  const prefixLength = bytes[8]!
  const own = bytes.subarray(HEAD_BYTES, HEAD_BYTES + prefixLength)
  if (prefixLength > ID_BYTES || own.length < prefixLength) throw damaged("its prefix is too long")
  if (bytesToHex(own) !== bytesToHex(prefix)) throw damaged("its prefix is not that of its name")
  const idBytes = ID_BYTES - prefixLength
  let at = HEAD_BYTES + prefixLength
  if (count > (bytes.length - at) / (idBytes + 4)) throw damaged("it is too short for the objects that it lists")
  const id = new Uint8Array(ID_BYTES)
  const before = new Uint8Array(ID_BYTES)
  id.set(own)
  for (let n = 0; n < count; n++) {
    if (idBytes + 4 > bytes.length - at) throw damaged("it ends too early")
    before.set(id)
    id.set(bytes.subarray(at, at + idBytes), prefixLength)
    if (n > 0 && compareIds(before, id) >= 0) throw damaged("it is not sorted")
    const length = view.getUint32(at + idBytes, true)
    at += idBytes + 4
    if (length > bytes.length - at) throw damaged("it ends too early")
    const digest = hasher.digest(bytes.subarray(at, at + length))
    if (compareIds(digest, id) !== 0) throw damaged("the content of one of its objects does not match its ID")
    visit(id, at, length)
    at += length
  }
  if (at !== bytes.length) throw damaged("it goes on after its end")
}
