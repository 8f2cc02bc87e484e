/** The accelerators of Node, Deno and Bun, by `stage:name`. */
import { adaptiveCompressor } from "../../stages/compress/adaptive.ts"
import type { GzipParams } from "../../stages/compress/gzip.ts"
import type { ZstdParams } from "../../stages/compress/zstd.ts"
import { blake3, blake3Keyed } from "../../stages/hash/blake3.ts"
import { NAME as TWOFISH, twofishCipher } from "../../stages/encrypt/twofish256ctr.ts"
import type { Hasher, KernelTable } from "../../stages/kernel.ts"
import type { KeyParams } from "../../stages/keyed.ts"
import { nativeGzip, nativeZstd } from "./compress.ts"
import { nativeChacha, nativeXaes, nativeXchacha } from "./encrypt.ts"
import { wasmFastCdc } from "./fastcdc.ts"
import { fastestBlake3, keyedKey, nativeSha256 } from "./hash.ts"

/** Give it to `Kernels` of stages/kernel.ts. What cannot be loaded on this machine falls back by itself. */
export const nativeKernels: KernelTable = {
  "chunk:fastcdc": wasmFastCdc,
  "hash:blake3": (): Hasher => (fastestBlake3() ?? (() => blake3.make(undefined as never)))(),
  "hash:blake3-keyed": (params: KeyParams): Hasher => {
    const maker = fastestBlake3()
    return maker === null ? blake3Keyed(params.key).make(params as never) : maker(keyedKey(params))
  },
  "hash:sha256": nativeSha256,
  "compress:zstd": nativeZstd,
  "compress:adaptive-zstd": (params: ZstdParams) =>
    adaptiveCompressor("adaptive-zstd", nativeZstd(params), nativeZstd({ level: 1 })),
  "compress:gzip": nativeGzip,
  "compress:adaptive-gzip": (params: GzipParams) =>
    adaptiveCompressor("adaptive-gzip", nativeGzip(params), nativeGzip({ level: 1 })),
  "encrypt:chacha20-poly1305": nativeChacha,
  [`encrypt:${TWOFISH}`]: (params: KeyParams) => twofishCipher(params, nativeSha256()),
  "encrypt:xaes-256-gcm": nativeXaes,
  "encrypt:xchacha20-poly1305": nativeXchacha,
}
