/** Envelopes: data that is compressed, encrypted and authenticated as one. SPEC.md, "Envelope". */
import { concat } from "effect/Bytes"
import { gunzip } from "../../stages/compress/gunzip.ts"
import { overLimit } from "../../stages/compress/errors.ts"
import { forged, NONCE_BYTES } from "../../stages/encrypt/aead.ts"
import { TwofishCounter } from "../../stages/encrypt/twofish.ts"
import { MAC_BYTES, sameCode, TWOFISH } from "../../stages/encrypt/twofish256ctr.ts"
import type { Transform } from "../../stages/kernel/frames.ts"
import type { Compressor } from "../../stages/kernel/kernel.ts"
import type { Keys } from "./keys.ts"
import { makeNonce } from "./kinds.ts"

/** Bytes of the header. */
const HEADER_BYTES = 8
/** Bytes that an envelope adds to its data when it does not compress them. */
export const OVERHEAD: number = NONCE_BYTES + HEADER_BYTES + MAC_BYTES
/** Bytes of data that are compressed at once: a member of the gzip file. */
const PIECE_BYTES = 1 << 20
/** Shorter data does not get shorter by gzip, and trying takes long. */
const WORTH_BYTES = 128
/** Adaptive compression has to save this share of the first piece. */
const WORTH_SHARE = 1 / 32
/** The position of the compression in the header, and its values. */
const COMPRESSION_AT = 3
const NONE = 0
const GZIP = 1

/** How to make an envelope. */
export interface EncodeOptions {
  /** Compresses. With `adaptive`, only if the first MiB shows that it pays. */
  readonly gzip?: { readonly kernel: Compressor; readonly adaptive: boolean }
  /** A fresh random one by default. No nonce may be used twice with one key. */
  readonly nonce?: Uint8Array
}

/** Starts to make an envelope of the data that is pushed. The pieces that it returns are fresh. */
export const startEncoder = (keys: Keys, { gzip, nonce = makeNonce(keys) }: EncodeOptions = {}): Transform => {
  const counter = new TwofishCounter(keys.cipher, nonce)
  const mac = keys.startMac()
  let compress = gzip?.kernel
  let started = false
  let held: Array<Uint8Array> = []
  let length = 0
  /** Encrypts in place. */
  const encrypt = (bytes: Uint8Array): Uint8Array => {
    counter.apply(bytes)
    mac.update(bytes)
    return bytes
  }
  const start = (compression: number): Array<Uint8Array> => {
    started = true
    const header = new Uint8Array(HEADER_BYTES)
    header[COMPRESSION_AT] = compression
    mac.update(nonce)
    return [nonce.slice(), encrypt(header)]
  }
  const flush = (): Array<Uint8Array> => {
    const piece = concat(held)
    held = []
    length = 0
    const isWorth = started || gzip?.adaptive !== true || piece.length >= WORTH_BYTES
    const packed = isWorth ? compress?.encode(piece) : undefined
    if (packed === undefined || (!started && gzip!.adaptive && packed.length > piece.length * (1 - WORTH_SHARE))) {
      compress = undefined
      return [...(started ? [] : start(NONE)), ...(piece.length > 0 ? [encrypt(piece)] : [])]
    }
    return [...(started ? [] : start(GZIP)), encrypt(packed.slice())]
  }
  return {
    push: (bytes) => {
      const out: Array<Uint8Array> = []
      for (let at = 0; at < bytes.length;) {
        const part = bytes.slice(at, at + PIECE_BYTES - length)
        held.push(part)
        length += part.length
        at += part.length
        if (length === PIECE_BYTES) out.push(...flush())
      }
      return out
    },
    end: () => [...(length > 0 || !started ? flush() : []), mac.digest()],
  }
}

/**
 * Starts to decode an envelope. It gives data before the MAC at the end is verified, so it is only for envelopes whose
 * blocks were compared with their names. Throws KernelError: `forged`; `limit` when the data has more than `limit`
 * bytes; `corrupt` when it does not decompress.
 */
