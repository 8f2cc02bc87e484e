/** Polynomials over GF(2), as big integers: bit i is the coefficient of x^i. */
import * as Redacted from "effect/Redacted"
import { KernelError } from "../kernel/kernel.ts"

/** The degree of the polynomials that `rabin` takes, as restic makes them. A fingerprint has as many bits. */
export const DEGREE = 53

const degreeOf = (a: bigint): number => a.toString(2).length - 1

/** What is left of `a` when it is divided by `b`. */
const remainder = (a: bigint, b: bigint): bigint => {
  const degree = degreeOf(b)
  let rest = a
  while (rest >> BigInt(degree) > 0n) rest ^= b << BigInt(degreeOf(rest) - degree)
  return rest
}

const squared = (a: bigint, modulus: bigint): bigint => {
  // The square of a sum is the sum of the squares here, so a zero goes between any two digits.
  return remainder(BigInt(`0b${[...a.toString(2)].join("0")}`), modulus)
}

const commonDivisor = (a: bigint, b: bigint): bigint => b === 0n ? a : commonDivisor(b, remainder(a, b))

/**
 * Whether no polynomial of a lower degree but 1 divides `f`: Ben-Or's test. x^(2^i) - x is the product of all
 * irreducible polynomials whose degree divides i.
 */
export const isIrreducible = (f: bigint): boolean => {
  let power = 2n
  for (let i = 1; i <= degreeOf(f) / 2; i++) {
    power = squared(power, f)
    if (commonDivisor(f, power ^ 2n) !== 1n) return false
  }
  return true
}

/**
 * The polynomial of hexadecimal digits, if it is irreducible and of degree 53. Otherwise throws KernelError
 * `unsupported`. The message does not tell the digits, which may be secret.
 */
export const polynomialOption = (kernel: string, digits: string | Redacted.Redacted<string>): bigint => {
  const text = Redacted.isRedacted(digits) ? Redacted.value(digits) : digits
  const value = typeof text === "string" && /^[0-9a-f]{14}$/i.test(text) ? BigInt(`0x${text}`) : 0n
  if (degreeOf(value) === DEGREE && isIrreducible(value)) return value
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `Cannot chunk with ${kernel}: "polynomial" must be 14 hexadecimal digits of an irreducible polynomial ` +
      `of degree ${DEGREE}`,
  })
}
