/** Range checks of chunker options, which may come from a catalog. */
import * as Redacted from "effect/Redacted"
import { KernelError } from "../kernel/kernel.ts"

const refused = (kernel: string, what: string): KernelError =>
  new KernelError({ kernel, reason: "unsupported", message: `Cannot chunk with ${kernel}: ${what}` })

/** What is wrong with an option. It may be anything, so only numbers are shown. */
const has = (option: string, value: unknown): string =>
  `"${option}" is ${typeof value === "number" ? value : value === undefined ? "missing" : "no number"}, but must be`

/**
 * `value`, if it is an integer in `[low, high]`. Otherwise throws KernelError `unsupported`, which names the option.
 */
export const integerOption = (kernel: string, option: string, value: number, low: number, high: number): number => {
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw refused(kernel, `${has(option, value)} an integer from ${low} to ${high}`)
}

/** `value`, if it is an odd integer in `[1, high]`. If not, throws KernelError `unsupported`, naming the option. */
export const oddOption = (kernel: string, option: string, value: number, high: number): number => {
  if (Number.isInteger(value) && value % 2 === 1 && value <= high) return value
  throw refused(kernel, `${has(option, value)} an odd integer from 1 to ${high}`)
}

/** `value`, if it is 2^n with n in `[low, high]`. If not, throws KernelError `unsupported`, which names the option. */
export const powerOfTwoOption = (kernel: string, option: string, value: number, low: number, high: number): number => {
  if (Number.isInteger(value) && value >= 2 ** low && value <= 2 ** high && (value & value - 1) === 0) return value
  throw refused(kernel, `${has(option, value)} a power of two from 2^${low} to 2^${high}`)
}

/** As {@link integerOption} for a value that may be secret: the message does not tell it. */
export const secretOption = (
  kernel: string,
  option: string,
  value: number | Redacted.Redacted<number>,
  low: number,
  high: number,
): number => {
  const secret = Redacted.isRedacted(value) ? Redacted.value(value) : value
  if (Number.isInteger(secret) && secret >= low && secret <= high) return secret
  throw refused(kernel, `"${option}" must be an integer from ${low} to ${high}`)
}
