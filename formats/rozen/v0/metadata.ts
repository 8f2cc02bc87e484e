/**
 * The metadata in the object of a content: what was known of the file for which it was first stored. It is for recovery
 * only. The metadata that counts is in the catalogs, because many files may have the same content.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { decodeEntry, encodeEntry, EntryFormatError, type EntryReader } from "../../../stages/catalog/tree/codec.ts"
import type { StoredEntry } from "../../../stages/catalog/tree/row.ts"
import { chunkId } from "../../../stages/hash/chunk_list.ts"
import { corrupt } from "../errors.ts"
import { contentName } from "./layout.ts"

/** An extended attribute; a macOS resource fork is the one named `com.apple.ResourceFork`. */
export interface Attribute {
  /** As the system names it, in bytes. */
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** Encodes the section "FS metadata". Throws EntryFormatError when the entry cannot be encoded. */
export const encodeFsMetadata = (entry: StoredEntry): Uint8Array => encodeEntry(entry)

/** Decodes the entry that the object `name` was first stored for. Throws RepositoryError `corrupt`. */
export const decodeFsMetadata = (name: string, bytes: Uint8Array): StoredEntry => {
  const reader: EntryReader = { bytes, at: 0 }
  try {
    const entry = decodeEntry(reader)
    if (
      reader.at === bytes.length && entry.kind === "file" && entry.chunks.length === 36 &&
      bytesToHex(chunkId(entry.chunks, 0)) === contentName(name)
    ) return entry
  } catch (error) {
    if (!(error instanceof EntryFormatError)) throw error
  }
  throw corrupt(name, `${name} is damaged: its metadata is not that of its content`)
}

/**
 * Encodes the section "EA metadata": for each attribute u16 LE length of the name, name, u32 LE length of the value,
 * value.
 */
export const encodeEaMetadata = (attributes: ReadonlyArray<Attribute>): Uint8Array => {
  const out = new Uint8Array(attributes.reduce((n, { name, value }) => n + 6 + name.length + value.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const { name, value } of attributes) {
    view.setUint16(at, name.length, true)
    out.set(name, at + 2)
    view.setUint32(at + 2 + name.length, value.length, true)
    out.set(value, at + 6 + name.length)
    at += 6 + name.length + value.length
  }
  return out
}

/** Decodes the section. The attributes share memory with `bytes`. Throws RepositoryError `corrupt`. */
export const decodeEaMetadata = (object: string, bytes: Uint8Array): ReadonlyArray<Attribute> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const attributes: Array<Attribute> = []
  for (let at = 0; at < bytes.length;) {
    const nameEnd = at + 2 > bytes.length ? Infinity : at + 2 + view.getUint16(at, true)
    const valueEnd = nameEnd + 4 > bytes.length ? Infinity : nameEnd + 4 + view.getUint32(nameEnd, true)
    if (valueEnd > bytes.length) throw corrupt(object, `${object} is damaged: its extended attributes do not fit`)
    attributes.push({ name: bytes.subarray(at + 2, nameEnd), value: bytes.subarray(nameEnd + 4, valueEnd) })
    at = valueEnd
  }
  return attributes
}
