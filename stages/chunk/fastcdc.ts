/**
 * FastCDC: content-defined chunks by a gear hash, with normalised chunking of level 2.
 *
 * Sources: Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication" (USENIX
 * ATC 2016) and "The Design of Fast Content-Defined Chunking for Data Deduplication Based Storage Systems" (IEEE TPDS
 * 2020).
 *
 * Where cuts are, exactly. Let G be the table of `gear.ts` and `b[i]` the content.
 * - The hash of a position p >= 64 is `H(p) = sum of G[b[p-1-i]] * 2^i for i = 0..63, mod 2^64`: it depends on the 64
 *   bytes before p and nothing else. (It is the `h = (h << 1) + G[b]` of the papers, always warmed up with 64 bytes.)
 * - Let `bits = round(log2(average))`. A position is a strict candidate when the `bits + 2` highest bits of H are zero,
 *   and a loose candidate when the `bits - 2` highest bits are.
 * - The chunk that starts at s ends at the first of: strict candidates p with `s + minimum <= p < s + average`; loose
 *   candidates p with `max(s + minimum, s + average) <= p < s + maximum`; `s + maximum`; the end of the content. No cut
 *   lies before `s + minimum` but the end of the content.
 *
 * On random data with the default bounds the mean size is about 1.14 times `average`.
 */
import * as Redacted from "effect/Redacted"
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { type GearTable, gearTable, PUBLIC_SEED } from "./gear.ts"
import { integerOption } from "./options.ts"

/** Options of {@link fastcdc}. Sizes are in bytes. */
export interface FastCdcOptions {
  /** No chunk but the last is shorter: 64 to `average`; a quarter of `average` by default. */
  readonly minimum?: number
  /** About the mean size: 256 to 2^26, best a power of two; 1 MiB by default. */
  readonly average?: number
  /** No chunk is longer: `average` to 2^30; four times `average` by default. */
  readonly maximum?: number
  /**
   * 32 bytes; zeros by default. A repository needs a secret seed: with a public one, the sizes of chunks tell which
   * known files are stored.
   */
  readonly seed?: Uint8Array | Redacted.Redacted<Uint8Array>
}

/** Bytes in one step of the scan. */
const STEP = 8

/** The high half of H(p). */
const highHash = (gear: GearTable, bytes: Uint8Array, p: number): number => {
  let high = 0
  let low = 0
  for (let i = p - 64; i < p; i++) {
    const b = bytes[i]!
    const sum = (low >>> 0) * 2 + (gear.low[b]! >>> 0)
    high = ((high << 1) + gear.high[b]! + Math.floor(sum / 2 ** 32)) | 0
    low = sum | 0
  }
  return high
}

/**
 * The first position in `(p, end]` that may be a candidate; 0 when there is none. Needs `p >= 64`.
 *
 * JavaScript has no fast 64-bit addition, so the hash is kept as its high half (t) and two quarters (the low half). The
 * carries from the quarters into t are added once in eight bytes. In between, t lacks less than 2^(j+1) after j bytes.
 * So t starts each step 2 too large, which doubles with every byte: t is never too small, and at most 512 too large.
 * The filter allows for that.
 */
