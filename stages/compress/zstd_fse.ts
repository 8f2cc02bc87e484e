/** FSE, the entropy code of sequences and Huffman weights in zstd (RFC 8878, section 4.1). */
import { corrupt } from "./errors.ts"

/** A decoding table: the symbol of each state, and how to find the next state. */
export interface FseTable {
  /** Bits of a state. */
  readonly log: number
  /**
   * By state: the symbol, `<< 8` the number of bits to read for the next state, `<< 16` what is added to these bits.
   */
  readonly states: Int32Array
}

const damaged = () => corrupt("zstd", "a table of codes is damaged")

/** The table with one symbol, which takes no bits. */
export const singleTable = (symbol: number): FseTable => ({
  log: 0,
  states: Int32Array.of(symbol),
})

/** The table of these counts of symbols, which add up to `1 << log`. A count of -1 is a symbol rarer than 1. */
export const tableOf = (counts: ReadonlyArray<number>, log: number): FseTable => {
  const size = 1 << log
  const symbols = new Uint8Array(size)
  const next = new Uint16Array(counts.length)
  let high = size
  for (let symbol = 0; symbol < counts.length; symbol++) {
    if (counts[symbol] === -1) {
      symbols[--high] = symbol
      next[symbol] = 1
    } else next[symbol] = counts[symbol]!
  }
  const step = (size >> 1) + (size >> 3) + 3
  for (let symbol = 0, at = 0; symbol < counts.length; symbol++) {
    for (let i = 0; i < counts[symbol]!; i++) {
      symbols[at] = symbol
      do at = (at + step) & (size - 1)
      while (at >= high)
    }
  }
  const states = new Int32Array(size)
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state]!
    const x = next[symbol]!++
    const length = log - (31 - Math.clz32(x))
    states[state] = ((x << length) - size) << 16 | length << 8 | symbol
  }
  return { log, states }
}

/**
 * Reads the counts of a table whose description is at `from`. `symbols` and `maximumLog` are the limits of the table.
 * `end` is the offset behind the description. Throws KernelError `corrupt`.
 */
export const readCounts = (
  bytes: Uint8Array,
  from: number,
  to: number,
  symbols: number,
  maximumLog: number,
): { readonly counts: ReadonlyArray<number>; readonly log: number; readonly end: number } => {
  if (from >= to) throw damaged()
  const log = (bytes[from]! & 15) + 5
  if (log > maximumLog) throw damaged()
  let at = 8 * from + 4
  const last = 8 * to
  const take = (count: number): number => {
    const byte = at >> 3
    const value = (bytes[byte]! | (bytes[byte + 1] ?? 0) << 8 | (bytes[byte + 2] ?? 0) << 16) >>> (at & 7)
    at += count
    return value & ((1 << count) - 1)
  }
  const counts: Array<number> = []
  for (let left = 1 << log; left > 0;) {
    if (counts.length >= symbols || at >= last) throw damaged()
    const width = 32 - Math.clz32(left + 1)
    const short = (1 << width) - 1 - (left + 1)
    let value = take(width - 1)
    if (value >= short) {
      value |= take(1) << (width - 1)
      if (value >= 1 << (width - 1)) value -= short
    }
    const count = value - 1
    counts.push(count)
    left -= Math.abs(count)
    if (left < 0) throw damaged()
    if (count !== 0) continue
    for (let more = 3; more === 3;) {
      if (at >= last) throw damaged()
      more = take(2)
      for (let i = 0; i < more; i++) counts.push(0)
    }
  }
  if (counts.length > symbols || at > last) throw damaged()
  return { counts, log, end: (at + 7) >> 3 }
}
