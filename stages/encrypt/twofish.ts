/**
 * Twofish with keys of 256 bits, and its counter mode. Source: Schneier, Kelsey, Whiting, Wagner, Hall, Ferguson,
 * "Twofish: A 128-Bit Block Cipher", 1998.
 *
 * Each key has full key-dependent tables of 4 KiB. The time of a look-up may depend on the key, so an attacker who can
 * measure the caches of this machine closely may learn something about the key.
 */

/** Bytes of a block. */
export const BLOCK_BYTES = 16
/** Bytes of a key. */
export const KEY_BYTES = 32

/** Makes the permutation q0 or q1 (section 4.3.5) from its four tables of 4 bits. */
const permutation = (t: readonly [string, string, string, string]): Uint8Array => {
  const [t0, t1, t2, t3] = t.map((digits) => Array.from(digits, (digit) => parseInt(digit, 16))) as number[][]
  const mix = (a: number, b: number): [number, number] => [a ^ b, a ^ (b >> 1 | (b & 1) << 3) ^ (a << 3 & 15)]
  return Uint8Array.from({ length: 256 }, (_, x) => {
    const [a1, b1] = mix(x >> 4, x & 15)
    const [a3, b3] = mix(t0![a1]!, t1![b1]!)
    return t3![b3]! << 4 | t2![a3]!
  })
}
const Q0 = /* @__PURE__ */ permutation(["817d6f320b59eca4", "ecb81235f4a6709d", "ba5e6d90c8f32471", "d7f4126e9b3085ca"])
const Q1 = /* @__PURE__ */ permutation(["28bdf76e31940ac5", "1e2b4c376da5f908", "4c75169a0ed82b3f", "b951c3de647f208a"])

/** For each byte of a word, the permutations of the five steps of h, the first step first (section 4.3.2). */
const STEPS: ReadonlyArray<ReadonlyArray<Uint8Array>> = [
  [Q1, Q1, Q0, Q0, Q1],
  [Q0, Q1, Q1, Q0, Q0],
  [Q0, Q0, Q0, Q1, Q1],
  [Q1, Q0, Q1, Q1, Q0],
]

const MDS_POLYNOMIAL = 0x169
const RS_POLYNOMIAL = 0x14d
/** Columns of the MDS matrix. */
const MDS = ["015befef", "efef5b01", "5bef01ef", "5b01ef5b"].map((column) => bytesOf(column))
/** Rows of the RS matrix. */
const RS = ["01a455875a58db9e", "a45682f31ec668e5", "02a1fcc147ae3d19", "a455875a58db9e03"].map((row) => bytesOf(row))

