/**
 * Content-defined chunks without a hash: asymmetric extremum.
 *
 * Source: Zhang et al., "AE: An Asymmetric Extremum Content Defined Chunking Algorithm for Fast and Bandwidth-Efficient
 * Data Deduplication" (INFOCOM 2015).
 *
 * Where cuts are, exactly. The value of a position is the eight bytes after it, as a big-endian number. Let
 * `w = round(average / (e - 1))`, with Euler's e, and let the content end after `s + maximum` bytes at the latest. The
 * chunk that starts at s ends at the first position p that has eight bytes after it, and is w bytes behind a position
 * whose value is larger than those between s and it, and not smaller than those between it and p, p included; without
 * such a position, at the end of the content.
 */
import type { Chunker, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"
import { integerOption } from "./options.ts"

/** Options of {@link ae}. Sizes are in bytes. */
export interface AeOptions {
  /** About the mean size: 16 to 2^26; 1 MiB by default. No chunk but the last is shorter than 0.56 of it. */
  readonly average?: number
  /** No chunk is longer: `average` to 2^30; four times `average` by default. */
  readonly maximum?: number
}

/** Bytes of a value. With fewer, equal values would be common. */
const VALUE = 8

/** Whether the value of `a` is larger than that of `b`. */
const isLarger = (bytes: Uint8Array, a: number, b: number): boolean => {
  for (let i = 0; i < VALUE; i++) {
    const difference = bytes[a + i]! - bytes[b + i]!
    if (difference !== 0) return difference > 0
  }
  return false
}

const make = (params: Required<AeOptions>): Chunker => {
  const average = integerOption("ae", "average", params.average, 16, 1 << 26)
  const maximum = integerOption("ae", "maximum", params.maximum, average, 1 << 30)
  const window = Math.round(average / (Math.E - 1))
  return trusted({
    maximum,
    cut: (bytes, from, to) => {
      const end = Math.min(to, from + maximum)
      const last = end - VALUE
      let extremum = from
      let first = bytes[from]!
      for (let p = from + 1; p <= last; p++) {
        const stop = Math.min(extremum + window, last)
        // Most positions are decided by their first byte.
        while (p < stop && bytes[p]! < first) p++
        if (bytes[p]! >= first && isLarger(bytes, p, extremum)) {
          extremum = p
          first = bytes[p]!
        } else if (p === extremum + window) return p
      }
      return end
    },
  })
}

/**
 * Content-defined chunks by asymmetric extremum (Zhang et al., INFOCOM 2015): a chunk ends a fixed distance behind the
 * largest value so far. It needs no table, but it knows no seed either: the sizes of chunks tell which known files are
 * stored. Throws KernelError `unsupported` for options out of range. The head of this module defines the cuts exactly.
 *
 * @example Chunks of about 64 KiB
 * ```ts
 * import assert from "node:assert"
 * import { ae, makeKernel } from "@penstock/penstock"
 *
 * const { cut } = makeKernel(ae({ average: 1 << 16 }))
 * const bytes = new Uint8Array(1 << 16).fill(1, 0, 8)
 * // The largest value is the first, and 65,536 / 1.718 bytes behind it the chunk ends.
 * assert.equal(cut(bytes, 0, bytes.length), 38_140)
 * ```
 */
export const ae = (options: AeOptions = {}): KernelSpec<"chunk"> => {
  const average = options.average ?? 1 << 20
  const params = { average, maximum: options.maximum ?? average * 4 }
  make(params)
  return { stage: "chunk", name: "ae", params, make }
}
