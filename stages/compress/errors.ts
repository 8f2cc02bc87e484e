/** The errors of compressors. */
import { KernelError } from "../kernel/kernel.ts"

/** The KernelError of data that no encoder writes. `what`: a clause that says what is wrong with it. */
export const corrupt = (kernel: string, what: string): KernelError =>
  new KernelError({ kernel, reason: "corrupt", message: `Cannot decompress ${kernel} data: ${what}` })

/** The KernelError of content that is longer than `limit` bytes. */
export const overLimit = (kernel: string, limit: number): KernelError =>
  new KernelError({
    kernel,
    reason: "limit",
    message: `Cannot decompress ${kernel} data: the content is longer than the ${limit} bytes allowed here`,
  })

/** `level`, if it is an integer in `[low, high]`. Otherwise throws KernelError `unsupported`. */
export const levelOf = (kernel: string, level: number, low: number, high: number): number => {
  if (Number.isInteger(level) && level >= low && level <= high) return level
  throw new KernelError({
    kernel,
    reason: "unsupported",
    message: `Cannot compress with ${kernel} at level ${level}: levels are integers from ${low} to ${high}`,
  })
}
