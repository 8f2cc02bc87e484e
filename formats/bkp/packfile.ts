/** Packfiles: many small objects in one. Bytes: SPEC.md, "Packfiles"; what is here is inside of gzip and encryption. */
import { bytesToHex } from "@noble/hashes/utils.js"
import { type Hasher, ID_BYTES } from "../../stages/kernel/kernel.ts"
import { corrupt } from "./errors.ts"

const MAGIC = [0x50, 0x41, 0x43, 0x4b]
const HEAD_BYTES = 9

/** An object on its way into a packfile. */
export interface Packable {
  readonly id: Uint8Array
  readonly bytes: Uint8Array
}

/** Compares IDs byte by byte. */
export const compareIds = (a: Uint8Array, b: Uint8Array): number => {
  for (let i = 0; i < ID_BYTES; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return 0
}

/** What the IDs of sorted objects begin with, all of them. */
export const prefixOf = (objects: ReadonlyArray<Packable>): Uint8Array => {
  const first = objects[0]!.id
  const last = objects.at(-1)!.id
  let length = 0
  while (length < ID_BYTES && first[length] === last[length]) length++
  return first.subarray(0, length)
}

/**
 * The packfile of some objects, sorted by ID, no two the same, all with IDs that begin with `prefix`; `offsets` says
 * where each object's bytes are in it.
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
 * Goes through a packfile and checks all of it: order, the hash of every object, and that nothing follows. `visit` is
 * told where each object is; `id` is valid only during the call. Throws RepositoryError `corrupt`.
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
  if (bytesToHex(own) !== bytesToHex(prefix)) throw damaged("its name does not say what it holds")
  const idBytes = ID_BYTES - prefixLength
  let at = HEAD_BYTES + prefixLength
  if (count > (bytes.length - at) / (idBytes + 4)) throw damaged("it is too short for all that it lists")
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
    if (compareIds(digest, id) !== 0) throw damaged("it holds something else than it says")
    visit(id, at, length)
    at += length
  }
  if (at !== bytes.length) throw damaged("it goes on after its end")
}
