/**
 * Decoder of zstd blocks (RFC 8878, section 3.1.1). It stops at the first byte that a block cannot have, so a block costs no more time or memory
 * than its content of 128 KiB can.
 */
import { corrupt } from "./errors.ts"
import { bitsIn, type FseTable, readTable, singleTable, tableOf } from "./zstd_fse.ts"
import { decodeStream, type HuffmanTable, readHuffman } from "./zstd_huffman.ts"

/** The most content that a block has. */
const BLOCK_BYTES = 128 << 10

/** A kind of code of sequences: what is added to its extra bits. */
interface Kind {
  readonly bases: Uint32Array
  readonly bits: Uint8Array
  readonly maximumLog: number
  /** The table that a block may use without describing it. */
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
/** Codes of offsets are their number of bits, above which there is a one. */
const OFFSETS = /* @__PURE__ */ kindOf(
  Array.from({ length: 32 }, (_, i) => i),
  1,
  8,
  [1, 1, 1, 1, 1, 1, 2, 2, 2, ...times(15, 1), ...times(5, -1)],
  5,
)

const damaged = () => corrupt("zstd", "a block is damaged")

/** Decodes the blocks of frames, in order: of one after the other. */
export class BlockDecoder {
  #window = 0
  #most = 0
  /** The end of the content so far, at least as far back as the window reaches. */
  #out = new Uint8Array(0)
  #at = 0
  /** Of literals of the block. */
  #literals: Uint8Array = new Uint8Array(0)
  #huffman: HuffmanTable | undefined
  #tables: { literals?: FseTable; offsets?: FseTable; matches?: FseTable } = {}
  readonly #repeated = new Int32Array(3)
  /** The bits of the sequences of a block, and zeros. */
  #bits: Uint8Array = new Uint8Array(0)

