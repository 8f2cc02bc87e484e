/** Names, headers and limits of packs and index objects: what differs between formats that store packs. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import type { KernelSpec } from "../kernel/kernel.ts"
import { PackError } from "./packing.ts"
import { sealedAlike, type Sealing, type Sealings, type Signing } from "./sealing.ts"

/** How one kind of object is named, how it begins, and what it is encrypted with. */
export interface ObjectLayout extends Sealings {
  /** Ends with `/`. Every object beneath it that has the extension is of this kind. */
  readonly directory: string
  /** With its dot. */
  readonly extension: string
  /** Signs indexes. Absent: they are not signed. */
  readonly signing?: Signing
}

/** The layout of packs and of their indexes. */
export interface PackLayout {
  readonly packs: ObjectLayout
  readonly indexes: ObjectLayout
  /** A pack is closed when it has this many bytes. */
  readonly size: number
  /** Chunks are gathered into blocks of about this many bytes. */
  readonly blockBytes: number
  /** No encrypted footer of a pack has more bytes. */
  readonly footerBytes: number
}

/** Default size of a pack, in bytes. */
export const PACK_BYTES: number = 16 << 20
/** Default size of a block, in bytes. */
export const BLOCK_BYTES: number = 1 << 20
/**
 * An encrypted footer has at most this many bytes: it is read whole before it can be authenticated. In a footer, a
 * chunk takes 36 bytes and a block 8. Writers close a pack before it has 131,072 chunks, which take 5.6 MiB when each
 * is a block.
 */
export const FOOTER_BYTES: number = 16 << 20
/**
 * An index object has at most this many bytes, for the same reason. In an index, a chunk takes 16 bytes and a pack 44.
 * Writers end an index at about 4 MiB, and one more pack adds up to 2 MiB.
 */
export const INDEX_BYTES: number = 16 << 20
/** Bytes of the ID of a pack or an index. */
export const PACK_ID_BYTES = 32

/** A fresh random ID. */
export const freshId = (): Uint8Array => crypto.getRandomValues(new Uint8Array(PACK_ID_BYTES))

/**
 * Additional data that binds what is encrypted to the header and the name of its object: one after the other. Names are
 * ASCII.
 */
export const boundTo = (header: Uint8Array, name: string): Uint8Array =>
  concat([header, new TextEncoder().encode(name)])

/** `<directory>ab/abcd….ext`. */
export const objectName = (layout: Pick<ObjectLayout, "directory" | "extension">, id: Uint8Array): string => {
  const hex = bytesToHex(id)
  return `${layout.directory}${hex.slice(0, 2)}/${hex}${layout.extension}`
}

/** The ID in a name. Undefined when the name is not one of this layout. */
export const objectId = (
  layout: Pick<ObjectLayout, "directory" | "extension">,
  name: string,
): Uint8Array | undefined => {
  if (!name.startsWith(layout.directory) || !name.endsWith(layout.extension)) return undefined
  const hex = name.slice(layout.directory.length + 3, name.length - layout.extension.length)
  if (!/^[0-9a-f]{64}$/.test(hex)) return undefined
  const id = hexToBytes(hex)
  return objectName(layout, id) === name ? id : undefined
}

/** Throws PackError when the bytes do not begin with the header of the object of that ID. */
export const checkHeader = (
  { tagIn }: Pick<ObjectLayout, "tagIn">,
  sealing: Sealing,
  object: string,
  id: Uint8Array,
  bytes: Uint8Array,
): void => {
  const header = bytes.subarray(0, sealing.headerBytes)
  tagIn(object, header)
  if (header.length < sealing.headerBytes) throw shortHeader(object)
  const expected = sealing.header(id)
  if (header.some((byte, i) => byte !== expected[i])) {
    throw new PackError({ reason: "corrupt", object, message: `The header of ${object} was altered` })
  }
}

/** The error for an object that ends within its header. */
export const shortHeader = (object: string): PackError =>
  new PackError({ reason: "truncated", object, message: `${object} is shorter than its header` })

/** The version that a plain header states. */
const PLAIN_VERSION = 1

/**
 * A layout whose header is 8 bytes of magic, u8 version 1, and the ID of the object (32 bytes). All objects have the
 * same key.
 */
export const plainLayout = (
  directory: string,
  extension: string,
  magic: string,
  cipher: KernelSpec<"encrypt">,
  contextOf: (header: Uint8Array, name: string) => Uint8Array = boundTo,
): ObjectLayout => {
  const start = new TextEncoder().encode(magic)
  const headerBytes = start.length + 1 + PACK_ID_BYTES
  const header = (id: Uint8Array): Uint8Array => concat([start, Uint8Array.of(PLAIN_VERSION), id])
  return {
    directory,
    extension,
    ...sealedAlike({
      headerBytes,
      header,
      context: (id) => contextOf(header(id), objectName({ directory, extension }, id)),
      cipher,
    }, (object, header) => {
      if (header.length < headerBytes) throw shortHeader(object)
      if (start.some((byte, i) => header[i] !== byte)) {
        throw new PackError({ reason: "foreign", object, message: `${object} does not begin with ${magic}` })
      }
      const version = header[start.length]
      if (version === PLAIN_VERSION) return
      const message = `${object} has version ${version}, which a later Penstock wrote`
      throw new PackError({ reason: "newer", object, message })
    }),
  }
}
