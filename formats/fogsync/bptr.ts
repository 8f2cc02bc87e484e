/** Block addresses. SPEC.md, "Block addresses". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"

/** Bytes of an encoded address. */
export const BPTR_BYTES = 44
/** Bytes of a block. */
export const BLOCK_BYTES: number = 64 << 10
/** Lists of lists go no deeper: 16 levels are more than any store can hold. */
const DEPTH_MAXIMUM = 16

/** A part of a block. */
export interface Bptr {
  /** SHA-256 of the block, 32 bytes. */
  readonly hash: Uint8Array
  /** The part, `end` exclusive. */
  readonly start: number
  readonly end: number
  /** 0: a part of the content. n: a part of a list of addresses of depth n - 1. */
  readonly depth: number
}

/** 44 fresh bytes: hash, then start, end and depth as u32, big endian. */
export const encodeBptr = ({ depth, end, hash, start }: Bptr): Uint8Array => {
  const out = new Uint8Array(BPTR_BYTES)
  out.set(hash)
  const view = new DataView(out.buffer)
  view.setUint32(32, start)
  view.setUint32(36, end)
  view.setUint32(40, depth)
  return out
}

/** The inverse, with a hash of its own; undefined when the bytes from `at` on cannot be an address. */
export const decodeBptr = (bytes: Uint8Array, at = 0): Bptr | undefined => {
  if (bytes.length - at < BPTR_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BPTR_BYTES)
  const start = view.getUint32(32)
  const end = view.getUint32(36)
  const depth = view.getUint32(40)
  if (start >= end || end > BLOCK_BYTES || depth > DEPTH_MAXIMUM) return undefined
  return { hash: bytes.slice(at, at + 32), start, end, depth }
}

/** What an index, which keeps the first 12 bytes of a key, knows an address by: its hash and its place, mixed. */
export const addressKey = (bptr: Bptr): Uint8Array => {
  const bytes = encodeBptr(bptr)
  for (let i = 0; i < 12; i++) bytes[i]! ^= bytes[32 + i]!
  return bytes
}

/** As it is in JSON: 88 hex digits. */
export const bptrToHex = (bptr: Bptr): string => bytesToHex(encodeBptr(bptr))

/** The inverse; undefined when it cannot be an address. */
export const bptrFromHex = (hex: string): Bptr | undefined =>
  /^[0-9a-fA-F]{88}$/.test(hex) ? decodeBptr(hexToBytes(hex)) : undefined

/** Where the data of an entry is, and what it is. */
export interface Ref {
  readonly bptr: Bptr
  /** SHA-256 of the data. */
  readonly sha256: Uint8Array
  /** Bytes of the data. */
  readonly size: number
}

/**
 * An address and a hash as the chunk list of a tree of entries: three records, the last 32 bytes zero. The size is the
 * entry's.
 */
export const refToChunks = ({ bptr, sha256 }: Ref): Uint8Array => {
  const out = new Uint8Array(108)
  out.set(encodeBptr(bptr))
  out.set(sha256, BPTR_BYTES)
  return out
}

/** The inverse; undefined for an entry without data. */
export const refFromChunks = (chunks: Uint8Array, size: number): Ref | undefined => {
  const bptr = decodeBptr(chunks)
  return bptr && { bptr, sha256: chunks.slice(BPTR_BYTES, BPTR_BYTES + 32), size }
}

/** The name of a content that has bytes, for an entry. */
export const contentIdOf = (chunks: Uint8Array, size: number): { readonly contentId?: Uint8Array } => {
  const ref = refFromChunks(chunks, size)
  return ref === undefined ? {} : { contentId: ref.sha256 }
}
