/**
 * Content-defined chunks by a cyclic polynomial (buzhash), cut where BorgBackup cuts.
 *
 * Sources: Uzgalis, "Hashing concepts and the Java programming language" (1996); BorgBackup 1.2, `chunker` with
 * `--chunker-params buzhash,19,23,21,4095`.
 *
 * Where cuts are, exactly. Let T be the table of `buzhash_tables.ts`, each entry xor the seed, w the window, and `rol`
 * a rotation of 32 bits to the left. The hash of a position p is the xor of `rol(T[b[p+i]], w - 1 - i)` for i = 0..w-1.
 * It depends on the w bytes after p. Let e be the end of the content, or `s + maximum` if that comes first. The chunk
 * that starts at s ends at the first of: a position p with `s + minimum <= p` and `p + w < e` whose hash has
 * `log2(average)` low bits of zero; e.
 */
import * as Redacted from "effect/Redacted"
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { buzhashTables } from "./buzhash_tables.ts"
import { integerOption, oddOption, powerOfTwoOption, secretOption } from "./options.ts"

/** Options of {@link buzhash}. Sizes are in bytes. The defaults are those of BorgBackup. */
export interface BuzhashOptions {
  /** No chunk but the last is shorter: 1 to 2^29; a quarter of `average` by default. */
  readonly minimum?: number
  /** How far cuts are from each other beyond `minimum`, on average: a power of two, 2^4 to 2^26; 2 MiB by default. */
  readonly average?: number
  /** No chunk is longer: more than `minimum` and `window`, to 2^30; four times `average` by default. */
  readonly maximum?: number
  /** Bytes that a cut depends on: an odd number from 1 to 2^16 - 1; 4095 by default. */
  readonly window?: number
  /**
   * 32 bits, 0 by default. A repository needs a secret seed: with a public one, the sizes of chunks tell which known
   * files are stored.
   */
  readonly seed?: number | Redacted.Redacted<number>
}

/** All options of {@link buzhash}. They may come from a catalog. */
export type BuzhashParams = Required<BuzhashOptions>

/** The portable chunker. Throws KernelError `unsupported` for what is missing or out of range. */
export const makeBuzhash = (params: BuzhashParams): Chunker => {
  const average = powerOfTwoOption("buzhash", "average", params.average, 4, 26)
  const minimum = integerOption("buzhash", "minimum", params.minimum, 1, 1 << 29)
  // With an even one, the hashes of long runs of equal bytes would have few values.
  const window = oddOption("buzhash", "window", params.window, (1 << 16) - 1)
  const maximum = integerOption("buzhash", "maximum", params.maximum, minimum + window + 1, 1 << 30)
  const { enter, leave } = buzhashTables(secretOption("buzhash", "seed", params.seed, 0, 2 ** 32 - 1), window)
  const mask = average - 1
  return trusted({
    maximum,
    cut: (bytes, from, to) => {
      const end = Math.min(to, from + maximum)
      const last = end - window
      let p = from + minimum
      if (p >= last) return end
      let sum = 0
      for (let i = p; i < p + window; i++) sum = (sum << 1 | sum >>> 31) ^ enter[bytes[i]!]!
      while ((sum & mask) !== 0) {
        if (p + 1 >= last) return end
        sum = (sum << 1 | sum >>> 31) ^ (leave[bytes[p]!]! ^ enter[bytes[p + window]!]!)
        p++
      }
      return p
    },
  })
}

/**
 * Content-defined chunks, cut where BorgBackup cuts for the same seed and sizes: for comparing, and for content that
 * BorgBackup has chunked. Throws KernelError `unsupported` for options out of range.
 *
 * The hash is a cyclic polynomial (Uzgalis). The head of this module defines the cuts exactly.
 *
 * @example Cut as `borg --chunker-params buzhash,10,23,16,4095` does
 * ```ts
 * import assert from "node:assert"
 * import { buzhash, makeKernel } from "@penstock/penstock"
 *
 * const { cut } = makeKernel(buzhash({ minimum: 1 << 10, average: 1 << 16, maximum: 1 << 23 }))
 * // Less than the minimum and the window is one chunk.
 * assert.equal(cut(new Uint8Array(5000), 0, 5000), 5000)
 * ```
 */
export const buzhash = (options: BuzhashOptions = {}): KernelSpec<"chunk"> => {
  const average = options.average ?? 1 << 21
  const params: BuzhashParams = {
    minimum: options.minimum ?? Math.max(1, average >>> 2),
    average,
    maximum: options.maximum ?? average * 4,
    window: options.window ?? 4095,
    seed: options.seed ?? 0,
  }
  makeBuzhash(params)
  return { stage: "chunk", name: "buzhash", params: { ...params }, make: makeBuzhash }
}
