/**
 * Measures the content of zstd blocks (RFC 8878, section 3.1.1) without decoding it. `fzstd` trusts blocks: a forged
 * one of 30 bytes keeps it busy for seconds, or forever. So each block is measured before `fzstd` gets it. Measuring
 * reads lengths and offsets, but no literals.
 */
import { KernelError } from "../kernel/kernel.ts"
import { corrupt } from "./errors.ts"
import { BLOCK_HEADER, BLOCK_MAXIMUM } from "./zstd_frame.ts"
import { type FseTable, readCounts, singleTable, tableOf } from "./zstd_fse.ts"

/** One of the three kinds of codes in a sequence. A value is the base of its code plus its extra bits. */
interface Kind {
  readonly bases: Uint32Array
  readonly bits: Uint8Array
  readonly maximumLog: number
  /** The predefined table. */
  readonly usual: FseTable
}

const kindOf = (
  bits: ReadonlyArray<number>,
  first: number,
  maximumLog: number,
  counts: ReadonlyArray<number>,
  log: number,
): Kind => {
  const bases = new Uint32Array(bits.length)
  for (let i = 0, base = first; i < bits.length; base += 2 ** bits[i++]!) bases[i] = base
  return { bases, bits: Uint8Array.from(bits), maximumLog, usual: tableOf(counts, log) }
}
const times = (count: number, value: number): ReadonlyArray<number> => Array<number>(count).fill(value)

