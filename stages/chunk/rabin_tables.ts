/** The tables by which a Rabin fingerprint goes on by a byte. */
import { DEGREE } from "./polynomial.ts"

/** Bytes that a fingerprint depends on. */
export const WINDOW = 64

/** For each byte a polynomial, in halves of 32 bits. */
export interface PolynomialTable {
  readonly high: Int32Array
  readonly low: Int32Array
}

/**
 * To go on, the bits above the lowest 45 are looked up in `fold`, the fingerprint is shifted by a byte, and the next
 * byte, what was found in `fold`, and what `leave` has for the byte that leaves the window are added to it.
 */
export interface RabinTables {
  /** The bits that are shifted above the degree, and what they leave when they are divided off. */
  readonly fold: PolynomialTable
  /** What a byte has added when 64 others follow it. */
  readonly leave: PolynomialTable
}

/** The table of sums of these eight polynomials: the bits of a byte say which ones are added, the lowest the first. */
const tableOf = (polynomials: ReadonlyArray<bigint>): PolynomialTable => {
  const high = new Int32Array(256)
  const low = new Int32Array(256)
  for (const [bit, polynomial] of polynomials.entries()) {
    const [above, below] = [Number(polynomial >> 32n), Number(BigInt.asIntN(32, polynomial))]
    for (let byte = 0; byte < 256; byte++) {
      if ((byte >> bit & 1) === 0) continue
      high[byte]! ^= above
      low[byte]! ^= below
    }
  }
  return { high, low }
}

/** The tables of a polynomial of degree 53. */
export const rabinTables = (polynomial: bigint): RabinTables => {
  /** x^n modulo the polynomial, for n from `from` on. */
  const powers = (from: number): ReadonlyArray<bigint> => {
    const out: Array<bigint> = []
    let power = 1n
    for (let n = 0; n < from + 8; n++) {
      if (n >= from) out.push(power)
      power <<= 1n
      if (power >> BigInt(DEGREE) > 0n) power ^= polynomial
    }
    return out
  }
  return {
    fold: tableOf(powers(DEGREE).map((rest, bit) => 1n << BigInt(DEGREE + bit) | rest)),
    leave: tableOf(powers(8 * WINDOW)),
  }
}
