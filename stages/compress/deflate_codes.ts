/** The prefix codes of DEFLATE (RFC 1951, section 3.2.2), and tables to decode them. */
import type { KernelError } from "../kernel/kernel.ts"
import { corrupt } from "./errors.ts"

/** The error of compressed data that no encoder writes. */
export const damaged = (): KernelError => corrupt("gzip", "the compressed data is damaged")

/** The longest code, in bits. */
export const LONGEST_CODE = 15

/**
 * Codes of up to this length are in the table. Longer codes are rare, and are looked up bit by bit. A table of all of
 * them would take long to fill for blocks that hold next to nothing.
 */
const TABLE_BITS = 10

/** A canonical prefix code. */
export interface Codes {
  /**
   * The short codes, indexed by the next bits of the input, the first bit lowest: `symbol << 4 | length`. 0 where a
   * longer code begins, or none.
   */
  readonly table: Uint16Array
  /** Bits that index the table. */
  readonly bits: number
  /** Length of the longest code in use. */
  readonly longest: number
  /** How many codes there are of each length. */
  readonly count: Uint16Array
  /** Symbols in the order of their codes. */
  readonly symbols: Uint16Array
}

/**
 * The canonical code with the given lengths, one for each symbol. Throws KernelError `corrupt` for lengths that use
 * more codes than there are, or fewer. Only a code of a single symbol may be incomplete.
 */
export const codesOf = (lengths: Uint8Array): Codes => {
  const count = new Uint16Array(LONGEST_CODE + 1)
  for (const length of lengths) count[length]!++
  count[0] = 0
  let longest = LONGEST_CODE
  while (longest > 1 && count[longest] === 0) longest--
  const bits = Math.min(longest, TABLE_BITS)
  const next = new Uint16Array(LONGEST_CODE + 2)
  let used = 0
  for (let length = 1, code = 0; length <= LONGEST_CODE; length++) {
    next[length] = code
    used += count[length]! << (LONGEST_CODE - length)
    code = (code + count[length]!) << 1
  }
  const single = used === 1 << (LONGEST_CODE - 1) && count[1] === 1
  if (used !== 1 << LONGEST_CODE && used !== 0 && !single) throw damaged()
  const place = new Uint16Array(LONGEST_CODE + 2)
  for (let length = 1; length <= LONGEST_CODE; length++) place[length + 1] = place[length]! + count[length]!
  const symbols = new Uint16Array(place[LONGEST_CODE + 1]!)
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

/** The codes of a block of type 1 (section 3.2.6). */
export const FIXED_LITERALS: Codes = /* @__PURE__ */ codesOf(
  Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8),
)
/** See {@link FIXED_LITERALS}. */
export const FIXED_DISTANCES: Codes = /* @__PURE__ */ codesOf(new Uint8Array(32).fill(5))

/** By length symbol minus 257: the shortest length, and the number of extra bits (section 3.2.5). */
export const LENGTH_BASE: ReadonlyArray<number> = [
  ...[3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227],
  258,
]
/** See {@link LENGTH_BASE}. */
export const LENGTH_BITS: ReadonlyArray<number> = [
  ...[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0],
]
/** By distance symbol: the shortest distance, and the number of extra bits. */
export const DISTANCE_BASE: ReadonlyArray<number> = [
  ...[1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769],
  ...[1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577],
]
/** See {@link DISTANCE_BASE}. */
export const DISTANCE_BITS: ReadonlyArray<number> = [
  ...[0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13],
]
/** In which order a block gives the lengths of the code of code lengths (section 3.2.7). */
export const CODE_LENGTH_ORDER: ReadonlyArray<number> = [
  ...[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15],
]
