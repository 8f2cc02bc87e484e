/** Chunks of equal size. */
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { integerOption } from "./options.ts"

/** Options of {@link fixed}. */
export interface FixedOptions {
  /** Bytes of a chunk: 1 to 2^30. */
  readonly size: number
}

const make = (params: FixedOptions): Chunker => {
  const size = integerOption("fixed", "size", params.size, 1, 1 << 30)
  return trusted({ maximum: size, cut: (_bytes, from, to) => Math.min(to, from + size) })
}

/**
 * Chunks of `size` bytes; the last may be shorter. Best for databases and disk images, which change in place. Throws
 * KernelError `unsupported` for options out of range.
 *
 * @example Cut every 4 KiB
 * ```ts
 * import assert from "node:assert"
 * import { fixed, makeKernel } from "@penstock/penstock"
 *
 * const { cut } = makeKernel(fixed({ size: 4096 }))
 * assert.equal(cut(new Uint8Array(10_000), 0, 10_000), 4096)
 * assert.equal(cut(new Uint8Array(10_000), 8192, 10_000), 10_000)
 * ```
 */
export const fixed = (options: FixedOptions): KernelSpec<"chunk"> => {
  const params = { size: options.size }
  make(params)
  return { stage: "chunk", name: "fixed", params, make }
}
