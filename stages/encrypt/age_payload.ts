/**
 * The payload of an age file (https://age-encryption.org/v1, "Payload"): a nonce of 16 bytes, then chunks of 64 KiB,
 * each sealed by ChaCha20-Poly1305 with its number, and whether it is the last, in the nonce. In bounded memory, for
 * content of any size.
 */
import { hkdf } from "@noble/hashes/hkdf.js"
import { sha256 } from "@noble/hashes/sha2.js"
import * as Context from "effect/Context"
import { provenSeal } from "../kernel/proofs.ts"
import type { Transform } from "../kernel/frames.ts"
import { KernelError } from "../kernel/kernel.ts"
import { type NonceCipher, TAG_BYTES } from "./aead.ts"
import { portableChacha } from "./chacha20poly1305.ts"

/** Bytes of content in a chunk; the last may be shorter, and is empty only when the content is. */
const CHUNK_BYTES = 64 << 10
/** Bytes of the nonce before the chunks. */
export const PAYLOAD_NONCE_BYTES = 16

/** Bytes of the payload of so much content, with its nonce. */
export const payloadBytes = (content: number): number =>
  PAYLOAD_NONCE_BYTES + content + TAG_BYTES * Math.max(1, Math.ceil(content / CHUNK_BYTES))

/** Makes ChaCha20-Poly1305 (RFC 8439) under a key of 32 bytes. */
export type MakePayloadCipher = (key: Uint8Array) => NonceCipher

/** The implementation in use; the portable one by default. */
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

/** Hands pieces of up to `size` bytes to `take`, all but the last, which stays until it is known whether more comes. */
const cut = (size: number, take: (piece: Uint8Array) => void) => {
  // Grows to its full size, since most contents are small.
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

/** Content to payload, under a file key of 16 bytes. */
export const sealPayload = (make: MakePayloadCipher, fileKey: Uint8Array): Transform => {
  const nonce = crypto.getRandomValues(new Uint8Array(PAYLOAD_NONCE_BYTES))
  const seal = provenSeal(NAME, cipherFor(make, fileKey, nonce))
  let number = 0
  let out: Array<Uint8Array> = [nonce]
  const pieces = cut(CHUNK_BYTES, (piece) => void out.push(...seal(nonceOf(number++, false), piece, NO_AAD)))
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

/** A payload that is being opened. */
export interface OpenPayload extends Transform {
  /**
   * After `push` or `end` has failed: where in the payload the first chunk begins that was not opened. What was pushed
   * from there on is forgotten, to be pushed again.
   */
  readonly rewind: () => number
}

/**
 * Payload to content. What `push` gives is authentic, but the whole only when `end` does not fail. Throws KernelError
 * `forged` for a chunk that was altered, left out or moved, and for a payload that is cut off or goes on after its end.
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
  const pieces = cut(CHUNK_BYTES + TAG_BYTES, (piece) => {
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
      // The nonce may be what was wrong, as long as it has opened nothing.
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
