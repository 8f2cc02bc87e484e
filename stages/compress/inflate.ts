/** DEFLATE decoder (RFC 1951). */
import {
  CODE_LENGTH_ORDER,
  type Codes,
  codesOf,
  damaged,
  DISTANCE_BASE,
  DISTANCE_BITS,
  FIXED_DISTANCES,
  FIXED_LITERALS,
  LENGTH_BASE,
  LENGTH_BITS,
  LONGEST_CODE,
} from "./deflate_codes.ts"
import { Input } from "./input.ts"

/** How far back a match may reach, and the length of the longest match, in bytes. */
const WINDOW = 32 << 10
const LONGEST_MATCH = 258
/** Bytes of content that are handed on at once. */
const PIECE = 64 << 10
/** More bytes than the code lengths at the start of a block take. */
const CODES_BYTES = 600
/** More bytes than one symbol with its distance takes. */
const SYMBOL_BYTES = 8

/**
 * Decodes the DEFLATE stream at `input.at`, and leaves `input.at` behind the end of the stream.
 *
 * With a limit, returns the content in fresh memory, or `undefined` when it is longer than `limit` bytes. Without one,
 * yields the content in fresh pieces of at most 96 KiB, in bounded memory. Yields `undefined` when the caller has to
 * give the input more bytes, or make it final. Throws KernelError `corrupt`.
 */
export function* inflating(input: Input, limit?: number): Generator<Uint8Array | undefined, Uint8Array | undefined> {
  let { at: pos, bytes } = input
  let out = new Uint8Array(
    limit === undefined ? WINDOW + PIECE : Math.min(limit, Math.max(1024, (bytes.length - pos) * 4)),
  )
  let size = 0
  /** The content up to here was yielded. */
  let yielded = 0
  /** Bits that were taken from the input and are not used yet, and how many. */
  let hold = 0
  let held = 0
  /** Makes room for `more` bytes of content. False when the limit does not allow them. */
  const room = (more: number): boolean => {
    if (size + more <= out.length) return true
    if (limit === undefined || size + more > limit) return false
    const larger = new Uint8Array(Math.min(limit, Math.max(size + more, out.length * 2)))
    larger.set(out)
    out = larger
    return true
  }
  const isFull = (): boolean => limit === undefined && out.length - size < LONGEST_MATCH
  const piece = (): Uint8Array => {
    const content = out.slice(yielded, size)
    if (size > WINDOW) {
      out.copyWithin(0, size - WINDOW, size)
      size = WINDOW
    }
    yielded = size
    return content
  }
  const take = (count: number): number => {
    while (held < count) {
      if (pos >= bytes.length) throw damaged()
      hold |= bytes[pos++]! << held
      held += 8
    }
    const value = hold & ((1 << count) - 1)
    hold >>>= count
    held -= count
    return value
  }
  const symbol = (codes: Codes): number => {
    while (held < codes.longest && pos < bytes.length) {
      hold |= bytes[pos++]! << held
      held += 8
    }
    const entry = codes.table[hold & ((1 << codes.bits) - 1)]!
    const length = entry & 15
    if (length === 0) return longSymbol(codes)
    if (length > held) throw damaged()
    hold >>>= length
    held -= length
    return entry >> 4
  }
  /** A symbol whose code is not in the table. Codes of one length are consecutive numbers. */
  const longSymbol = ({ count, symbols }: Codes): number => {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= LONGEST_CODE && length <= held; length++) {
      code |= (hold >>> (length - 1)) & 1
      const there = count[length]!
      if (code - there < first) {
        hold >>>= length
        held -= length
        return symbols[index + code - first]!
      }
      index += there
      first = (first + there) << 1
      code <<= 1
    }
    throw damaged()
  }
  const dynamicCodes = (): [Codes, Codes] => {
    const literals = take(5) + 257
    const distances = take(5) + 1
    const orders = take(4) + 4
    if (literals > 286 || distances > 30) throw damaged()
    const first = new Uint8Array(19)
    for (let i = 0; i < orders; i++) first[CODE_LENGTH_ORDER[i]!] = take(3)
    const codes = codesOf(first)
    const lengths = new Uint8Array(literals + distances)
    for (let i = 0; i < lengths.length;) {
      const value = symbol(codes)
      if (value < 16) {
        lengths[i++] = value
        continue
      }
      if (value === 16 && i === 0) throw damaged()
      const repeated = value === 16 ? lengths[i - 1]! : 0
      const times = value === 16 ? 3 + take(2) : value === 17 ? 3 + take(3) : 11 + take(7)
      if (i + times > lengths.length) throw damaged()
      lengths.fill(repeated, i, i + times)
      i += times
    }
    if (lengths[256] === 0) throw damaged()
    return [codesOf(lengths.subarray(0, literals)), codesOf(lengths.subarray(literals))]
  }
  /** Waits until `count` bytes are at hand, or no more come. */
  const more = function* (count: number): Generator<undefined, void> {
    input.at = pos
    while (input.lacks(count)) yield undefined
    bytes = input.bytes
    pos = input.at
  }
  for (let last = 0; last === 0;) {
    yield* more(CODES_BYTES)
    last = take(1)
    const type = take(2)
    if (type === 3) throw damaged()
    if (type === 0) {
      take(held & 7)
      let length = take(16)
      if (take(16) !== (~length & 0xffff)) throw damaged()
      // `hold` may have whole bytes, which belong to the content.
      pos -= held >> 3
      hold = held = 0
      while (length > 0) {
        if (pos >= bytes.length) yield* more(1)
        if (isFull()) yield piece()
        let count = Math.min(length, bytes.length - pos)
        if (count === 0) throw damaged()
        if (limit === undefined) count = Math.min(count, out.length - size)
        else if (!room(count)) return undefined
        out.set(bytes.subarray(pos, pos + count), size)
        pos += count
        size += count
        length -= count
      }
      continue
    }
    const [literals, distances] = type === 1 ? [FIXED_LITERALS, FIXED_DISTANCES] : dynamicCodes()
    for (;;) {
      if (bytes.length - pos < SYMBOL_BYTES) yield* more(SYMBOL_BYTES)
      if (isFull()) yield piece()
      const value = symbol(literals)
      if (value < 256) {
        if (size === out.length && !room(1)) return undefined
        out[size++] = value
        continue
      }
      if (value === 256) break
      if (value > 285) throw damaged()
      const length = LENGTH_BASE[value - 257]! + take(LENGTH_BITS[value - 257]!)
      const code = symbol(distances)
      if (code > 29) throw damaged()
      const distance = DISTANCE_BASE[code]! + take(DISTANCE_BITS[code]!)
      if (distance > size) throw damaged()
      if (!room(length)) return undefined
      for (const to = size + length; size < to; size++) out[size] = out[size - distance]!
    }
  }
  // Whole bytes in `hold` belong to what follows the stream.
  input.at = pos - (held >> 3)
  if (limit !== undefined) return out.subarray(0, size)
  if (size > yielded) yield piece()
  return undefined
}

/**
 * Decodes the DEFLATE stream that starts at `start`. Returns its content in fresh memory and the offset behind the
 * stream, or `undefined` when the content is longer than `limit` bytes. Throws KernelError `corrupt`.
 */
export const inflate = (
  bytes: Uint8Array,
  start: number,
  limit: number,
): { readonly content: Uint8Array; readonly end: number } | undefined => {
  const input = new Input(bytes, start, true)
  const content = inflating(input, limit).next().value
  return content && { content, end: input.at }
}
