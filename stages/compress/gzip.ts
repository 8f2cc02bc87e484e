/**
 * gzip (RFC 1952). The portable kernel decodes with `inflate.ts`, and encodes without compressing. The kernel of
 * `adapters/kernels` compresses.
 */
import { concat } from "effect/Bytes"
import type { Compressor, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { crc32 } from "./crc32.ts"
import { corrupt, levelOf, overLimit } from "./errors.ts"
import { inflate } from "./inflate.ts"

/** Options of {@link gzip}. */
export interface GzipOptions {
  /** 0 (stored) to 9 (smallest); 6 by default. The portable encoder ignores it. */
  readonly level?: number
}

/** Params of the kernel. */
export interface GzipParams {
  readonly level: number
}

/** Bytes of a header without optional fields, and of the checksum and length at the end of a member. */
export const HEADER_BYTES = 10
/** See {@link HEADER_BYTES}. */
export const TRAILER_BYTES = 8
/** Bytes of a stored block of DEFLATE, at most, and of its header. */
const MAX_BLOCK = 0xffff
const BLOCK_HEADER_BYTES = 5

/** One member of stored blocks (RFC 1951, section 3.2.4), without name and time. */
const encode = (bytes: Uint8Array): Uint8Array => {
  const blocks = Math.max(1, Math.ceil(bytes.length / MAX_BLOCK))
  const out = new Uint8Array(HEADER_BYTES + TRAILER_BYTES + BLOCK_HEADER_BYTES * blocks + bytes.length)
  const view = new DataView(out.buffer)
  out.set([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
  let at = HEADER_BYTES
  for (let i = 0; i < blocks; i++) {
    const block = bytes.subarray(i * MAX_BLOCK, (i + 1) * MAX_BLOCK)
    out[at] = i === blocks - 1 ? 1 : 0
    view.setUint16(at + 1, block.length, true)
    view.setUint16(at + 3, ~block.length & 0xffff, true)
    out.set(block, at + BLOCK_HEADER_BYTES)
    at += BLOCK_HEADER_BYTES + block.length
  }
  view.setUint32(at, crc32(bytes), true)
  view.setUint32(at + 4, bytes.length, true)
  return out
}

/** Where the compressed data of the member at `at` begins. Throws KernelError `corrupt`. */
export const afterHeader = (bytes: Uint8Array, at: number): number => {
  if (bytes[at] !== 0x1f || bytes[at + 1] !== 0x8b || bytes[at + 2] !== 8) {
    throw corrupt("gzip", "a member does not begin with the magic number")
  }
  const flags = bytes[at + 3]!
  if (flags & 0xe0) throw corrupt("gzip", "a reserved bit is set")
  let pos = at + HEADER_BYTES
  if (flags & 4) pos += 2 + (bytes[pos]! | (bytes[pos + 1]! << 8))
  for (const flag of [8, 16]) {
    if ((flags & flag) === 0) continue
    const zero = bytes.indexOf(0, pos)
    if (zero < 0) throw corrupt("gzip", "its header has no end")
    pos = zero + 1
  }
  if (flags & 2) {
    if (
      bytes[pos] !== (crc32(bytes.subarray(at, pos)) & 0xff) ||
      bytes[pos + 1] !== (crc32(bytes.subarray(at, pos)) >>> 8 & 0xff)
    ) {
      throw corrupt("gzip", "the checksum of its header is wrong")
    }
    pos += 2
  }
  if (!(pos < bytes.length)) throw corrupt("gzip", "it ends in its header")
  return pos
}

/** Decodes one or more members. Refuses data after the last one. */
const decode = (bytes: Uint8Array, limit: number): Uint8Array => {
  const parts: Array<Uint8Array> = []
  let total = 0
  let at = 0
  do {
    const member = inflate(bytes, afterHeader(bytes, at), limit - total)
    if (member === undefined) throw overLimit("gzip", limit)
    if (member.end + TRAILER_BYTES > bytes.length) throw corrupt("gzip", "it ends before its checksum")
    const view = new DataView(bytes.buffer, bytes.byteOffset + member.end, TRAILER_BYTES)
    if (view.getUint32(4, true) !== member.content.length >>> 0 || view.getUint32(0, true) !== crc32(member.content)) {
      throw corrupt("gzip", "the checksum is wrong")
    }
    parts.push(member.content)
    total += member.content.length
    at = member.end + TRAILER_BYTES
  } while (at < bytes.length)
  return parts.length === 1 ? parts[0]! : concat(parts)
}

const make = (params: GzipParams): Compressor => {
  levelOf("gzip", params.level, 0, 9)
  return trusted({ encode, decode })
}

/**
 * gzip (RFC 1952) without a time, so that equal content gives equal bytes. For formats of others that ask for it:
 * `zstd` is faster and smaller. The portable kernel only stores; provide `nativeKernels` to compress. Throws
 * KernelError `unsupported` for a level out of range.
 *
 * @example Write what `gunzip` reads
 * ```ts
 * import assert from "node:assert"
 * import { gzip, makeKernel } from "@penstock/penstock"
 * import { nativeKernels } from "@penstock/penstock/adapters"
 *
 * const { encode, decode } = makeKernel(gzip({ level: 9 }), nativeKernels)
 * const bytes = new Uint8Array(10_000)
 * assert.ok(encode(bytes).length < 100)
 * assert.deepEqual(decode(encode(bytes), 10_000), bytes)
 * ```
 */
export const gzip = (options: GzipOptions = {}): KernelSpec<"compress"> => {
  const params = { level: options.level ?? 6 }
  make(params)
  return { stage: "compress", name: "gzip", params, make }
}
