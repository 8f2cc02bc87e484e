/** The accelerators of Node, Deno and Bun, by `stage:name`. */
import { adaptiveCompressor, type AdaptiveParams } from "../../stages/compress/adaptive.ts"
import { followingExtents } from "../../stages/chunk/extents.ts"
import type { GzipParams } from "../../stages/compress/gzip.ts"
import type { ZstdParams } from "../../stages/compress/zstd.ts"
import { blake3, blake3Keyed } from "../../stages/hash/blake3.ts"
import { TWOFISH, twofishCipher } from "../../stages/encrypt/twofish256ctr.ts"
import type { KernelOf, KernelStage, KernelTable } from "../../stages/kernel/kernel.ts"
import type { KeyParams } from "../../stages/kernel/key.ts"
import { nativeGzip, nativeZstd } from "./compress.ts"
import { hasNodeChacha, nativeChacha, nativeXchacha } from "./chacha.ts"
import type { FastCdcParams } from "../../stages/chunk/fastcdc.ts"
import { hasWasmBuzhash, wasmBuzhash } from "./buzhash.ts"
import { hasWasmFastCdc, wasmFastCdc } from "./fastcdc.ts"
import { fastestBlake3, keyedKey, nativeSha256, nativeSha512t256 } from "./hash.ts"
import { hasWasmRabin, wasmRabin } from "./rabin.ts"
import { nativeXaes, WEB_CRYPTO_WINS } from "./xaes.ts"

/** A faster kernel. */
interface Accelerator {
  /** What it runs by on this machine. Asks what `make` asks, so the answer is true. */
  readonly implementation: () => string
  readonly make: (params: never) => KernelOf[KernelStage]
}

const PLAIN = "plain"
const NODE_CRYPTO = "node:crypto"
const NODE_ZLIB = "node:zlib"
const nodeZlib = (): string => NODE_ZLIB
const blake3Implementation = (): string => fastestBlake3()?.implementation ?? PLAIN
const chachaImplementation = (): string => hasNodeChacha() ? NODE_CRYPTO : PLAIN

const accelerators: { readonly [key: `${KernelStage}:${string}`]: Accelerator } = {
  "chunk:fastcdc": { implementation: () => hasWasmFastCdc() ? "WebAssembly" : PLAIN, make: wasmFastCdc },
  "chunk:extents-fastcdc": {
    implementation: () => hasWasmFastCdc() ? "WebAssembly" : PLAIN,
    make: (params: FastCdcParams) => followingExtents(wasmFastCdc(params)),
  },
  "chunk:rabin": { implementation: () => hasWasmRabin() ? "WebAssembly" : PLAIN, make: wasmRabin },
  "chunk:buzhash": { implementation: () => hasWasmBuzhash() ? "WebAssembly" : PLAIN, make: wasmBuzhash },
  "hash:blake3": {
    implementation: blake3Implementation,
    make: () => fastestBlake3()?.make() ?? blake3.make(undefined as never),
  },
  "hash:blake3-keyed": {
    implementation: blake3Implementation,
    make: (params: KeyParams) =>
      fastestBlake3()?.make(keyedKey(params)) ?? blake3Keyed(params.key).make(params as never),
  },
  "hash:sha256": { implementation: () => NODE_CRYPTO, make: nativeSha256 },
  "hash:sha512-256": { implementation: () => NODE_CRYPTO, make: nativeSha512t256 },
  "compress:zstd": { implementation: nodeZlib, make: nativeZstd },
  "compress:adaptive-zstd": {
    implementation: nodeZlib,
    make: (params: ZstdParams & AdaptiveParams) =>
      adaptiveCompressor("adaptive-zstd", nativeZstd(params), params, nativeZstd({ level: 1 })),
  },
  "compress:gzip": { implementation: nodeZlib, make: nativeGzip },
  "compress:adaptive-gzip": {
    implementation: nodeZlib,
    make: (params: GzipParams & AdaptiveParams) =>
      adaptiveCompressor("adaptive-gzip", nativeGzip(params), params, nativeGzip({ level: 1 })),
  },
  "encrypt:chacha20-poly1305": { implementation: chachaImplementation, make: nativeChacha },
  [`encrypt:${TWOFISH}`]: {
    implementation: () => `${PLAIN}, HMAC by ${NODE_CRYPTO}`,
    make: (params: KeyParams) => twofishCipher(params, nativeSha256()),
  },
  "encrypt:xaes-256-gcm": {
    implementation: () => WEB_CRYPTO_WINS ? `${NODE_CRYPTO}, WebCrypto in threads` : NODE_CRYPTO,
    make: nativeXaes,
  },
  "encrypt:xchacha20-poly1305": { implementation: chachaImplementation, make: nativeXchacha },
}

/**
 * The accelerated kernels of Node, Deno and Bun, by `stage:name`: provide them as `Kernels`. A kernel that cannot be
 * loaded on this machine falls back to a slower one.
 *
 * @example Compress in C instead of storing
 * ```ts
 * import assert from "node:assert"
 * import { Kernels, makeKernel, zstd } from "@penstock/penstock"
 * import { nativeKernels } from "@penstock/penstock/adapters"
 * import { Effect } from "effect"
 *
 * const program = Effect.map(Kernels, (table) => makeKernel(zstd(), table).encode(new Uint8Array(10_000)).length)
 * const length = await Effect.runPromise(Effect.provideService(program, Kernels, nativeKernels))
 * assert.ok(length < 100)
 * ```
 */
export const nativeKernels: KernelTable = Object.fromEntries(
  Object.entries(accelerators).map(([name, { make }]) => [name, make]),
)

/** What a kernel of {@link nativeKernels} runs by. */
export interface KernelImplementation {
  readonly stage: KernelStage
  readonly name: string
  /** `node:crypto`, `node:zlib`, `WebAssembly`, `plain` (TypeScript), a native module, or several of these. */
  readonly implementation: string
}

/** What each of {@link nativeKernels} runs by on this machine. Loads all optional modules to find out. */
export const kernelTable = (): ReadonlyArray<KernelImplementation> =>
  Object.entries(accelerators).map(([key, { implementation }]) => {
    const colon = key.indexOf(":")
    return {
      stage: key.slice(0, colon) as KernelStage,
      name: key.slice(colon + 1),
      implementation: implementation(),
    }
  })
