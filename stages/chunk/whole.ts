/** One chunk for each file. */
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { integerOption } from "./options.ts"

/** Options of {@link whole}. */
export interface WholeOptions {
  /** In bytes: 1 to 2^30; 64 MiB by default. Longer content is cut at every multiple of it. */
  readonly maximum?: number
}

const make = (params: Required<WholeOptions>): Chunker => {
  const maximum = integerOption("whole", "maximum", params.maximum, 1, 1 << 30)
  return trusted({ maximum, cut: (_bytes, from, to) => Math.min(to, from + maximum) })
}

/**
 * Content of up to `maximum` bytes is one chunk. The smallest change then stores the whole file again. Throws
 * KernelError `unsupported` for options out of range.
 *
 * @example Store small files whole, and cut larger ones every 1 MiB
 * ```ts
 * import assert from "node:assert"
 * import { whole, makeKernel } from "@penstock/penstock"
 *
 * const { cut } = makeKernel(whole({ maximum: 1 << 20 }))
 * assert.equal(cut(new Uint8Array(1000), 0, 1000), 1000)
 * ```
 */
export const whole = (options: WholeOptions = {}): KernelSpec<"chunk"> => {
  const params = { maximum: options.maximum ?? 64 << 20 }
  make(params)
  return { stage: "chunk", name: "whole", params, make }
}