const LITERALS = /* @__PURE__ */ kindOf(
  [...times(16, 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  0,
  9,
  [4, 3, ...times(7, 2), ...times(4, 2), 1, 1, 1, ...times(9, 2), 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
  6,
)
const MATCHES = /* @__PURE__ */ kindOf(
  [...times(32, 0), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  3,
  9,
  [1, 4, 3, 2, 2, 2, 2, 2, 2, ...times(37, 1), ...times(7, -1)],
  6,
)
/** The code of an offset is its number of extra bits. The bit above them is a one. */
const OFFSETS = /* @__PURE__ */ kindOf(
  Array.from({ length: 32 }, (_, i) => i),
  1,
  8,
  [1, 1, 1, 1, 1, 1, 2, 2, 2, ...times(15, 1), ...times(5, -1)],
  5,
)

/** The tables of the numbers of literals, of the offsets, and of the lengths of matches. */
interface Tables {
  readonly lengths: FseTable
  readonly offsets: FseTable
  readonly matches: FseTable
}

/**
 * `fzstd` reads up to this many bits of an offset correctly, which is 64 MiB. Of a longer offset it reads wrong bits.
 */
const OFFSET_BITS = 25
/** The largest weight of a Huffman code, and the bits of a state of the largest table of weights. */
const WEIGHT = 12
const WEIGHTS_LOG = 6

const damaged = () => corrupt("zstd", "the lengths in a block are damaged")
const tooLong = () => corrupt("zstd", "a block has more content than a block can have")
const outside = () => corrupt("zstd", "a block refers to content that does not exist")

/** Measures the blocks of one frame, in order. */
export class FrameMeter {
  readonly #window: number
  readonly #most: number
  /** Bytes of content of the blocks so far. */
  #content = 0
  /** The tables of the last block with sequences. */
  #tables: Tables | undefined
  /** The last three offsets. The most recent comes first. */
  #repeated: readonly [number, number, number] = [1, 4, 8]

  constructor(windowSize: number) {
    this.#window = windowSize
    this.#most = Math.min(windowSize, BLOCK_MAXIMUM)
  }

  /**
   * Bytes of content of the block at `at`. `readBlock` must have accepted its header, and the block must be complete.
   * Throws KernelError `corrupt` when the block has too much content or refers to content that does not exist, and
   * `limit` when it refers farther back than `fzstd` can read.
   */
  measure(bytes: Uint8Array, at: number): number {
    const header = bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16
    let size = header >> 3
    if (((header >> 1) & 3) === 2) size = this.#compressed(bytes, at + BLOCK_HEADER, at + BLOCK_HEADER + size)
    this.#content += size
    return size
  }

  #compressed(bytes: Uint8Array, from: number, to: number): number {
    const { end, size: literals } = this.#literals(bytes, from, to)
    if (end >= to) throw damaged()
    let at = end
    let count = bytes[at++]!
    if (count > 127) {
      if (count < 255) count = (count - 128 << 8) + (bytes[at++] ?? 0)
      else {
        count = (bytes[at]! | bytes[at + 1]! << 8) + 0x7f00
        at += 2
      }
    }
    if (at > to || (count === 0 && at !== to)) throw damaged()
    if (count === 0) return literals
    if (at >= to) throw damaged()
    const modes = bytes[at++]!
    if ((modes & 3) !== 0) throw damaged()
    const table = (mode: number, kind: Kind, before: FseTable | undefined): FseTable => {
      if (mode === 0) return kind.usual
      if (mode === 1) {
        const symbol = at < to ? bytes[at++]! : kind.bits.length
        if (symbol >= kind.bits.length) throw damaged()
        return singleTable(symbol)
      }
      if (mode === 3) {
        if (before === undefined) throw damaged()
        return before
      }
      const { counts, end, log } = readCounts(bytes, at, to, kind.bits.length, kind.maximumLog)
      at = end
      return tableOf(counts, log)
    }
    const tables = this.#tables = {
      lengths: table(modes >> 6, LITERALS, this.#tables?.lengths),
      offsets: table((modes >> 4) & 3, OFFSETS, this.#tables?.offsets),
      matches: table((modes >> 2) & 3, MATCHES, this.#tables?.matches),
    }
    return literals + this.#sequences(bytes, at, to, tables, count, literals)
  }

  /** The number of literals of a block, and the offset behind them. */
  #literals(bytes: Uint8Array, from: number, to: number): { readonly size: number; readonly end: number } {
    if (from >= to) throw damaged()
    const type = bytes[from]! & 3
    const format = (bytes[from]! >> 2) & 3
    const byte = (i: number): number => from + i < to ? bytes[from + i]! : 0
    const word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24
    let head: number
    let size: number
    let stored: number
    if (type < 2) {
      head = format === 1 ? 2 : format === 3 ? 3 : 1
      size = (word & 0xffffff) >>> (head === 1 ? 3 : 4) & (head === 1 ? 31 : head === 2 ? 0xfff : 0xfffff)
      stored = type === 0 ? size : 1
    } else {
      head = format < 2 ? 3 : format + 2
      const width = format < 2 ? 10 : format === 2 ? 14 : 18
      const mask = (1 << width) - 1
      size = word >>> 4 & mask
      // The last of five bytes has the high bits of the second number.
      stored = head === 5 ? (word >>> 22 | byte(4) << 10) & mask : word >>> (4 + width) & mask
    }
    const start = from + head
    const end = start + stored
    if (size > this.#most) throw tooLong()
    if (end > to) throw damaged()
    // Weights with a single symbol take no bits: `fzstd` would read them forever.
    if (type === 2 && start < end && bytes[start]! < 128) {
      const { counts, log } = readCounts(bytes, start + 1, end, WEIGHT + 1, WEIGHTS_LOG)
      if (counts.includes(1 << log)) throw damaged()
    }
    return { size, end }
  }

  /** The bytes that the sequences of a block copy. Their bits are read backwards, from the end to `from`. */
  #sequences(
    bytes: Uint8Array,
    from: number,
    to: number,
    { lengths, matches, offsets }: Tables,
    count: number,
    literals: number,
  ): number {
    const last = to > from ? bytes[to - 1]! : 0
    if (last === 0) throw damaged()
    let [first, second, third] = this.#repeated
    const window = this.#window
    const begin = 8 * from
    const content = this.#content
    const most = this.#most - literals
    /** Bits before this one are still to be read. */
    let left = 8 * to - Math.clz32(last) + 23
    let used = 0
    let copied = 0
    let word = wordBefore(bytes, left)
    let lengthState = lengths.states[top(word, lengths.log)]!
    word <<= lengths.log
    let offsetState = offsets.states[top(word, offsets.log)]!
    left -= lengths.log + offsets.log
    let matchState = matches.states[top(wordBefore(bytes, left), matches.log)]!
    left -= matches.log
    for (let n = count; n > 0; n--) {
      const offsetBits = offsetState & 255
      const matchCode = matchState & 255
      const lengthCode = lengthState & 255
      if (offsetBits > OFFSET_BITS) throw 2 ** offsetBits - 3 > content + most ? outside() : tooFar()
      const value = (1 << offsetBits) + top(wordBefore(bytes, left), offsetBits)
      left -= offsetBits
      let match = MATCHES.bases[matchCode]!
      let length = LITERALS.bases[lengthCode]!
      // Most codes are short, and have no extra bits.
      if (matchCode > 31 || lengthCode > 15) {
        const matchBits = MATCHES.bits[matchCode]!
        const lengthBits = LITERALS.bits[lengthCode]!
        match += top(wordBefore(bytes, left), matchBits)
        left -= matchBits
        length += top(wordBefore(bytes, left), lengthBits)
        left -= lengthBits
      }
      let offset: number
      if (value > 3) {
        offset = value - 3
        third = second
        second = first
      } else {
        const which = length === 0 ? value : value - 1
        offset = which === 0 ? first : which === 1 ? second : which === 2 ? third : first - 1
        if (which > 1) third = second
        if (which > 0) second = first
      }
      first = offset
      used += length
      if (offset < 1 || offset > window || offset > content + used + copied) throw outside()
      copied += match
      if (copied > most) throw tooLong()
      if (used > literals) throw damaged()
      if (n > 1) {
        const lengthNext = lengthState >> 8 & 255
        const matchNext = matchState >> 8 & 255
        const offsetNext = offsetState >> 8 & 255
        word = wordBefore(bytes, left)
        lengthState = lengths.states[(lengthState >> 16) + top(word, lengthNext)]!
        word <<= lengthNext
        matchState = matches.states[(matchState >> 16) + top(word, matchNext)]!
        left -= lengthNext + matchNext
        offsetState = offsets.states[(offsetState >> 16) + top(wordBefore(bytes, left), offsetNext)]!
        left -= offsetNext
      }
      if (left < begin) throw damaged()
    }
    if (left !== begin) throw damaged()
    this.#repeated = [first, second, third]
    return copied
  }
}

/** The bits before bit `end`: 25 or more of them. The last one is the highest bit. */
const wordBefore = (bytes: Uint8Array, end: number): number => {
  const last = (end - 1) >> 3
  return (bytes[last - 3]! | bytes[last - 2]! << 8 | bytes[last - 1]! << 16 | bytes[last]! << 24) <<
    (7 - ((end - 1) & 7))
}
/** The highest `count` bits. `count` may be 0. */
const top = (word: number, count: number): number => word >>> 1 >>> (31 - count)

const tooFar = (): KernelError =>
  new KernelError({
    kernel: "zstd",
    reason: "limit",
    message: "Cannot decompress zstd data: it repeats content from more than 64 MiB back, which is not supported",
  })
