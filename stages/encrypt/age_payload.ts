/**
 * The payload of an age file (https://age-encryption.org/v1, "Payload"): a nonce of 16 bytes, then chunks of 64 KiB.
 * ChaCha20-Poly1305 seals each chunk; its nonce has the number of the chunk and whether it is the last. Takes content
 * of any size, in bounded memory.
 */
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import * as Context from "effect/Context"
import { provenSeal } from "../kernel/proofs.ts"
import type { Transform } from "../kernel/frames.ts"
import { KernelError } from "../kernel/kernel.ts"
import { type NonceCipher, TAG_BYTES } from "./aead.ts"
import { portableChacha } from "./chacha20poly1305.ts"

/** Bytes of content in a chunk. The last chunk may have fewer; it is empty only when the content is empty. */
const CHUNK_BYTES = 64 << 10
/** Bytes of the nonce at the start of a payload. */
export const PAYLOAD_NONCE_BYTES = 16

/** Bytes of the payload of this much content, nonce included. */
export const payloadBytes = (content: number): number =>
  PAYLOAD_NONCE_BYTES + content + TAG_BYTES * Math.max(1, Math.ceil(content / CHUNK_BYTES))

/** Makes a ChaCha20-Poly1305 (RFC 8439) under a key of 32 bytes. */
export type MakePayloadCipher = (key: Uint8Array) => NonceCipher

/**
 * The cipher of age payloads in use: the format zprt encrypts with it. By default the portable one.
 *
 * @example Use the faster cipher of the runtime
 * ```ts
 * import assert from "node:assert"
 * import { AgePayloadCipher } from "@penstock/penstock"
 * import { nativeAgePayload } from "@penstock/penstock/adapters"
 * import { Effect } from "effect"
 *
 * const inUse = Effect.provideService(AgePayloadCipher, AgePayloadCipher, nativeAgePayload)
 * assert.equal(await Effect.runPromise(inUse), nativeAgePayload)
 * ```
 */
export const AgePayloadCipher: Context.Reference<MakePayloadCipher> = Context.Reference<MakePayloadCipher>(
  "penstock/AgePayloadCipher",
  { defaultValue: () => portableChacha },
)

const NAME = "age"
const NO_AAD = new Uint8Array(0)

const cipherFor = (make: MakePayloadCipher, fileKey: Uint8Array, nonce: Uint8Array): NonceCipher =>
  make(hkdf(sha256, fileKey, nonce, new TextEncoder().encode("payload"), 32))

/** The nonce of a chunk. */
const nonceOf = (number: number, last: boolean): Uint8Array => {
  const nonce = new Uint8Array(12)
  const view = new DataView(nonce.buffer)
  view.setUint32(3, Math.floor(number / 0x100000000))
  view.setUint32(7, number >>> 0)
  nonce[11] = last ? 1 : 0
  return nonce
}

/**
 * Cuts what is pushed into pieces of `size` bytes and hands them to `take`. Holds back the last piece, which may be
 * shorter, until more comes.
 */
const cutInto = (size: number, take: (piece: Uint8Array) => void) => {
  // Grows up to its full size only as needed, because most contents are small.
  let held: Uint8Array = new Uint8Array(0)
  let length = 0
  return {
    push: (bytes: Uint8Array): void => {
      for (let at = 0; at < bytes.length;) {
        if (length === size) {
          take(held.subarray(0, size))
          length = 0
        }
        if (length === 0 && bytes.length - at > size) {
          take(bytes.subarray(at, at + size))
          at += size
          continue
        }
        const part = bytes.subarray(at, at + size - length)
        if (length + part.length > held.length) {
          const grown = new Uint8Array(Math.min(size, Math.max(length + part.length, 4 * held.length)))
          grown.set(held.subarray(0, length))
          held = grown
        }
        held.set(part, length)
        length += part.length
        at += part.length
      }
    },
    rest: (): Uint8Array => held.subarray(0, length),
    drop: (): void => {
      length = 0
    },
  }
}

/** From content to payload, under a file key of 16 bytes. */
export const sealPayload = (make: MakePayloadCipher, fileKey: Uint8Array): Transform => {
  const nonce = crypto.getRandomValues(new Uint8Array(PAYLOAD_NONCE_BYTES))
  const seal = provenSeal(NAME, cipherFor(make, fileKey, nonce))
  let number = 0
  let out: Array<Uint8Array> = [nonce]
  const pieces = cutInto(CHUNK_BYTES, (piece) => void out.push(...seal(nonceOf(number++, false), piece, NO_AAD)))
  const taken = (): ReadonlyArray<Uint8Array> => {
    const all = out
    out = []
    return all
  }
  return {
    push: (bytes) => {
      pieces.push(bytes)
      return taken()
    },
    end: () => {
      out.push(...seal(nonceOf(number, true), pieces.rest(), NO_AAD))
      return taken()
    },
  }
}

/** From payload to content. */
export interface OpenPayload extends Transform {
  /**
   * Call it after `push` or `end` has failed, to try again. Forgets what was pushed from the first chunk on that could
   * not be opened, and returns where that chunk begins in the payload. Push the payload from there again.
   */
  readonly rewind: () => number
}

/**
 * From payload to content, under a file key of 16 bytes. What `push` returns is authentic. The content is complete only
 * when `end` succeeds. Throws KernelError `forged` for a chunk that was altered, left out or moved, and for a payload
 * that is cut off or goes on after its end.
 */
export const openPayload = (make: MakePayloadCipher, fileKey: Uint8Array): OpenPayload => {
  const nonce = new Uint8Array(PAYLOAD_NONCE_BYTES)
  let nonceLength = 0
  let cipher: NonceCipher | undefined
  let number = 0
  const open = (piece: Uint8Array, last: boolean): Uint8Array => {
    let opened: Uint8Array | undefined
    try {
      opened = cipher!.open(nonceOf(number, last), piece, NO_AAD)
    } catch {
      // Its tag does not fit.
    }
    if (opened === undefined) throw altered(`its chunk ${number} is damaged${last ? ", or it is cut off" : ""}`)
    return opened
  }
  let out: Array<Uint8Array> = []
  const pieces = cutInto(CHUNK_BYTES + TAG_BYTES, (piece) => {
    out.push(open(piece, false))
    number++
  })
  return {
    push: (bytes) => {
      let rest = bytes
      if (cipher === undefined) {
        const part = bytes.subarray(0, PAYLOAD_NONCE_BYTES - nonceLength)
        nonce.set(part, nonceLength)
        nonceLength += part.length
        rest = bytes.subarray(part.length)
        if (nonceLength < PAYLOAD_NONCE_BYTES) return []
        cipher = cipherFor(make, fileKey, nonce)
      }
      pieces.push(rest)
      const all = out
      out = []
      return all
    },
    end: () => {
      const rest = pieces.rest()
      if (rest.length < TAG_BYTES) throw altered(`it is cut off in chunk ${number}`)
      const last = open(rest, true)
      if (last.length === 0 && number > 0) throw altered("its last chunk is empty")
      return last.length === 0 ? [] : [last]
    },
    rewind: () => {
      pieces.drop()
      // Before the first chunk was opened, the nonce itself may be wrong.
      if (number === 0) {
        nonceLength = 0
        cipher = undefined
        return 0
      }
      return PAYLOAD_NONCE_BYTES + number * (CHUNK_BYTES + TAG_BYTES)
    },
  }
}

const altered = (how: string): KernelError =>
  new KernelError({ kernel: NAME, reason: "forged", message: `Cannot decrypt an age file: ${how}` })
