/**
 * Accelerated hashers. BLAKE3: `@napi-rs/blake-hash` (native) where it is installed for this machine, otherwise
 * `blake3-wasm`. SHA-256 and SHA-512/256: `node:crypto`.
 */
import { createHash } from "node:crypto"
import { createRequire } from "node:module"
import { kernelKey, type KeyParams } from "../../stages/kernel/key.ts"
import type { Hasher } from "../../stages/kernel/kernel.ts"
import { trusted } from "../../stages/kernel/trusted.ts"
import { once } from "./once.ts"

const require = createRequire(import.meta.url)

/** Makes BLAKE3 hashers. With a key of 32 bytes they are keyed. */
export type Blake3Maker = (key?: Uint8Array) => Hasher

/** The part of `@napi-rs/blake-hash` that is used here. */
interface BlakeHash {
  readonly blake3: (bytes: Uint8Array) => Uint8Array
  readonly Blake3Hasher: {
    new (): BlakeHasher
    newKeyed(key: Uint8Array): BlakeHasher
  }
}
interface BlakeHasher {
  reset(): void
  update(bytes: Uint8Array): unknown
  digestBuffer(): Uint8Array
}

/** The part of `blake3-wasm` that is used here. A hash holds memory of the module until `digest`. */
interface Blake3Wasm {
  readonly createHash: () => WasmHash
  readonly createKeyed: (key: Uint8Array) => WasmHash
}
interface WasmHash {
  update(bytes: Uint8Array): unknown
  digest(): Uint8Array
}

/** A copy in memory of its own: runtimes cut small Buffers off a shared one. */
const fresh = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer)

/** BLAKE3 by `@napi-rs/blake-hash`, or `undefined` when it does not load here. */
export const napiBlake3 = (): Blake3Maker | undefined => {
  let module: BlakeHash
  try {
    module = require("@napi-rs/blake-hash") as BlakeHash
  } catch {
    return undefined
  }
  return (key) => {
    const start = key === undefined
      ? () => new module.Blake3Hasher()
      : () => module.Blake3Hasher.newKeyed(Buffer.from(key.buffer, key.byteOffset, key.length))
    const create = () => {
      const state = start()
      return { update: (bytes: Uint8Array) => void state.update(bytes), digest: () => fresh(state.digestBuffer()) }
    }
    // One state for all whole messages: a state has 2 KB that the engine does not count and frees late, so one for each
    // chunk adds up.
    const reused = start()
    return trusted<Hasher>({
      create,
      digest: (bytes) => {
        if (key === undefined) return fresh(module.blake3(bytes))
        reused.reset()
        reused.update(bytes)
        return fresh(reused.digestBuffer())
      },
    })
  }
}

/** Bytes that are given to the module at once. It copies them into its memory, which never shrinks. */
const WASM_PIECE = 256 << 10

/** BLAKE3 by `blake3-wasm`, or `undefined` when it does not load here. */
export const wasmBlake3 = (): Blake3Maker | undefined => {
  let module: Blake3Wasm
  try {
    module = require("blake3-wasm") as Blake3Wasm
  } catch {
    return undefined
  }
  return (key) => {
    const start = key === undefined ? () => module.createHash() : () => module.createKeyed(key)
    const feed = (state: WasmHash, bytes: Uint8Array): void => {
      for (let at = 0; at < bytes.length; at += WASM_PIECE) state.update(bytes.subarray(at, at + WASM_PIECE))
    }
    return trusted<Hasher>({
      create: () => {
        const state = start()
        return { update: (bytes) => feed(state, bytes), digest: () => fresh(state.digest()) }
      },
      digest: (bytes) => {
        const state = start()
        feed(state, bytes)
        return fresh(state.digest())
      },
    })
  }
}

/** A BLAKE3 that loads here. */
export interface FoundBlake3 {
  readonly implementation: string
  readonly make: Blake3Maker
}

/** The fastest BLAKE3 of those that load here, or `null`. */
export const fastestBlake3: () => FoundBlake3 | null = once(() => {
  const found = (implementation: string, make: Blake3Maker | undefined): FoundBlake3 | undefined =>
    make && { implementation, make }
  return found("@napi-rs/blake-hash (native)", napiBlake3()) ?? found("blake3-wasm (WebAssembly)", wasmBlake3()) ?? null
})

/** The checked key of the params of `blake3-keyed`. */
export const keyedKey = (params: KeyParams): Uint8Array => kernelKey("blake3-keyed", params)

/** A hasher of `node:crypto`, whose digests have 32 bytes. */
const cryptoHasher = (algorithm: string): Hasher =>
  trusted<Hasher>({
    digest: (bytes) => fresh(createHash(algorithm).update(bytes).digest()),
    create: () => {
      const state = createHash(algorithm)
      return { update: (bytes) => void state.update(bytes), digest: () => fresh(state.digest()) }
    },
  })

/** SHA-256 by `node:crypto`. */
export const nativeSha256 = (): Hasher => cryptoHasher("sha256")

/** SHA-512/256 by `node:crypto`. */
export const nativeSha512t256 = (): Hasher => cryptoHasher("sha512-256")
