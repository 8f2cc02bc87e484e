/** Range checks of chunker options, which may come from a catalog. */
import { KernelError } from "../kernel/kernel.ts"

/**
 * `value`, if it is an integer in `[low, high]`. Otherwise throws KernelError `unsupported`, which names the option.
 */
export const integerOption = (kernel: string, option: string, value: number, low: number, high: number): number => {
  if (Number.isInteger(value) && value >= low && value <= high) return value
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `Cannot chunk with ${kernel}: "${option}" is ${value}, but must be an integer from ${low} to ${high}`,
  })
}

/** `value`, if it is 2^n with n in `[low, high]`. If not, throws KernelError `unsupported`, which names the option. */
export const powerOfTwoOption = (kernel: string, option: string, value: number, low: number, high: number): number => {
  const bits = Math.log2(value)
  if (Number.isInteger(bits) && bits >= low && bits <= high) return value
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message:
      `Cannot chunk with ${kernel}: "${option}" is ${value}, but must be a power of two from 2^${low} to 2^${high}`,
  })
}
