/** Names and headers of packs and index objects: what differs between formats that store packs. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import type { KernelSpec } from "../kernel/kernel.ts"
import { PACK_ID_BYTES } from "./pack_list.ts"
import { PackError } from "./packing.ts"

/** How one kind of object is named and begins. */
export interface ObjectLayout {
  /** Ends with `/`. Everything beneath it that has the extension is of this kind. */
  readonly directory: string
  /** With its dot. */
  readonly extension: string
  /** Begins every object; `headerBytes` long whatever the ID. */
  readonly header: (id: Uint8Array) => Uint8Array
  readonly headerBytes: number
  /**
   * What is authenticated with footer or body, and differs for any two objects of a store: so none can stand for
   * another. Header and name, see {@link boundTo}.
   */
  readonly context: (id: Uint8Array) => Uint8Array
  /** Why the header is not one of this layout: PackError `foreign`, `newer` or `corrupt`. Undefined when it is. */
  readonly problem: (object: string, header: Uint8Array) => PackError | undefined
  /** Seals footer or body. */
  readonly cipher: KernelSpec<"encrypt">
}

/**
 * A sealed footer has at most so many bytes: it is read whole before it can be authenticated. Chunks of a pack take 36
 * bytes each in it, blocks 8; writers close a pack before it has 131,072 chunks, which are 5.6 MiB when each is a
 * block.
 */
export const FOOTER_BYTES: number = 16 << 20
/**
 * An index object has at most so many bytes, likewise. A chunk takes 16 bytes in it, a pack 44; writers end one at 4
 * MiB, and one pack more adds 2 MiB.
 */
export const INDEX_BYTES: number = 16 << 20

/** Packs and their indexes. */
export interface PackLayout {
  readonly packs: ObjectLayout
  readonly indexes: ObjectLayout
  /** A pack is closed when it has so many bytes. */
  readonly size: number
  /** Chunks are gathered into blocks of so many bytes. */
  readonly blockBytes: number
  /** No sealed footer of a pack has more bytes. */
  readonly footerBytes: number
}

/** A fresh random ID. */
export const freshId = (): Uint8Array => crypto.getRandomValues(new Uint8Array(PACK_ID_BYTES))

/**
 * Additional data that binds what is sealed to header and name of its object: the two, one after the other. Names are
 * ASCII.
 */
export const boundTo = (header: Uint8Array, name: string): Uint8Array =>
  concat([header, new TextEncoder().encode(name)])

/** `<directory>ab/abcd….ext`. */
export const objectName = (layout: Pick<ObjectLayout, "directory" | "extension">, id: Uint8Array): string => {
  const hex = bytesToHex(id)
  return `${layout.directory}${hex.slice(0, 2)}/${hex}${layout.extension}`
}

/** The ID in a name, undefined when the name is not of this layout. */
export const objectId = (layout: ObjectLayout, name: string): Uint8Array | undefined => {
  if (!name.startsWith(layout.directory) || !name.endsWith(layout.extension)) return undefined
  const hex = name.slice(layout.directory.length + 3, name.length - layout.extension.length)
  if (!/^[0-9a-f]{64}$/.test(hex)) return undefined
  const id = hexToBytes(hex)
  return objectName(layout, id) === name ? id : undefined
}

/** Throws when the bytes do not begin with the header of the object of that ID. */
export const checkHeader = (layout: ObjectLayout, object: string, id: Uint8Array, bytes: Uint8Array): void => {
  const header = bytes.subarray(0, layout.headerBytes)
  if (header.length < layout.headerBytes) {
    throw new PackError({ reason: "truncated", object, message: `${object} is shorter than its header` })
  }
  const problem = layout.problem(object, header)
  if (problem !== undefined) throw problem
  const expected = layout.header(id)
  if (header.some((byte, i) => byte !== expected[i])) {
    throw new PackError({ reason: "corrupt", object, message: `The header of ${object} was altered` })
  }
}
