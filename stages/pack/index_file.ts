/**
 * The bytes of an index object: header | encrypted list of packs. A writer learns from indexes which chunks exist,
 * without opening the packs.
 *
 * The list: u32 number of tags, which open the keys of packs, then for each u16 length and that many bytes, in the
 * order in which packs first have them; u32 number of packs, then for each pack its ID (32 bytes), u32 number of its
 * tag (from 0 on), u32 size in bytes, u32 length of its encrypted footer, u32 number of chunks, and the first 16 bytes
 * of the ID of each chunk. All numbers are little endian.
 */
import { bytesToHex } from "@noble/hashes/utils.js"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"
import { checkHeader, objectId, type ObjectLayout, PACK_ID_BYTES } from "./pack_layout.ts"
import { PackError } from "./packing.ts"
import type { Sealing } from "./sealing.ts"

/** Bytes of a chunk ID that an index keeps. */
export const PREFIX_BYTES = 16
/** Bytes of a pack in the list, before the chunks. */
const HEAD_BYTES = PACK_ID_BYTES + 16
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
  /** What opens its key. */
  readonly tag: Uint8Array
  /** The first 16 bytes of the ID of each chunk, one after the other. */
  readonly prefixes: Uint8Array
}

/** A pack as an index lists it, from its footer. `length`: of the encrypted footer. */
export const listedOf = (
  { id, size }: { readonly id: Uint8Array; readonly size: number },
  { blocks, length, sealing }: {
    readonly blocks: ReadonlyArray<{ readonly chunks: Uint8Array }>
    readonly length: number
    readonly sealing: { readonly tag: Uint8Array }
  },
): ListedPack => ({ id, size, footerLength: length, tag: sealing.tag, prefixes: prefixesOf(blocks) })

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
  { context, header }: Pick<Sealing, "context" | "header">,
  id: Uint8Array,
  packs: ReadonlyArray<ListedPack>,
  cipher: Cipher,
): ReadonlyArray<Uint8Array> => [header(id), cipher.seal(encodePackList(packs), context(id))]

/**
 * The packs that an index object lists. They share memory with what the cipher returns. Throws PackError. `sealing` is
 * that of the tag in its header.
 */
export const decodeIndex = (
  layout: ObjectLayout,
  sealing: Sealing,
  object: string,
  bytes: Uint8Array,
  cipher: Cipher,
): ReadonlyArray<ListedPack> => {
  const id = objectId(layout, object)
  if (id === undefined) {
    throw new PackError({ reason: "foreign", object, message: `${object} is not the name of an index` })
  }
  checkHeader(layout, sealing, object, id, bytes)
  try {
    return decodePackList(object, cipher.open(bytes.subarray(sealing.headerBytes), sealing.context(id)))
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const message = `The index ${object} was altered, or was encrypted with another key`
    throw new PackError({ reason: "forged", object, message })
  }
}

/** The list of an index, before it is encrypted. */
export const encodePackList = (packs: ReadonlyArray<ListedPack>): Uint8Array => {
  const tags = new Map<string, { readonly tag: Uint8Array; readonly number: number }>()
  const numbers = packs.map(({ tag }) => {
    const key = bytesToHex(tag)
    const known = tags.get(key) ?? { tag, number: tags.size }
    tags.set(key, known)
    return known.number
  })
  let length = 8
  for (const { tag } of tags.values()) length += 2 + tag.length
  for (const { prefixes } of packs) length += HEAD_BYTES + prefixes.length
  const out = new Uint8Array(length)
  const view = new DataView(out.buffer)
  view.setUint32(0, tags.size, true)
  let at = 4
  for (const { tag } of tags.values()) {
    view.setUint16(at, tag.length, true)
    out.set(tag, at + 2)
    at += 2 + tag.length
  }
  view.setUint32(at, packs.length, true)
  at += 4
  for (const [i, pack] of packs.entries()) {
    out.set(pack.id, at)
    view.setUint32(at + PACK_ID_BYTES, numbers[i]!, true)
    view.setUint32(at + PACK_ID_BYTES + 4, pack.size, true)
    view.setUint32(at + PACK_ID_BYTES + 8, pack.footerLength, true)
    view.setUint32(at + PACK_ID_BYTES + 12, pack.prefixes.length / PREFIX_BYTES, true)
    out.set(pack.prefixes, at + HEAD_BYTES)
    at += HEAD_BYTES + pack.prefixes.length
  }
  return out
}

/**
 * The inverse of {@link encodePackList}. The result shares memory with `bytes`, except tags, which packs share. Throws
 * PackError `corrupt`, which names the index `object`.
 */
export const decodePackList = (object: string, bytes: Uint8Array): ReadonlyArray<ListedPack> => {
  const corrupt = (): PackError =>
    new PackError({ reason: "corrupt", object, message: `The index ${object} does not contain a list of packs` })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  /** Goes on by some bytes. Gives where they begin. */
  const take = (length: number): number => {
    if (length > bytes.length - at) throw corrupt()
    at += length
    return at - length
  }
  const tags: Array<Uint8Array> = []
  const distinct = new Set<string>()
  for (let n = view.getUint32(take(4), true); n > 0; n--) {
    const length = view.getUint16(take(2), true)
    const from = take(length)
    tags.push(bytes.slice(from, from + length))
    distinct.add(bytesToHex(tags.at(-1)!))
  }
  let used = 0
  const packs: Array<ListedPack> = []
  for (let n = view.getUint32(take(4), true); n > 0; n--) {
    const from = take(HEAD_BYTES)
    const number = view.getUint32(from + PACK_ID_BYTES, true)
    const tag = tags[number]
    if (tag === undefined || number > used) throw corrupt()
    if (number === used) used++
    const length = view.getUint32(from + PACK_ID_BYTES + 12, true) * PREFIX_BYTES
    const prefixes = take(length)
    packs.push({
      id: bytes.subarray(from, from + PACK_ID_BYTES),
      size: view.getUint32(from + PACK_ID_BYTES + 4, true),
      footerLength: view.getUint32(from + PACK_ID_BYTES + 8, true),
      tag,
      prefixes: bytes.subarray(prefixes, prefixes + length),
    })
  }
  if (at !== bytes.length || used !== tags.length || used !== distinct.size) throw corrupt()
  return packs
}
