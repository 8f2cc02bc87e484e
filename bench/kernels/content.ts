/** The input of kernels: the same bytes on every runtime. */
import { random, textOf } from "../random.ts"

/** Bytes that do not compress. */
export const noise = (size: number): Uint8Array => random("noise").fill(new Uint8Array(size))

/** Bytes that zstd compresses to about 40 %. */
export const text = (size: number): Uint8Array => textOf(random("text"))(new Uint8Array(size))

/** A key for kernels that need one. */
export const key = (): Uint8Array => random("key").fill(new Uint8Array(32))
