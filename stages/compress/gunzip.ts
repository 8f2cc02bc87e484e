/** Decodes gzip (RFC 1952) in pieces, in bounded memory. */
import type { Transform } from "../kernel/frames.ts"
import { KernelError } from "../kernel/kernel.ts"
import { crc32 } from "./crc32.ts"
import { corrupt, overLimit } from "./errors.ts"
import { afterHeader, HEADER_BYTES, TRAILER_BYTES } from "./gzip.ts"
import { inflating } from "./inflate.ts"
import { Input } from "./input.ts"

/** A longer header of a member is refused, in bytes. */
const HEADER_MAXIMUM = 64 << 10
/**
 * From one or more members to their content. What `push` returns is at most about a thousand times as long as its
 * input. Throws KernelError `corrupt`, or `limit` when the content has more than `limit` bytes.
 */
export const gunzip = (limit: number = Infinity): Transform => {
  const input = new Input()
  const members = decodeMembers(input)
  let length = 0
  const advance = (): Array<Uint8Array> => {
    const out: Array<Uint8Array> = []
    for (;;) {
      const { done, value } = members.next()
      if (done === true || value === undefined) return out
      length += value.length
      if (length > limit) throw overLimit("gzip", limit)
      out.push(value)
    }
  }
  return {
    push: (bytes) => {
      input.give(bytes)
      return advance()
    },
    end: () => {
      input.final = true
      return advance()
    },
  }
}

/** Yields content, or `undefined` when the input has to be given more. */
function* decodeMembers(input: Input): Generator<Uint8Array | undefined, void> {
  do {
    while (input.lacks(HEADER_BYTES + TRAILER_BYTES)) yield undefined
    let from = startOf(input)
    for (; from === undefined; from = startOf(input)) yield undefined
    input.at = from
    let crc = 0
    let length = 0
    for (const piece of inflating(input)) {
      if (piece !== undefined) {
        crc = crc32(piece, crc)
        length += piece.length
      }
      yield piece
    }
    while (input.lacks(TRAILER_BYTES)) yield undefined
    const { at, bytes } = input
    if (at + TRAILER_BYTES > bytes.length) throw corrupt("gzip", "it ends before its checksum")
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, TRAILER_BYTES)
    if (view.getUint32(4, true) !== length % 2 ** 32 || view.getUint32(0, true) !== crc) {
      throw corrupt("gzip", "the checksum is wrong")
    }
    input.at += TRAILER_BYTES
    while (input.lacks(1)) yield undefined
  } while (input.at < input.bytes.length)
}

/** Where the compressed data of a member begins. Undefined when more of its header is to come. */
const startOf = ({ at, bytes, final }: Input): number | undefined => {
  try {
    return afterHeader(bytes, at)
  } catch (error) {
    if (error instanceof KernelError && !final && bytes.length - at < HEADER_MAXIMUM) return undefined
    throw error
  }
}
