/**
 * Content-defined chunks by a Rabin fingerprint, cut where restic cuts.
 *
 * Sources: Rabin, "Fingerprinting by Random Polynomials" (1981); restic's chunker, github.com/restic/chunker v0.4.0.
 *
 * Where cuts are, exactly. Bytes are polynomials over GF(2), the highest bit first. The fingerprint of a position p is
 * the 64 bytes before p, as one polynomial, modulo the chosen polynomial of degree 53. The chunk that starts at s ends
 * at the first of: a position p with `s + minimum <= p` whose fingerprint has `log2(average)` low bits of zero;
 * `s + maximum`; the end of the content.
 */
import * as Redacted from "effect/Redacted"
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { integerOption, powerOfTwoOption } from "./options.ts"
import { DEGREE, polynomialOption } from "./polynomial.ts"
import { rabinTables, WINDOW } from "./rabin_tables.ts"

/** Options of {@link rabin}. Sizes are in bytes. The sizes that are the default are those of restic. */
export interface RabinOptions {
  /** No chunk but the last is shorter: 64 to `maximum`; half of `average` by default. */
  readonly minimum?: number
  /** How far cuts are from each other beyond `minimum`, on average: a power of two, 2^8 to 2^26; 1 MiB by default. */
  readonly average?: number
  /** No chunk is longer: `minimum` to 2^30; eight times `average` by default. */
  readonly maximum?: number
  /**
   * An irreducible polynomial of degree 53 as 14 hexadecimal digits, as in `chunker_polynomial` of restic's config. By
   * default it is a public one. A repository needs a secret one: with a public one, the sizes of chunks tell which
   * known files are stored.
   */
  readonly polynomial?: string | Redacted.Redacted<string>
}

/** The polynomial of the tests of restic's chunker. */
const PUBLIC_POLYNOMIAL = "3da3358b4dc173"

/** The highest eight bits of a fingerprint, in its high half. */
const INDEX_SHIFT = DEGREE - 8 - 32

/** All options of {@link rabin}. They may come from a catalog. */
export type RabinParams = Required<RabinOptions>

/** The portable chunker. Throws KernelError `unsupported` for what is missing or out of range. */
export const makeRabin = (params: RabinParams): Chunker => {
  const average = powerOfTwoOption("rabin", "average", params.average, 8, 26)
  const maximum = integerOption("rabin", "maximum", params.maximum, WINDOW, 1 << 30)
  const minimum = integerOption("rabin", "minimum", params.minimum, WINDOW, maximum)
  const { fold, leave } = rabinTables(polynomialOption("rabin", params.polynomial))
  const mask = average - 1
  return trusted({
    maximum,
    cut: (bytes, from, to) => {
      const end = Math.min(to, from + maximum)
      let p = from + minimum
      if (p >= end) return end
      let high = 0
      let low = 0
      let top = 0
      let gone = 0
      for (let i = p - WINDOW; i < p; i++) {
        top = high >>> INDEX_SHIFT
        high = (high << 8 | low >>> 24) ^ fold.high[top]!
        low = (low << 8 | bytes[i]!) ^ fold.low[top]!
      }
      while ((low & mask) !== 0 && p < end) {
        gone = bytes[p - WINDOW]!
        top = high >>> INDEX_SHIFT
        high = (high << 8 | low >>> 24) ^ leave.high[gone]! ^ fold.high[top]!
        low = (low << 8 | bytes[p]!) ^ leave.low[gone]! ^ fold.low[top]!
        p++
      }
      return p
    },
  })
}

/**
 * Content-defined chunks, cut where restic cuts for the same polynomial and sizes: for comparing, and for content that
 * restic has chunked. Throws KernelError `unsupported` for options out of range, and for a polynomial that is reducible
 * or of another degree than 53.
 *
 * The fingerprint is Rabin's (1981), with a window of 64 bytes. The head of this module defines the cuts exactly.
 *
 * @example Cut as a restic repository does
 * ```ts
 * import assert from "node:assert"
 * import { makeKernel, rabin } from "@penstock/penstock"
 * import { Redacted } from "effect"
 *
 * const { cut } = makeKernel(rabin({ polynomial: Redacted.make("3da3358b4dc173") }))
 * // Less than the minimum of 512 KiB is one chunk.
 * assert.equal(cut(new Uint8Array(1000), 0, 1000), 1000)
 * ```
 */
export const rabin = (options: RabinOptions = {}): KernelSpec<"chunk"> => {
  const average = options.average ?? 1 << 20
  const params: RabinParams = {
    minimum: options.minimum ?? Math.max(WINDOW, average >>> 1),
    average,
    maximum: options.maximum ?? average * 8,
    polynomial: options.polynomial ?? PUBLIC_POLYNOMIAL,
  }
  makeRabin(params)
  return { stage: "chunk", name: "rabin", params: { ...params }, make: makeRabin }
}
