/**
 * The body of an index object: which packs there are and which chunks are in each, so that a writer learns what exists
 * without opening the packs. Little endian: u32 number of packs, then for each its ID (32 bytes), u32 size in bytes,
 * u32 length of its sealed footer, u32 number of chunks, and the first 16 bytes of each chunk's ID.
 */
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { PackError } from "./packing.ts"

/** Bytes of a chunk ID that an index keeps. */
export const PREFIX_BYTES = 16
/** Length of a pack's ID. */
export const PACK_ID_BYTES = 32
const HEAD_BYTES = PACK_ID_BYTES + 12

/** A pack as an index lists it. */
export interface ListedPack {
  readonly id: Uint8Array
  readonly size: number
  readonly footerLength: number
  /** Number of chunks × 16 bytes. */
  readonly prefixes: Uint8Array
}

/** The prefixes of the chunks of some blocks. */
export const prefixesOf = (blocks: ReadonlyArray<{ readonly chunks: Uint8Array }>): Uint8Array => {
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

/** A pack as an index lists it, by its footer. */
export const listedOf = (
  { id, size }: { readonly id: Uint8Array; readonly size: number },
  { blocks, length }: { readonly blocks: ReadonlyArray<{ readonly chunks: Uint8Array }>; readonly length: number },
): ListedPack => ({ id, size, footerLength: length, prefixes: prefixesOf(blocks) })

/** Chunks that an index lists, at about most: then the next begins. */
export const INDEX_CHUNKS: number = 1 << 17
/** The same of packs. */
const INDEX_PACKS = 1 << 12

/** How many chunks some packs have. */
export const listedChunks = (packs: ReadonlyArray<ListedPack>): number =>
  packs.reduce((n, { prefixes }) => n + prefixes.length / PREFIX_BYTES, 0)

/** Packs as they are divided between indexes. */
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
 * The inverse; the result shares memory with `bytes`. Throws PackError. `object` is the name of the index, for errors.
 */
export const decodePackList = (object: string, bytes: Uint8Array): ReadonlyArray<ListedPack> => {
  const corrupt = (): PackError =>
    new PackError({ reason: "corrupt", object, message: `The index ${object} is not a list of packs` })
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
