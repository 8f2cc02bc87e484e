/** The tables by which a Rabin fingerprint goes on by a byte. */
import { DEGREE, remainder } from "./polynomial.ts"

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

const tableOf = (valueOf: (byte: bigint) => bigint): PolynomialTable => {
  const high = new Int32Array(256)
  const low = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    const value = valueOf(BigInt(byte))
    high[byte] = Number(BigInt.asIntN(32, value >> 32n))
    low[byte] = Number(BigInt.asIntN(32, value))
  }
  return { high, low }
}

/** The tables of a polynomial of degree 53. */
export const rabinTables = (polynomial: bigint): RabinTables => ({
  fold: tableOf((byte) => {
    const bits = byte << BigInt(DEGREE)
    return bits | remainder(bits, polynomial)
  }),
  leave: tableOf((byte) => remainder(byte << BigInt(8 * WINDOW), polynomial)),
})
