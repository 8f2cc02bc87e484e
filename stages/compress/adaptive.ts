/** Compresses only what becomes smaller. */
import type { Compressor, KernelSpec } from "../kernel/kernel.ts"
import { isTrusted, trusted } from "../kernel/trusted.ts"
import { release } from "../memory/release.ts"
import { corrupt, overLimit } from "./errors.ts"

/** First byte of the output: the content follows as it is, or compressed. */
const STORED = 0
const COMPRESSED = 1
/** Bytes of a sample, and number of samples. */
const SAMPLE = 4 << 10
const SAMPLES = 4
/** Content of this many bytes is sampled first. */
const SAMPLED_BYTES = 64 << 10
/** The part that samples and the whole content must lose to be compressed. */
const SAMPLE_SAVING = 1 / 128
const SAVING = 1 / 32

/** Params of an adaptive compressor, besides those of the compressor within. */
export interface AdaptiveParams {
  /** Stores everything uncompressed. Decodes compressed content as ever. */
  readonly store?: boolean
}

/** Four pieces of 4 KiB, spread evenly over the content. */
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
 * The output is a byte 0 and the content as it is, or a byte 1 and the content as `inner` compresses it. Content is
 * stored as it is
 * - when the params have `store`,
 * - when it has 64 KiB or more and `probe` saves less than 1/128 of four samples of 4 KiB,
 * - or when `inner` saves less than 1/32 of it.
 *
 * `probe` is a quick encoder, by default `inner`. `name` is for messages. The compressor is trusted when `inner` is.
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
      if (bytes.length >= SAMPLED_BYTES) {
        const probed = sample(bytes)
        if (probe.encode(probed).length > probed.length * (1 - SAMPLE_SAVING)) return flagged(STORED, bytes)
      }
      const encoded = inner.encode(bytes)
      const out = encoded.length > bytes.length * (1 - SAVING) ? flagged(STORED, bytes) : flagged(COMPRESSED, encoded)
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
 * Compresses with `inner`, but stores content as it is when it would not become at least 1/32 smaller. For content of
 * 64 KiB and more, four samples decide first, so that media files cost next to nothing. With `store`, everything is
 * stored as it is, and compressed content can still be decoded.
 *
 * The output has one byte more, which says whether it is compressed. The name of the kernel is `adaptive-` and the name
 * of `inner`; its params are those of `inner`.
 *
 * @example Do not compress random bytes
 * ```ts
 * import assert from "node:assert"
 * import { adaptive, makeKernel, zstd } from "@penstock/penstock"
 *
 * const { encode, decode } = makeKernel(adaptive(zstd()))
 * const bytes = crypto.getRandomValues(new Uint8Array(1000))
 * assert.equal(encode(bytes).length, 1001)
 * assert.deepEqual(decode(encode(bytes), 1000), bytes)
 * ```
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
