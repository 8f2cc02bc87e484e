/**
 * From the content of a block to what is stored of it, and back.
 *
 * Both directions are here: an encoder runs the compressors and ciphers of a plan in their order, a decoder runs their
 * inverses.
 */
import * as Context from "effect/Context"
import { release } from "../memory/release.ts"
import { KernelError } from "./error.ts"
import { type KernelSpec, type KernelTable, makeKernel } from "./kernel.ts"
import type { Cipher, Compressor } from "./kinds.ts"

/** One compressor or cipher. The output may share memory with the input. Throws KernelError. */
export type Encode = (bytes: Uint8Array) => Uint8Array

/** The inverse. No more than `limit` bytes come out. Throws KernelError. */
export type Decode = (bytes: Uint8Array, limit: number) => Uint8Array

/** Seals a message with a cipher. Where the runtime is much faster at it, the result comes later. */
export type Seal = (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>

/** Makes the encoder of a compressor or cipher. Throws KernelError when the kernel is neither, or cannot be made. */
export const makeEncoder = (spec: KernelSpec, table: KernelTable): Encode => {
  switch (spec.stage) {
    case "compress":
      return (makeKernel(spec, table) as Compressor).encode
    case "encrypt": {
      const cipher = makeKernel(spec, table) as Cipher
      return (bytes) => cipher.seal(bytes)
    }
    default:
      throw new KernelError({
        kernel: spec.name,
        reason: "unsupported",
        message: `A plan can have only one ${spec.stage} stage`,
      })
  }
}

/** Makes the decoder of a compressor or cipher. Throws KernelError when it cannot be made. */
export const makeDecoder = (spec: KernelSpec, table: KernelTable): Decode => {
  if (spec.stage === "compress") return (makeKernel(spec, table) as Compressor).decode
  const cipher = makeKernel(spec, table) as Cipher
  return (bytes) => cipher.open(bytes)
}

/** Encodes the content of a block. */
export interface BlockEncoder {
  /** Runs the kernels. The output may share memory with the input. */
  readonly encode: Encode
  /** Set when `encode` leaves out the last cipher: this runs it. */
  readonly seal: Seal | undefined
}

/**
 * Makes the encoder of a block from the kernels that a plan has after `hash`. With `sealLater`, a cipher at the end
 * that has a `sealLater` of its own is left to `seal`.
 */
export const makeBlockEncoder = (
  specs: ReadonlyArray<KernelSpec>,
  table: KernelTable,
  sealLater: boolean,
): BlockEncoder => {
  const seal = sealLater ? lastCipher(specs, table)?.sealLater : undefined
  const encoders = (seal === undefined ? specs : specs.slice(0, -1)).map((spec) => makeEncoder(spec, table))
  return {
    encode: (raw) => {
      let bytes = raw
      for (const encode of encoders) {
        const encoded = encode(bytes)
        // What one kernel leaves to the next is freed at once.
        if (bytes.buffer !== raw.buffer && bytes.buffer !== encoded.buffer) release(bytes)
        bytes = encoded
      }
      return bytes
    },
    seal: seal && ((bytes) => seal(bytes)),
  }
}

/** Makes the sealing part of an encoder alone; undefined when the plan does not end with a cipher. */
export const makeSeal = (specs: ReadonlyArray<KernelSpec>, table: KernelTable): Seal | undefined => {
  const cipher = lastCipher(specs, table)
  return cipher && ((bytes) => cipher.sealLater?.(bytes) ?? cipher.seal(bytes))
}

const lastCipher = (specs: ReadonlyArray<KernelSpec>, table: KernelTable): Cipher | undefined => {
  const last = specs.at(-1)
  return last?.stage === "encrypt" ? makeKernel(last as KernelSpec<"encrypt">, table) : undefined
}

/**
 * Decoders that the runtime runs on threads of its own, by `stage:name`. Kernels that are not in the table run on this
 * thread. A decoder must not change its input; it returns `undefined` for bytes that this thread decodes faster.
 */
export type BesideTable = {
  readonly [key: `compress:${string}` | `encrypt:${string}`]: (
    params: never,
  ) => (bytes: Uint8Array, limit: number) => Promise<Uint8Array> | undefined
}

/** The decoders beside this thread that are in use; none by default. */
export const Beside: Context.Reference<BesideTable> = Context.Reference<BesideTable>("penstock/Beside", {
  defaultValue: (): BesideTable => ({}),
})

/**
 * Decodes a stored block to at most `limit` bytes: at once, or later when a decoder runs beside this thread. The output
 * may share memory with the input, which must not change before it is there. Throws or rejects with KernelError.
 */
export type BlockDecoder = (stored: Uint8Array, limit: number) => Uint8Array | Promise<Uint8Array>

/** Makes the decoder of a block. `specs` are the kernels whose inverses run, in the order in which these run. */
export const makeBlockDecoder = (
  specs: ReadonlyArray<KernelSpec>,
  table: KernelTable,
  beside: BesideTable,
): BlockDecoder => {
  const steps = specs.map((spec) => ({
    here: makeDecoder(spec, table),
    there: beside[`${spec.stage}:${spec.name}` as keyof BesideTable]?.(spec.params as never),
  }))
  return (stored, limit) => {
    const decodeFrom = (first: number, input: Uint8Array): Uint8Array | Promise<Uint8Array> => {
      let bytes = input
      for (let i = first; i < steps.length; i++) {
        const { here, there } = steps[i]!
        const coming = there?.(bytes, limit)
        if (coming !== undefined) {
          return coming.then((out) => {
            freeBetween(stored, bytes, out)
            return decodeFrom(i + 1, out)
          })
        }
        const out = here(bytes, limit)
        freeBetween(stored, bytes, out)
        bytes = out
      }
      return bytes
    }
    return decodeFrom(0, stored)
  }
}

/** The decoder of a block: that of blocks under this cipher, when the packing knows the cipher of each block. */
export type BlockDecoders = (cipher?: KernelSpec<"encrypt">) => BlockDecoder

/**
 * Makes the decoders of blocks. Given a cipher, a decoder undoes that before the kernels of `specs`. Each is made once,
 * and kept for as long as the spec of its cipher is.
 */
export const makeBlockDecoders = (
  specs: ReadonlyArray<KernelSpec>,
  table: KernelTable,
  beside: BesideTable,
): BlockDecoders => {
  const plain = makeBlockDecoder(specs, table, beside)
  const made = new WeakMap<KernelSpec, BlockDecoder>()
  return (cipher) => {
    if (cipher === undefined) return plain
    let decoder = made.get(cipher)
    if (decoder === undefined) made.set(cipher, decoder = makeBlockDecoder([cipher, ...specs], table, beside))
    return decoder
  }
}

/** Frees what one decoder left to the next, but never what the caller has. */
const freeBetween = (stored: Uint8Array, input: Uint8Array, output: Uint8Array): void => {
  if (input.buffer !== stored.buffer && input.buffer !== output.buffer) release(input)
}
