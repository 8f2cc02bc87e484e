/** Block addresses, which the document calls bptr (block pointers). SPEC.md, "Block addresses". */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { BLOCK_BYTES } from "./layout.ts"
import { ADDRESS_DEPTH_MAXIMUM } from "./limits.ts"

/** Bytes of an encoded address. */
export const BPTR_BYTES = 44

/** Where a part of a block is. */
export interface Bptr {
  /** SHA-256 of the block, 32 bytes. */
  readonly hash: Uint8Array
  /** First byte of the part. */
  readonly start: number
  /** The byte after the last one. */
  readonly end: number
  /** 0 for a part of an envelope of data; n for a part of a list of addresses of depth n - 1. */
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

/** Decodes the 44 bytes from `at` on, and copies the hash. Undefined when they are not a valid address. */
export const decodeBptr = (bytes: Uint8Array, at = 0): Bptr | undefined => {
  if (bytes.length - at < BPTR_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BPTR_BYTES)
  const start = view.getUint32(32)
  const end = view.getUint32(36)
  const depth = view.getUint32(40)
  if (start >= end || end > BLOCK_BYTES || depth > ADDRESS_DEPTH_MAXIMUM) return undefined
  return { hash: bytes.slice(at, at + 32), start, end, depth }
}

/** The address as 88 hex digits, as it is in JSON. */
export const bptrToHex = (bptr: Bptr): string => bytesToHex(encodeBptr(bptr))

/** The inverse. Undefined when the text is not a valid address. */
export const bptrFromHex = (hex: string): Bptr | undefined =>
  /^[0-9a-fA-F]{88}$/.test(hex) ? decodeBptr(hexToBytes(hex)) : undefined

const invalid = (message: string): KernelError => new KernelError({ kernel: "list", reason: "corrupt", message })

/**
 * Starts to decode a list: encoded addresses, one after the other, each of the given depth. Bytes may be pushed in any
 * pieces. Throws KernelError `corrupt`.
 */
export const startListDecoder = (depth: number): {
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Bptr>
  readonly end: () => ReadonlyArray<Bptr>
} => {
  let rest: Uint8Array = new Uint8Array(0)
  return {
    push: (data) => {
      const bytes = concat([rest, data])
      const addresses: Array<Bptr> = []
      let at = 0
      for (; at + BPTR_BYTES <= bytes.length; at += BPTR_BYTES) {
        const address = decodeBptr(bytes, at)
        if (address?.depth !== depth) throw invalid("one of its addresses is impossible")
        addresses.push(address)
      }
      rest = bytes.slice(at)
      return addresses
    },
    end: () => {
      if (rest.length > 0) throw invalid("it ends within an address")
      return []
    },
  }
}

/** A key for a ChunkIndex, which keeps only the first 12 bytes of a key: so the part goes into those of the hash. */
export const addressKey = (bptr: Bptr): Uint8Array => {
  const bytes = encodeBptr(bptr)
  for (let i = 0; i < 12; i++) bytes[i]! ^= bytes[32 + i]!
  return bytes
}

/** The data of a file or listing: where it is, and what it is. */
export interface DataRef {
  readonly bptr: Bptr
  /** SHA-256 of the data. */
  readonly sha256: Uint8Array
  /** Bytes of the data. */
  readonly size: number
}

/** Bytes of a chunk list of three records, which holds an address and a hash. */
const CHUNKS_BYTES = 108

/**
 * Puts an address and a hash into the chunk list of an entry, so that the common catalog can hold them: three records,
 * of which the last 32 bytes are zero. The size is that of the entry.
 */
export const refToChunks = ({ bptr, sha256 }: DataRef): Uint8Array => {
  const out = new Uint8Array(CHUNKS_BYTES)
  out.set(encodeBptr(bptr))
  out.set(sha256, BPTR_BYTES)
  return out
}

/** The inverse. Undefined for an entry without data. */
export const refFromChunks = (chunks: Uint8Array, size: number): DataRef | undefined => {
  const bptr = decodeBptr(chunks)
  return bptr && { bptr, sha256: chunks.slice(BPTR_BYTES, BPTR_BYTES + 32), size }
}

/** `contentId` for an entry: the SHA-256 of its content. Absent when the content has no bytes. */
export const contentIdOf = (chunks: Uint8Array, size: number): { readonly contentId?: Uint8Array } => {
  const ref = refFromChunks(chunks, size)
  return ref === undefined ? {} : { contentId: ref.sha256 }
}
