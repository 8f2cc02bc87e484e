/** DEFLATE decoder (RFC 1951). */
import type { KernelError } from "../kernel/kernel.ts"
import { corrupt } from "./errors.ts"

const LENGTH_BASE = [
  3,
  4,
  5,
  6,
  7,
  8,
  9,
  10,
  11,
  13,
  15,
  17,
  19,
  23,
  27,
  31,
  35,
  43,
  51,
  59,
  67,
  83,
  99,
  115,
  131,
  163,
  195,
  227,
  258,
]
const LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]
const DISTANCE_BASE = [
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769],
  ...[1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
]
const DISTANCE_BITS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13]
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

const damaged = (): KernelError => corrupt("gzip", "the compressed data is damaged")

/** A canonical code. */
interface Codes {
  /**
   * The short codes by their bits as they come, the first in the lowest place: `symbol << 4 | length`; 0 where a longer
   * one begins, or none.
   */
  readonly table: Uint16Array
  /** Of the table. */
  readonly bits: number
  /** The longest code. */
  readonly longest: number
  /** How many codes there are of each length. */
  readonly count: Uint16Array
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array
}

/**
 * Longer codes are rare, and looked up bit by bit: to fill a table for all of them would take long for blocks that hold
 * next to nothing.
 */
const TABLE_BITS = 10

/**
 * The canonical code of the given lengths. Over-subscribed ones are refused, and incomplete ones but for a single code.
 */
const codesOf = (lengths: Uint8Array): Codes => {
  const count = new Uint16Array(16)
  for (const length of lengths) count[length]!++
  count[0] = 0
  let longest = 15
  while (longest > 1 && count[longest] === 0) longest--
  const bits = Math.min(longest, TABLE_BITS)
  const next = new Uint16Array(17)
  let used = 0
  for (let length = 1, code = 0; length <= 15; length++) {
    next[length] = code
    used += count[length]! << (15 - length)
    code = (code + count[length]!) << 1
  }
  const single = used === 1 << 14 && count[1] === 1
  if (used !== 1 << 15 && used !== 0 && !single) throw damaged()
  const place = new Uint16Array(17)
  for (let length = 1; length <= 15; length++) place[length + 1] = place[length]! + count[length]!
  const symbols = new Uint16Array(place[16]!)
  const table = new Uint16Array(1 << bits)
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const length = lengths[symbol]!
    if (length === 0) continue
    symbols[place[length]!++] = symbol
    if (length > bits) continue
    let reversed = 0
    for (let i = 0, code = next[length]!++; i < length; i++, code >>= 1) reversed = (reversed << 1) | (code & 1)
    for (let i = reversed; i < table.length; i += 1 << length) table[i] = (symbol << 4) | length
  }
  return { table, bits, longest, count, symbols }
}

const FIXED_LITERALS = /* @__PURE__ */ codesOf(
  Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
)
const FIXED_DISTANCES = /* @__PURE__ */ codesOf(new Uint8Array(32).fill(5))

/** The farthest that a match reaches back, and the longest match. */
const WINDOW = 32 << 10
const LONGEST = 258
/** Content that is handed on at once. */
const PIECE = 64 << 10
/** More than the code lengths at the start of a block, and more than one symbol with its distance, take. */
const CODES_BYTES = 600
const SYMBOL_BYTES = 8

/** Compressed bytes that come in pieces. */
export class Input {
  /** The bytes at hand, the next at `at`. */
  bytes: Uint8Array
  at: number
  /** Nothing comes after these. */
  final: boolean

  constructor(bytes: Uint8Array = new Uint8Array(0), at = 0, final = false) {
    this.bytes = bytes
    this.at = at
    this.final = final
  }

  /** Adds bytes, and drops what is done with, but for some that may yet be given back. Copies them. */
  give(bytes: Uint8Array): void {
    const from = Math.max(0, this.at - 4)
    const joined = new Uint8Array(this.bytes.length - from + bytes.length)
    joined.set(this.bytes.subarray(from))
    joined.set(bytes, this.bytes.length - from)
    this.bytes = joined
    this.at -= from
  }

  /** Whether to wait for more before so many bytes are used. */
  lacks(count: number): boolean {
    return !this.final && this.bytes.length - this.at < count
  }
}

/**
 * Decodes the stream that `input` is at, and leaves it after its end. Returns its content in fresh memory, or
 * `undefined` when that is longer than `limit` bytes. Without a limit the content is yielded instead, in fresh pieces
 * of at most 96 KiB, and memory does not grow. Yields `undefined` when the input is to be given more, or made final.
 * Throws KernelError `corrupt`.
 */
export function* inflating(input: Input, limit?: number): Generator<Uint8Array | undefined, Uint8Array | undefined> {
  let { at: pos, bytes } = input
  let out = new Uint8Array(
    limit === undefined ? WINDOW + PIECE : Math.min(limit, Math.max(1024, (bytes.length - pos) * 4)),
  )
  let size = 0
  /** Content before this was yielded. */
  let yielded = 0
  let hold = 0
  let held = 0
  /** Makes room for `more` bytes; false when the limit forbids. */
  const room = (more: number): boolean => {
    if (size + more <= out.length) return true
    if (limit === undefined || size + more > limit) return false
    const larger = new Uint8Array(Math.min(limit, Math.max(size + more, out.length * 2)))
    larger.set(out)
    out = larger
    return true
  }
  const isFull = (): boolean => limit === undefined && out.length - size < LONGEST
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
  /** A symbol whose code is longer than the table knows: of each length, codes follow each other. */
  const longSymbol = ({ count, symbols }: Codes): number => {
    let code = 0
    let first = 0
    let index = 0
    for (let length = 1; length <= 15 && length <= held; length++) {
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
  /** Waits until so many bytes are at hand, or no more come. */
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
      // Whole bytes may be held still.
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
  // Whole bytes that were read ahead belong to what follows.
  input.at = pos - (held >> 3)
  if (limit !== undefined) return out.subarray(0, size)
  if (size > yielded) yield piece()
  return undefined
}

/**
 * Decodes the stream that starts at `start`. Returns its content in fresh memory and the offset after it, or
 * `undefined` when the content is longer than `limit` bytes. Throws KernelError `corrupt`.
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
