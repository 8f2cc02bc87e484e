/** Compression only where it pays. */
import type { Compressor, KernelSpec } from "../kernel/kernel.ts"
import { isTrusted, trusted } from "../kernel/trusted.ts"
import { release } from "../memory/release.ts"
import { corrupt, overLimit } from "./errors.ts"

const STORED = 0
const COMPRESSED = 1
const SAMPLE = 4 << 10
const SAMPLES = 4

/** What an adaptive compressor knows beside the params of the one within. */
export interface AdaptiveParams {
  /** Compress nothing. */
  readonly store?: boolean
}

/** Four pieces of 4 KiB, evenly spread. */
const sample = (bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(SAMPLE * SAMPLES)
  const stride = Math.floor((bytes.length - SAMPLE) / (SAMPLES - 1))
  for (let i = 0; i < SAMPLES; i++) out.set(bytes.subarray(i * stride, i * stride + SAMPLE), i * SAMPLE)
  return out
}

const flagged = (flag: number, bytes: Uint8Array): Uint8Array => {
  const out = new Uint8Array(bytes.length + 1)
  out[0] = flag
  out.set(bytes, 1)
  return out
}

/**
 * Output: a byte 0 and the content as it is, or a byte 1 and what `inner` makes of it. Stored when `inner` saves less
 * than 1/32, or when the content has 64 KiB or more and `probe` (a quick encoder; `inner` itself unless told) saves
 * less than 1/128 of four samples of 4 KiB, or always when the params have `store`. `name` is for messages. Trusted
 * when `inner` is.
 */
export const adaptiveCompressor = (
  name: string,
  inner: Compressor,
  params: AdaptiveParams,
  probe: Compressor = inner,
): Compressor => {
  const compressor: Compressor = {
    encode: (bytes) => {
      if (params.store === true) return flagged(STORED, bytes)
      if (bytes.length >= 64 << 10) {
        const probed = sample(bytes)
        if (probe.encode(probed).length > probed.length * (1 - 1 / 128)) return flagged(STORED, bytes)
      }
      const encoded = inner.encode(bytes)
      const out = encoded.length > bytes.length * (1 - 1 / 32) ? flagged(STORED, bytes) : flagged(COMPRESSED, encoded)
      if (encoded.buffer !== bytes.buffer) release(encoded)
      return out
    },
    decode: (bytes, limit) => {
      const body = bytes.subarray(1)
      if (bytes[0] === COMPRESSED) return inner.decode(body, limit)
      if (bytes[0] !== STORED) throw corrupt(name, "it does not begin with 0 or 1")
      if (body.length > limit) throw overLimit(name, limit)
      return body
    },
  }
  return isTrusted(inner) ? trusted(compressor) : compressor
}

/**
 * Wraps a compressor so that content which it does not make smaller is stored (see {@link adaptiveCompressor}). The
 * kernel is named `adaptive-` and the name of `inner`, whose params it has. With `store` it stores everything, and
 * still decodes what was compressed.
 */
export const adaptive = (inner: KernelSpec<"compress">, options: AdaptiveParams = {}): KernelSpec<"compress"> => {
  const name = `adaptive-${inner.name}`
  return {
    stage: "compress",
    name,
    params: options.store === true ? { ...inner.params, store: true } : inner.params,
    make: (params) => adaptiveCompressor(name, inner.make(params), params),
  }
}
