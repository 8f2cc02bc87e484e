/** The chunker of equal sizes. */
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { integerOption } from "./options.ts"

/** Options of {@link fixed}. */
export interface FixedOptions {
  /** In bytes, 1 to 2^30. */
  readonly size: number
}

const make = (params: FixedOptions): Chunker => {
  const size = integerOption("fixed", "size", params.size, 1, 1 << 30)
  return trusted({ maximum: size, cut: (_bytes, from, to) => Math.min(to, from + size) })
}

/** Every chunk has `size` bytes but for the last. Throws KernelError `unsupported` for options out of range. */
export const fixed = (options: FixedOptions): KernelSpec<"chunk"> => {
  const params = { size: options.size }
  make(params)
  return { stage: "chunk", name: "fixed", params, make }
}