function bytesOf(hex: string): ReadonlyArray<number> {
  return Array.from({ length: hex.length / 2 }, (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

const multiply = (a: number, b: number, polynomial: number): number => {
  let product = 0
  for (let x = a, y = b; y > 0; y >>= 1) {
    if (y & 1) product ^= x
    x <<= 1
    if (x & 0x100) x ^= polynomial
  }
  return product
}

/** Puts byte `x`, number `i` of a word, through h with the words of `list`. Returns its part of the MDS product. */
const part = (i: number, x: number, list: ReadonlyArray<number>): number => {
  const steps = STEPS[i]!
  let y = steps[0]![x]!
  for (let k = 0; k < 4; k++) y = steps[k + 1]![y ^ (list[3 - k]! >>> 8 * i & 0xff)]!
  const column = MDS[i]!
  let word = 0
  for (let row = 0; row < 4; row++) word |= multiply(column[row]!, y, MDS_POLYNOMIAL) << 8 * row
  return word
}

const h = (x: number, list: ReadonlyArray<number>): number =>
  part(0, x, list) ^ part(1, x, list) ^ part(2, x, list) ^ part(3, x, list)

const rotate = (word: number, bits: number): number => word << bits | word >>> (32 - bits)

/** A key that is ready for use: 40 subkeys, and four tables of 256 words, one after the other. */
export interface TwofishKey {
  readonly subkeys: Int32Array
  readonly tables: Int32Array
}

/** Makes a key of 32 bytes ready for use. Any other length is a defect. */
export const twofishKey = (key: Uint8Array): TwofishKey => {
  if (key.length !== KEY_BYTES) throw new RangeError(`A Twofish-256 key has ${KEY_BYTES} bytes, not ${key.length}`)
  const view = new DataView(key.buffer, key.byteOffset, key.length)
  const words = Array.from({ length: 8 }, (_, i) => view.getInt32(4 * i, true))
  const even = [0, 2, 4, 6].map((i) => words[i]!)
  const odd = [1, 3, 5, 7].map((i) => words[i]!)
  const subkeys = new Int32Array(40)
  for (let i = 0; i < 20; i++) {
    const a = h(2 * i, even)
    const b = rotate(h(2 * i + 1, odd), 8)
    subkeys[2 * i] = a + b
    subkeys[2 * i + 1] = rotate((a + 2 * b) | 0, 9)
  }
  const s = [3, 2, 1, 0].map((group) => {
    let word = 0
    for (const [row, factors] of RS.entries()) {
      const byte = factors.reduce((sum, factor, i) => sum ^ multiply(factor, key[8 * group + i]!, RS_POLYNOMIAL), 0)
      word |= byte << 8 * row
    }
    return word
  })
  const tables = new Int32Array(1024)
  for (let i = 0; i < 4; i++) for (let x = 0; x < 256; x++) tables[256 * i + x] = part(i, x, s)
  return { subkeys, tables }
}

/** Encrypts blocks of 16 bytes in place, each by itself (ECB). `words` are the blocks as little-endian words. */
export const encryptBlocks = ({ subkeys: k, tables: t }: TwofishKey, words: Int32Array): void => {
  for (let at = 0; at < words.length; at += 4) {
    let a = words[at]! ^ k[0]!
    let b = words[at + 1]! ^ k[1]!
    let c = words[at + 2]! ^ k[2]!
    let d = words[at + 3]! ^ k[3]!
    for (let i = 8; i < 40; i += 4) {
      let x = t[a & 0xff]! ^ t[256 + (a >>> 8 & 0xff)]! ^ t[512 + (a >>> 16 & 0xff)]! ^ t[768 + (a >>> 24)]!
      let y = t[b >>> 24]! ^ t[256 + (b & 0xff)]! ^ t[512 + (b >>> 8 & 0xff)]! ^ t[768 + (b >>> 16 & 0xff)]!
      x = x + y | 0
      c ^= x + k[i]! | 0
      c = c >>> 1 | c << 31
      d = (d << 1 | d >>> 31) ^ ((x + y | 0) + k[i + 1]! | 0)
      x = t[c & 0xff]! ^ t[256 + (c >>> 8 & 0xff)]! ^ t[512 + (c >>> 16 & 0xff)]! ^ t[768 + (c >>> 24)]!
      y = t[d >>> 24]! ^ t[256 + (d & 0xff)]! ^ t[512 + (d >>> 8 & 0xff)]! ^ t[768 + (d >>> 16 & 0xff)]!
      x = x + y | 0
      a ^= x + k[i + 2]! | 0
      a = a >>> 1 | a << 31
      b = (b << 1 | b >>> 31) ^ ((x + y | 0) + k[i + 3]! | 0)
    }
    words[at] = c ^ k[4]!
    words[at + 1] = d ^ k[5]!
    words[at + 2] = a ^ k[6]!
    words[at + 3] = b ^ k[7]!
  }
}

/** Blocks of keystream that are made at once. The first time fewer, because many messages are short. */
const BATCH = 64
const FIRST_BATCH = 8

/**
 * Counter mode, from a first counter of 16 bytes on (big endian, modulo 2^128). The same call encrypts and decrypts.
 */
export class TwofishCounter {
  readonly #key: TwofishKey
  /** The next counter, as four words. The highest word comes first. */
  readonly #counter: Int32Array
  #words: Int32Array = new Int32Array(4 * FIRST_BATCH)
  #stream: Uint8Array = new Uint8Array(0)
  /** How many bytes of the keystream are used. */
  #used = 0

  /** Copies the counter. */
  constructor(key: TwofishKey, counter: Uint8Array) {
    this.#key = key
    const view = new DataView(counter.buffer, counter.byteOffset, BLOCK_BYTES)
    this.#counter = Int32Array.from({ length: 4 }, (_, i) => view.getInt32(4 * i))
  }

  /** XORs the next bytes of the keystream into `bytes`. */
  apply(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#used === this.#stream.length) this.#refill()
      const stream = this.#stream
      const end = Math.min(bytes.length, at + stream.length - this.#used)
      let used = this.#used
      while (at < end) bytes[at++]! ^= stream[used++]!
      this.#used = used
    }
  }

  #refill(): void {
    const isFirst = this.#stream.length === 0
    if (!isFirst && this.#words.length < 4 * BATCH) this.#words = new Int32Array(4 * BATCH)
    const words = this.#words
    if (this.#stream.length < 4 * words.length) this.#stream = new Uint8Array(4 * words.length)
    const counter = this.#counter
    for (let at = 0; at < words.length; at += 4) {
      // The cipher reads its blocks in little-endian words.
      for (let i = 0; i < 4; i++) words[at + i] = swap(counter[i]!)
      for (let i = 3; i >= 0; i--) if ((counter[i] = counter[i]! + 1 | 0) !== 0) break
    }
    encryptBlocks(this.#key, words)
    const view = new DataView(this.#stream.buffer)
    for (let i = 0; i < words.length; i++) view.setInt32(4 * i, words[i]!, true)
    this.#used = 0
  }
}

const swap = (word: number): number => word << 24 | word << 8 & 0xff0000 | word >>> 8 & 0xff00 | word >>> 24
