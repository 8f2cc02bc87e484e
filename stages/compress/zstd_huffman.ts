/** The Huffman code of zstd's literals (RFC 8878, section 4.2). */
import { corrupt } from "./errors.ts"
import { bitsIn, readTable } from "./zstd_fse.ts"

/** A decoding table by the next bits: `symbol << 4 | length`. */
export interface HuffmanTable {
  /** The longest code. */
  readonly bits: number
  readonly codes: Uint16Array
}

const LONGEST = 11
const WEIGHTS_LOG = 6

const damaged = () => corrupt("zstd", "the literals of a block are damaged")

/** The table that is described at `from`, and the first byte after it. Throws KernelError. */
export const readHuffman = (
  bytes: Uint8Array,
  from: number,
  to: number,
): { readonly table: HuffmanTable; readonly end: number } => {
  if (from >= to) throw damaged()
  const head = bytes[from]!
  const start = from + 1
  const end = start + (head < 128 ? head : (head - 126) >> 1)
  if (end > to) throw damaged()
  // One more is implied by those that are told.
  const weights = new Uint8Array(256)
  let count: number
  if (head < 128) count = compressedWeights(bytes, start, end, weights)
  else {
    count = head - 127
    for (let i = 0; i < count; i++) {
      weights[i] = i % 2 === 0 ? bytes[start + (i >> 1)]! >> 4 : bytes[start + (i >> 1)]! & 15
    }
  }
  let sum = 0
  for (let i = 0; i < count; i++) {
    if (weights[i]! > LONGEST) throw damaged()
    if (weights[i]! > 0) sum += 1 << (weights[i]! - 1)
  }
  if (sum === 0) throw damaged()
  const bits = 32 - Math.clz32(sum)
  const rest = (1 << bits) - sum
  if (bits > LONGEST || (rest & (rest - 1)) !== 0) throw damaged()
  weights[count++] = 32 - Math.clz32(rest)

  const next = new Uint16Array(LONGEST + 2)
  for (let i = 0; i < count; i++) if (weights[i]! > 0) next[weights[i]! + 1]! += 1 << (weights[i]! - 1)
  for (let weight = 1; weight <= LONGEST + 1; weight++) next[weight]! += next[weight - 1]!
  const codes = new Uint16Array(1 << bits)
  for (let symbol = 0; symbol < count; symbol++) {
    const weight = weights[symbol]!
    if (weight === 0) continue
    const at = next[weight]!
    next[weight] = at + (1 << (weight - 1))
    codes.fill(symbol << 4 | (bits + 1 - weight), at, next[weight])
  }
  return { table: { bits, codes }, end }
}

/** Weights that two states take in turns; the bits end them. */
const compressedWeights = (bytes: Uint8Array, from: number, to: number, weights: Uint8Array): number => {
  const { end, table } = readTable(bytes, from, to, LONGEST + 2, WEIGHTS_LOG)
  let left = bitsIn(bytes, end, to)
  const read = (count: number): number => {
    let value = 0
    for (let i = 0; i < count; i++) {
      left--
      value = value << 1 | (left < 0 ? 0 : bytes[end + (left >> 3)]! >> (left & 7) & 1)
    }
    return value
  }
  let count = 0
  let state = read(table.log)
  let other = read(table.log)
  if (left < 0) throw damaged()
  for (;;) {
    if (count > 253) throw damaged()
    const entry = table.states[state]!
    weights[count++] = entry & 255
    state = other
    other = (entry >> 16) + read(entry >> 8 & 255)
    if (left < 0) {
      weights[count++] = table.states[state]! & 255
      return count
    }
  }
}

/** Decodes one stream, the bytes `from` to `to`, which must be used up, into `out`. Throws KernelError. */
export const decodeStream = (
  { bits, codes }: HuffmanTable,
  bytes: Uint8Array,
  from: number,
  to: number,
  out: Uint8Array,
  start: number,
  end: number,
): void => {
  const mask = (1 << bits) - 1
  /** Bits that are left. */
  let left = bitsIn(bytes, from, to)
  let at = start
  // As long as a whole code is there, whatever it is.
  for (; at < end && left >= bits; at++) {
    const low = left - bits
    const byte = from + (low >> 3)
    const code = codes[(bytes[byte]! | bytes[byte + 1]! << 8 | bytes[byte + 2]! << 16) >>> (low & 7) & mask]!
    out[at] = code >> 4
    left -= code & 15
  }
  for (; at < end && left > 0; at++) {
    const word = (bytes[from]! | (from + 1 < to ? bytes[from + 1]! : 0) << 8) & ((1 << left) - 1)
    const code = codes[word << (bits - left) & mask]!
    out[at] = code >> 4
    left -= code & 15
  }
  if (left !== 0 || at < end) throw damaged()
}