const nextPossible = (
  high: Int32Array,
  low: Int32Array,
  bytes: Uint8Array,
  p: number,
  end: number,
  filter: number,
): number => {
  let t = 0
  let quarter1 = 0
  let quarter0 = 0
  let b = 0
  let g = 0
  for (let i = p - 64; i < p; i++) {
    b = bytes[i]!
    g = low[b]!
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    quarter1 = (quarter1 << 1) + (g >>> 16) + (quarter0 >>> 16)
    t = ((t << 1) + high[b]! + (quarter1 >>> 16)) | 0
    quarter0 &= 0xffff
    quarter1 &= 0xffff
  }
  const last = end - STEP
  while (p <= last) {
    t = (t + 2) | 0
    b = bytes[p]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 1
    b = bytes[p + 1]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 2
    b = bytes[p + 2]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 3
    b = bytes[p + 3]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 4
    b = bytes[p + 4]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 5
    b = bytes[p + 5]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 6
    b = bytes[p + 6]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 7
    b = bytes[p + 7]!
    g = low[b]!
    t = ((t << 1) + high[b]!) | 0
    quarter1 = (quarter1 << 1) + (g >>> 16)
    quarter0 = (quarter0 << 1) + (g & 0xffff)
    if ((t & filter) === 0) return p + 8
    // In eight bytes the quarters stay below 2^25, so no bit was lost.
    quarter1 += quarter0 >>> 16
    t = (t + (quarter1 >>> 16) - 2 * 2 ** STEP) | 0
    quarter0 &= 0xffff
    quarter1 &= 0xffff
    p += STEP
  }
  return p < end ? p + 1 : 0
}

/** The first position in `[p, end)` whose hash has `bits` leading zeros; `end` when there is none. Needs `p >= 64`. */
const scan = (gear: GearTable, bytes: Uint8Array, p: number, end: number, bits: number): number => {
  const mask = -1 << (32 - bits)
  const filter = -1 << (Math.max(32 - bits, 9) + 1)
  for (let at = p; at !== 0 && at < end; at = nextPossible(gear.high, gear.low, bytes, at, end - 1, filter)) {
    if ((highHash(gear, bytes, at) & mask) === 0) return at
  }
  return end
}

/** All options of {@link fastcdc}. They may come from a catalog. */
export type FastCdcParams = Required<FastCdcOptions>

/** The portable chunker. Throws KernelError `unsupported` for what is missing or out of range. */
export const makeFastCdc = (params: FastCdcParams): Chunker => {
  const average = integerOption("fastcdc", "average", params.average, 256, 1 << 26)
  const minimum = integerOption("fastcdc", "minimum", params.minimum, 64, average)
  const maximum = integerOption("fastcdc", "maximum", params.maximum, average, 1 << 30)
  const gear = gearTable(Redacted.isRedacted(params.seed) ? Redacted.value(params.seed) : params.seed)
  const bits = Math.round(Math.log2(average))
  return trusted({
    maximum,
    cut: (bytes, from, to) => {
      if (to - from <= minimum) return to
      const end = Math.min(to, from + maximum)
      const normal = Math.min(end, from + average)
      const cut = scan(gear, bytes, from + minimum, normal, bits + 2)
      return cut < normal ? cut : scan(gear, bytes, normal, end, bits - 2)
    },
  })
}

/**
 * Content-defined chunks: cuts depend on the 64 bytes before them, so a change in a file changes only the chunks around
 * it. Throws KernelError `unsupported` for options out of range.
 *
 * The algorithm is FastCDC (Xia et al., USENIX ATC 2016 and IEEE TPDS 2020), with normalised chunking of level 2. The
 * head of this module defines the cuts exactly. On random data, chunks have about 1.14 times `average` bytes.
 *
 * @example Split a file into chunks of about 1 MiB
 * ```ts
 * import assert from "node:assert"
 * import { fastcdc, makeKernel } from "@penstock/penstock"
 *
 * const { cut } = makeKernel(fastcdc({ average: 1 << 20 }))
 * const bytes = crypto.getRandomValues(new Uint8Array(1 << 16))
 * // Less than the minimum of 256 KiB is one chunk.
 * assert.equal(cut(bytes, 0, bytes.length), bytes.length)
 * ```
 */
export const fastcdc = (options: FastCdcOptions = {}): KernelSpec<"chunk"> => {
  const average = options.average ?? 1 << 20
  const params: FastCdcParams = {
    minimum: options.minimum ?? Math.max(64, average >>> 2),
    average,
    maximum: options.maximum ?? average * 4,
    seed: options.seed ?? PUBLIC_SEED,
  }
  makeFastCdc(params)
  return { stage: "chunk", name: "fastcdc", params: { ...params }, make: makeFastCdc }
}
