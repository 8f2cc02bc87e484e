/**
 * The header of every object but the JSON ones: 8 bytes of magic in ASCII, u8 block version, then the encryption header
 * and the compression header, each with u8 method, u16 LE length, payload. SPEC.md, "Object header".
 */

/** Tells the kinds of objects apart. */
export type Magic = "ROZE-DAT" | "ROZE-IDX" | "ROZE-LOG" | "ROZE-MAP" | "ROZE-CAT" | "ROZE-CMP" | "ROZE-FGT"

/** The block version of this folder. Version 0 is that of `v0/`; 255 is reserved. */
export const BLOCK_VERSION = 1

/** Encryption methods. */
export const ENCRYPTION = { none: 0, xaes256gcm: 1 } as const
/** Compression methods. With `adaptiveZstd` each piece says whether it is compressed. */
export const COMPRESSION = { none: 0, adaptiveZstd: 1 } as const

/** A header of one of the two kinds. */
export interface MethodHeader {
  readonly method: number
  readonly payload: Uint8Array
}

/** An object header. */
export interface ObjectHeader {
  readonly version: number
  readonly encryption: MethodHeader
  readonly compression: MethodHeader
  /** Length of the header in bytes. */
  readonly length: number
}

/** Why bytes are not a header. */
export interface HeaderProblem {
  readonly reason: "foreign" | "newer" | "truncated" | "corrupt" | "forged"
  /** Words that go on after the name of the object. */
  readonly what: string
}

/** Encodes a header. */
export const encodeHeader = (
  magic: Magic,
  version: number,
  encryption: MethodHeader,
  compression: MethodHeader,
): Uint8Array => {
  const out = new Uint8Array(9 + 3 + encryption.payload.length + 3 + compression.payload.length)
  out.set(new TextEncoder().encode(magic))
  out[8] = version
  let at = 9
  for (const { method, payload } of [encryption, compression]) {
    out[at] = method
    out[at + 1] = payload.length
    out[at + 2] = payload.length >>> 8
    out.set(payload, at + 3)
    at += 3 + payload.length
  }
  return out
}

/** Decodes a header of block version `newest` or less. Payloads share memory with `bytes`. */
export const decodeHeader = (magic: Magic, newest: number, bytes: Uint8Array): ObjectHeader | HeaderProblem => {
  if (new TextEncoder().encode(magic).some((byte, i) => bytes[i] !== byte)) {
    return { reason: "foreign", what: `does not begin with ${magic}` }
  }
  const version = bytes[8]
  if (version === undefined) return { reason: "truncated", what: "ends within its header" }
  if (version > newest) {
    return { reason: "newer", what: `has block version ${version}, which this Penstock cannot read` }
  }
  let at = 9
  const headers: Array<MethodHeader> = []
  while (headers.length < 2) {
    if (at + 3 > bytes.length) return { reason: "truncated", what: "ends within its header" }
    const length = bytes[at + 1]! | bytes[at + 2]! << 8
    if (at + 3 + length > bytes.length) return { reason: "truncated", what: "ends within its header" }
    headers.push({ method: bytes[at]!, payload: bytes.subarray(at + 3, at + 3 + length) })
    at += 3 + length
  }
  return { version, encryption: headers[0]!, compression: headers[1]!, length: at }
}
