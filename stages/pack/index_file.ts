/**
 * The bytes of an index object: header | encrypted list of packs. A writer learns from indexes which chunks exist,
 * without opening the packs.
 *
 * The list: u32 number of packs, then for each pack its ID (32 bytes), u32 size in bytes, u32 length of its encrypted
 * footer, u32 number of chunks, and the first 16 bytes of the ID of each chunk. All numbers are little endian.
 */
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"
import { checkHeader, objectId, type ObjectLayout, PACK_ID_BYTES } from "./pack_layout.ts"
import { PackError } from "./packing.ts"

/** Bytes of a chunk ID that an index keeps. */
export const PREFIX_BYTES = 16
/** Bytes of a pack in the list, before the chunks. */
const HEAD_BYTES = PACK_ID_BYTES + 12
/** An index ends after the pack with which it lists this many chunks. */
export const INDEX_CHUNKS: number = 1 << 17
/** An index ends with this many packs. */
const INDEX_PACKS = 1 << 12

/** A pack as an index lists it. */
export interface ListedPack {
  readonly id: Uint8Array
  /** In bytes. */
  readonly size: number
  /** Bytes of its encrypted footer. */
  readonly footerLength: number
  /** The first 16 bytes of the ID of each chunk, one after the other. */
  readonly prefixes: Uint8Array
}

/** A pack as an index lists it, from its footer. `length`: of the encrypted footer. */
export const listedOf = (
  { id, size }: { readonly id: Uint8Array; readonly size: number },
  { blocks, length }: { readonly blocks: ReadonlyArray<{ readonly chunks: Uint8Array }>; readonly length: number },
): ListedPack => ({ id, size, footerLength: length, prefixes: prefixesOf(blocks) })

const prefixesOf = (blocks: ReadonlyArray<{ readonly chunks: Uint8Array }>): Uint8Array => {
  const out = new Uint8Array(blocks.reduce((n, { chunks }) => n + chunkCount(chunks), 0) * PREFIX_BYTES)
  let at = 0
  for (const { chunks } of blocks) {
    for (let i = 0; i < chunkCount(chunks); i++) {
      out.set(chunkId(chunks, i).subarray(0, PREFIX_BYTES), at)
      at += PREFIX_BYTES
    }
  }
  return out
}

/** How many chunks some packs have together. */
export const listedChunks = (packs: ReadonlyArray<ListedPack>): number =>
  packs.reduce((n, { prefixes }) => n + prefixes.length / PREFIX_BYTES, 0)

/** Divides packs between indexes, in order. */
export function* dividedByIndex(packs: Iterable<ListedPack>): Generator<ReadonlyArray<ListedPack>, void> {
  let some: Array<ListedPack> = []
  let chunks = 0
  for (const pack of packs) {
    some.push(pack)
    chunks += pack.prefixes.length / PREFIX_BYTES
    if (some.length < INDEX_PACKS && chunks < INDEX_CHUNKS) continue
    yield some
    some = []
    chunks = 0
  }
  if (some.length > 0) yield some
}

/** An index object, in two parts. Throws KernelError as the cipher does. */
export const encodeIndex = (
  layout: ObjectLayout,
  id: Uint8Array,
  packs: ReadonlyArray<ListedPack>,
  cipher: Cipher,
): ReadonlyArray<Uint8Array> => [layout.header(id), cipher.seal(encodePackList(packs), layout.context(id))]

/** The packs that an index object lists. They share memory with what the cipher returns. Throws PackError. */
export const decodeIndex = (
  layout: ObjectLayout,
  object: string,
  bytes: Uint8Array,
  cipher: Cipher,
): ReadonlyArray<ListedPack> => {
  const id = objectId(layout, object)
  if (id === undefined) {
    throw new PackError({ reason: "foreign", object, message: `${object} is not the name of an index` })
  }
  checkHeader(layout, object, id, bytes)
  try {
    return decodePackList(object, cipher.open(bytes.subarray(layout.headerBytes), layout.context(id)))
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const message = `The index ${object} was altered, or was encrypted with another key`
    throw new PackError({ reason: "forged", object, message })
  }
}

/** The list of an index, before it is encrypted. */
export const encodePackList = (packs: ReadonlyArray<ListedPack>): Uint8Array => {
  const out = new Uint8Array(4 + packs.reduce((n, pack) => n + HEAD_BYTES + pack.prefixes.length, 0))
  const view = new DataView(out.buffer)
  view.setUint32(0, packs.length, true)
  let at = 4
  for (const pack of packs) {
    out.set(pack.id, at)
    view.setUint32(at + PACK_ID_BYTES, pack.size, true)
    view.setUint32(at + PACK_ID_BYTES + 4, pack.footerLength, true)
    view.setUint32(at + PACK_ID_BYTES + 8, pack.prefixes.length / PREFIX_BYTES, true)
    out.set(pack.prefixes, at + HEAD_BYTES)
    at += HEAD_BYTES + pack.prefixes.length
  }
  return out
}

/**
 * The inverse of {@link encodePackList}. The result shares memory with `bytes`. Throws PackError `corrupt`, which names
 * the index `object`.
 */
export const decodePackList = (object: string, bytes: Uint8Array): ReadonlyArray<ListedPack> => {
  const corrupt = (): PackError =>
    new PackError({ reason: "corrupt", object, message: `The index ${object} does not contain a list of packs` })
  if (bytes.length < 4) throw corrupt()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const packs: Array<ListedPack> = []
  let at = 4
  for (let n = view.getUint32(0, true); n > 0; n--) {
    if (at + HEAD_BYTES > bytes.length) throw corrupt()
    const length = view.getUint32(at + PACK_ID_BYTES + 8, true) * PREFIX_BYTES
    if (at + HEAD_BYTES + length > bytes.length) throw corrupt()
    packs.push({
      id: bytes.subarray(at, at + PACK_ID_BYTES),
      size: view.getUint32(at + PACK_ID_BYTES, true),
      footerLength: view.getUint32(at + PACK_ID_BYTES + 4, true),
      prefixes: bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length),
    })
    at += HEAD_BYTES + length
  }
  if (at !== bytes.length) throw corrupt()
  return packs
}