export const startDecoder = (keys: Keys, limit: number = Infinity): Transform => {
  const mac = keys.startMac()
  let counter: TwofishCounter | undefined
  let unzip: Transform | undefined
  let length = 0
  /**
   * Bytes that are not decoded yet: everything before the header is found, then those that may be the MAC at the end.
   */
  let held: Uint8Array = new Uint8Array(0)
  /** The MAC, when it comes first. */
  let first: Uint8Array | undefined

  const start = (): void => {
    const found = headerAt(keys, held, 0) ?? headerAt(keys, held, MAC_BYTES)
    if (found === undefined) throw forged(TWOFISH)
    const { at } = found
    if (at > 0) first = held.slice(0, at)
    if (found.compression === GZIP) unzip = gunzip(limit)
    counter = found.counter
    mac.update(held.subarray(at, at + NONCE_BYTES + HEADER_BYTES))
    held = held.slice(at + NONCE_BYTES + HEADER_BYTES)
  }
  const decode = (ciphertext: Uint8Array): ReadonlyArray<Uint8Array> => {
    if (ciphertext.length === 0) return []
    mac.update(ciphertext)
    const plain = ciphertext.slice()
    counter!.apply(plain)
    if (unzip !== undefined) return unzip.push(plain)
    length += plain.length
    if (length > limit) throw overLimit("stored", limit)
    return [plain]
  }
  return {
    push: (bytes) => {
      held = held.length === 0 ? bytes.slice() : concat([held, bytes])
      if (counter === undefined) {
        if (held.length < OVERHEAD) return []
        start()
      }
      const end = Math.max(0, held.length - (first === undefined ? MAC_BYTES : 0))
      const out = decode(held.subarray(0, end))
      held = held.slice(end)
      return out
    },
    end: () => {
      if (counter === undefined || !sameCode(mac.digest(), first ?? held)) throw forged(TWOFISH)
      return unzip?.end() ?? []
    },
  }
}

/** Decrypts the header behind a nonce at `at`. Undefined when what is there is not a header. */
const headerAt = (
  keys: Keys,
  bytes: Uint8Array,
  at: number,
): { readonly at: number; readonly compression: number; readonly counter: TwofishCounter } | undefined => {
  const header = bytes.slice(at + NONCE_BYTES, at + NONCE_BYTES + HEADER_BYTES)
  if (header.length < HEADER_BYTES) return undefined
  const counter = new TwofishCounter(keys.cipher, bytes.subarray(at, at + NONCE_BYTES))
  counter.apply(header)
  const compression = header[COMPRESSION_AT]!
  header[COMPRESSION_AT] = 0
  return compression <= GZIP && header.every((byte) => byte === 0) ? { at, compression, counter } : undefined
}

/** Makes an envelope of data in memory. */
export const encodeEnvelope = (keys: Keys, data: Uint8Array, options: EncodeOptions = {}): Uint8Array => {
  const encoder = startEncoder(keys, options)
  return concat([...encoder.push(data), ...encoder.end()])
}

/**
 * Decodes an envelope in memory, wherever it comes from: its MAC is verified before anything is decrypted. Throws
 * KernelError as {@link startDecoder} does.
 */
export const decodeEnvelope = (keys: Keys, envelope: Uint8Array, limit: number): Uint8Array => {
  const macOf = (from: number, to: number): Uint8Array => {
    const state = keys.startMac()
    state.update(envelope.subarray(from, to))
    return state.digest()
  }
  const end = envelope.length - MAC_BYTES
  if (
    envelope.length < OVERHEAD ||
    (!sameCode(macOf(0, end), envelope.subarray(end)) &&
      !sameCode(macOf(MAC_BYTES, envelope.length), envelope.subarray(0, MAC_BYTES)))
  ) throw forged(TWOFISH)
  const decoder = startDecoder(keys, limit)
  return concat([...decoder.push(envelope), ...decoder.end()])
}