  /** Begins a frame with a window as its header says. References may reach back so many bytes, which can be less. */
  begin(windowSize: number, reach: number = windowSize): void {
    this.#window = reach
    this.#most = Math.min(windowSize, BLOCK_BYTES)
    this.#at = 0
    this.#huffman = undefined
    this.#tables = {}
    this.#repeated.set([1, 4, 8])
    if (this.#bits.length < this.#most + 4) this.#bits = new Uint8Array(this.#most + 4)
  }

  /**
   * The content of a block, given with its header, which `readBlock` has read. It is a view, and valid until the next call. Throws
   * KernelError.
   */
  decode(block: Uint8Array): Uint8Array {
    const header = block[0]! | block[1]! << 8 | block[2]! << 16
    const size = header >> 3
    const from = this.#room(Math.max(size, this.#most))
    switch ((header >> 1) & 3) {
      case 0:
        this.#out.set(block.subarray(3, 3 + size), from)
        this.#at += size
        break
      case 1:
        this.#out.fill(block[3]!, from, from + size)
        this.#at += size
        break
      default:
        this.#sequences(block, this.#readLiterals(block, 3, 3 + size), 3 + size)
    }
    return this.#out.subarray(from, this.#at)
  }

  /** Makes room for so many bytes; gives where they begin. What is out of the window goes. */
  #room(length: number): number {
    if (this.#at + length <= this.#out.length) return this.#at
    const kept = Math.min(this.#at, this.#window)
    const enough = this.#window + Math.max(this.#window >> 1, 4 * BLOCK_BYTES)
    if (this.#out.length >= enough) this.#out.copyWithin(0, this.#at - kept, this.#at)
    else {
      // As it is needed, and not as a header says.
      const grown = new Uint8Array(Math.min(Math.max(2 * this.#out.length, kept + length), enough))
      grown.set(this.#out.subarray(this.#at - kept, this.#at))
      this.#out = grown
    }
    return this.#at = kept
  }

  /** Reads the literals of a block; gives the first byte after them. */
  #readLiterals(bytes: Uint8Array, from: number, to: number): number {
    if (from >= to) throw damaged()
    const type = bytes[from]! & 3
    const format = (bytes[from]! >> 2) & 3
    const byte = (i: number): number => from + i < to ? bytes[from + i]! : 0
    const word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24
    if (type < 2) {
      const head = format === 1 ? 2 : format === 3 ? 3 : 1
      const size = (word & 0xffffff) >>> (head === 1 ? 3 : 4) & (head === 1 ? 31 : head === 2 ? 0xfff : 0xfffff)
      const start = from + head
      const end = start + (type === 0 ? size : 1)
      if (end > to || size > this.#most) throw damaged()
      this.#literals = type === 0 ? bytes.subarray(start, end) : new Uint8Array(size).fill(bytes[start]!)
      return end
    }
    const head = format < 2 ? 3 : format + 2
    const width = format < 2 ? 10 : format === 2 ? 14 : 18
    const mask = (1 << width) - 1
    const size = word >>> 4 & mask
    // Of five bytes the last has the high bits of the second number.
    const stored = head === 5 ? (word >>> 22 | byte(4) << 10) & mask : word >>> (4 + width) & mask
    let start = from + head
    const end = start + stored
    if (end > to || size > this.#most) throw damaged()
    if (type === 2) {
      const { end: after, table } = readHuffman(bytes, start, end)
      this.#huffman = table
      start = after
    }
    const table = this.#huffman
    if (table === undefined) throw damaged()
    const out = this.#literals = new Uint8Array(size)
    if (format === 0) {
      decodeStream(table, bytes, start, end, out, 0, size)
      return end
    }
    if (start + 6 > end) throw damaged()
    const part = (size + 3) >> 2
    if (3 * part > size) throw damaged()
    let at = start + 6
    for (let i = 0; i < 4; i++) {
      const next = i === 3 ? end : at + (bytes[start + 2 * i]! | bytes[start + 2 * i + 1]! << 8)
      if (next > end) throw damaged()
      decodeStream(table, bytes, at, next, out, i * part, i === 3 ? size : (i + 1) * part)
      at = next
    }
    return end
  }

  /** Reads the sequences of a block, and carries them out. */
  #sequences(bytes: Uint8Array, from: number, to: number): void {
    if (from >= to) throw damaged()
    let at = from
    let count = bytes[at++]!
    if (count > 127) {
      if (count < 255) count = (count - 128 << 8) + (bytes[at++] ?? 0)
      else {
        count = (bytes[at]! | bytes[at + 1]! << 8) + 0x7f00
        at += 2
      }
    }
    if (at > to || (count === 0 && at !== to)) throw damaged()
    const literals = this.#literals
    let used = 0
    if (count > 0) {
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
        const read = readTable(bytes, at, to, kind.bits.length, kind.maximumLog)
        at = read.end
        return read.table
      }
      const lengths = this.#tables.literals = table(modes >> 6, LITERALS, this.#tables.literals)
      const offsets = this.#tables.offsets = table((modes >> 4) & 3, OFFSETS, this.#tables.offsets)
      const matches = this.#tables.matches = table((modes >> 2) & 3, MATCHES, this.#tables.matches)
      used = this.#execute(bytes.subarray(at, to), count, lengths, offsets, matches)
    }
    const rest = literals.length - used
    this.#out.set(literals.subarray(used), this.#at)
    this.#at += rest
  }

  /**
   * Gives how many literals the sequences took. Their bits are read from the end of `packed` to its begin. What comes after them in the
   * block has room, as all content of the block has.
   */
  #execute(packed: Uint8Array, count: number, lengths: FseTable, offsets: FseTable, matches: FseTable): number {
    // Words are read that reach beyond the end, so there are zeros.
    const bits = this.#bits
    bits.set(packed)
    bits.fill(0, packed.length, packed.length + 4)
    let left = bitsIn(packed, 0, packed.length)
    const out = this.#out
    const literals = this.#literals
    const repeated = this.#repeated
    const window = this.#window
    const most = this.#at + this.#most
    let at = this.#at
    let used = 0
    const start = (log: number): number => {
      left -= log
      return left < 0 ? 0 : wordAt(bits, left) & ((1 << log) - 1)
    }
    let lengthState = lengths.states[start(lengths.log)]!
    let offsetState = offsets.states[start(offsets.log)]!
    let matchState = matches.states[start(matches.log)]!
    for (let n = 0; n < count; n++) {
      const offsetBits = offsetState & 255
      const matchCode = matchState & 255
      const lengthCode = lengthState & 255
      const matchBits = MATCHES.bits[matchCode]!
      const lengthBits = LITERALS.bits[lengthCode]!
      if ((left -= offsetBits) < 0) throw damaged()
      // Up to 31 bits, of which a word has 25.
      const value = offsetBits > 24
        ? 2 ** offsetBits + (wordAt(bits, left + 16) & ((1 << (offsetBits - 16)) - 1)) * 65_536 +
          (wordAt(bits, left) & 0xffff)
        : (1 << offsetBits) + (wordAt(bits, left) & ((1 << offsetBits) - 1))
      let match = MATCHES.bases[matchCode]!
      if (matchBits > 0) {
        if ((left -= matchBits) < 0) throw damaged()
        match += wordAt(bits, left) & ((1 << matchBits) - 1)
      }
      let length = LITERALS.bases[lengthCode]!
      if (lengthBits > 0) {
        if ((left -= lengthBits) < 0) throw damaged()
        length += wordAt(bits, left) & ((1 << lengthBits) - 1)
      }
      let offset: number
      if (value > 3) {
        offset = value - 3
        repeated[2] = repeated[1]!
        repeated[1] = repeated[0]!
        repeated[0] = offset
      } else {
        const which = length === 0 ? value : value - 1
        offset = which === 3 ? repeated[0]! - 1 : repeated[which]!
        if (which > 0) {
          if (which > 1) repeated[2] = repeated[1]!
          repeated[1] = repeated[0]!
          repeated[0] = offset
        }
      }
      const from = at + length
      const end = from + match
      // The content of a block has a limit, and the rest of the literals comes after.
      if (used + length > literals.length || end + literals.length - used - length > most) throw damaged()
      if (offset < 1 || offset > from || offset > window) throw damaged()
      if (length > 24) out.set(literals.subarray(used, used + length), at)
      else for (let i = 0; i < length; i++) out[at + i] = literals[used + i]!
      used += length
      if (match > 24 && offset >= match) out.copyWithin(from, from - offset, end - offset)
      else for (let i = from; i < end; i++) out[i] = out[i - offset]!
      at = end
      if (n === count - 1) break
      const lengthNext = lengthState >> 8 & 255
      const matchNext = matchState >> 8 & 255
      const offsetNext = offsetState >> 8 & 255
      if ((left -= lengthNext) < 0) throw damaged()
      lengthState = lengths.states[(lengthState >> 16) + (wordAt(bits, left) & ((1 << lengthNext) - 1))]!
      if ((left -= matchNext) < 0) throw damaged()
      matchState = matches.states[(matchState >> 16) + (wordAt(bits, left) & ((1 << matchNext) - 1))]!
      if ((left -= offsetNext) < 0) throw damaged()
      offsetState = offsets.states[(offsetState >> 16) + (wordAt(bits, left) & ((1 << offsetNext) - 1))]!
    }
    if (left !== 0) throw damaged()
    this.#at = at
    return used
  }
}

/** 25 bits or more from a place on, the first in the lowest. */
const wordAt = (bytes: Uint8Array, at: number): number => {
  const byte = at >> 3
  return (bytes[byte]! | bytes[byte + 1]! << 8 | bytes[byte + 2]! << 16 | bytes[byte + 3]! << 24) >>> (at & 7)
}
