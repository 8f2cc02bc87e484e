/** Envelopes: what is encrypted and authenticated as one. SPEC.md, "Envelope". */
import { concat } from "effect/Bytes"
import { gunzip } from "../../stages/compress/gunzip.ts"
import { overLimit } from "../../stages/compress/errors.ts"
import { forged, NONCE_BYTES } from "../../stages/encrypt/aead.ts"
import { TwofishCounter } from "../../stages/encrypt/twofish.ts"
import { MAC_BYTES, NAME, sameCode, type TwofishSecret } from "../../stages/encrypt/twofish256ctr.ts"
import type { Transform } from "../../stages/kernel/frames.ts"
import { hmac } from "../../stages/hash/hmac.ts"
import type { Compressor, Hasher } from "../../stages/kernel/kernel.ts"

/** Bytes of the header. */
export const HEADER_BYTES = 8
/** Bytes that an envelope adds to its data, when that is not compressed. */
export const OVERHEAD: number = NONCE_BYTES + HEADER_BYTES + MAC_BYTES
/** Data that is compressed at once: a member of the gzip file. */
const PIECE_BYTES = 1 << 20
/** Shorter data does not get shorter by it, and trying takes long. */
const WORTH_BYTES = 128
/** The position of the compression in the header, and its values. */
const COMPRESSION_AT = 3
const NONE = 0
const GZIP = 1

/** The keys of a share, made ready. */
export interface Keys extends TwofishSecret {
  /** Starts a code over an envelope. */
  readonly code: Hasher["create"]
}

export const makeKeys = (secret: TwofishSecret): Keys => ({ ...secret, code: hmac(secret.hasher, secret.mac) })

/** Kinds of envelopes that content must not be mistaken for: their nonces say so. */
export type Kind = "root" | "share"

/** A fresh nonce; of an envelope of a kind, its last 8 bytes are a code over the others. SPEC.md, "Kinds". */
export const makeNonce = (keys: Keys, kind?: Kind): Uint8Array => {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  if (kind !== undefined) nonce.set(kindCode(keys, kind, nonce), 16)
  return nonce
}

/** Whether the envelope with this nonce, if it is authentic, was made as one of the kind. */
export const isKind = (keys: Keys, kind: Kind, nonce: Uint8Array): boolean =>
  nonce.length >= NONCE_BYTES && sameCode(kindCode(keys, kind, nonce), nonce.subarray(16, NONCE_BYTES))

const kindCode = (keys: Keys, kind: Kind, nonce: Uint8Array): Uint8Array => {
  const state = keys.code()
  state.update(new TextEncoder().encode(`FogSync ${kind}`))
  state.update(nonce.subarray(0, 16))
  return state.digest().subarray(0, 8)
}

/** How to seal. */
export interface EncodeOptions {
  /** Compresses; `adaptive`: unless the first MiB shows that it does not pay. */
  readonly gzip?: { readonly kernel: Compressor; readonly adaptive: boolean }
  /** Must never be used twice with one key. A fresh random one by default. */
  readonly nonce?: Uint8Array
}

/** Data to an envelope, in fresh pieces. */
export const startEncoder = (keys: Keys, { gzip, nonce = makeNonce(keys) }: EncodeOptions = {}): Transform => {
  const counter = new TwofishCounter(keys.cipher, nonce)
  const code = keys.code()
  let compress = gzip?.kernel
  let started = false
  let held: Array<Uint8Array> = []
  let length = 0
  /** `bytes` are fresh. */
  const encrypt = (bytes: Uint8Array): Uint8Array => {
    counter.apply(bytes)
    code.update(bytes)
    return bytes
  }
  const start = (compression: number): Array<Uint8Array> => {
    started = true
    const header = new Uint8Array(HEADER_BYTES)
    header[COMPRESSION_AT] = compression
    code.update(nonce)
    return [nonce.slice(), encrypt(header)]
  }
  const flush = (): Array<Uint8Array> => {
    const piece = concat(held)
    held = []
    length = 0
    const isWorth = started || gzip?.adaptive !== true || piece.length >= WORTH_BYTES
    const packed = isWorth ? compress?.encode(piece) : undefined
    if (packed === undefined || (!started && gzip!.adaptive && packed.length > piece.length * (1 - 1 / 32))) {
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
    end: () => [...(length > 0 || !started ? flush() : []), code.digest()],
  }
}

/**
 * An envelope to its data. Gives data before the code at the end is verified: only for envelopes whose every byte is
 * known to be what the share's own writer stored, because each block was compared with its name. Throws KernelError:
 * `forged`, or `limit` when the data has more than `limit` bytes, or `corrupt` when it does not decompress.
 */
export const startDecoder = (keys: Keys, limit: number = Infinity): Transform => {
  const code = keys.code()
  let counter: TwofishCounter | undefined
  let unzip: Transform | undefined
  let length = 0
  /** Bytes that are not done with: all before the start, then those that may be the code at the end. */
  let held: Uint8Array = new Uint8Array(0)
  /** The code at the start, when it is there. */
  let first: Uint8Array | undefined

  const start = (): void => {
    const found = headerAt(keys, held, 0) ?? headerAt(keys, held, MAC_BYTES)
    if (found === undefined) throw forged(NAME)
    const { at } = found
    if (at > 0) first = held.slice(0, at)
    if (found.compression === GZIP) unzip = gunzip(limit)
    counter = found.counter
    code.update(held.subarray(at, at + NONCE_BYTES + HEADER_BYTES))
    held = held.slice(at + NONCE_BYTES + HEADER_BYTES)
  }
  const data = (ciphertext: Uint8Array): ReadonlyArray<Uint8Array> => {
    if (ciphertext.length === 0) return []
    code.update(ciphertext)
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
      const out = data(held.subarray(0, end))
      held = held.slice(end)
      return out
    },
    end: () => {
      if (counter === undefined || !sameCode(code.digest(), first ?? held)) throw forged(NAME)
      return unzip?.end() ?? []
    },
  }
}

/**
 * What the header behind the nonce at `at` says, and the counter for the data; undefined when what is there is no
 * header.
 */
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

/** Data that is at hand, sealed. */
export const encodeEnvelope = (keys: Keys, data: Uint8Array, options: EncodeOptions = {}): Uint8Array => {
  const transform = startEncoder(keys, options)
  return concat([...transform.push(data), ...transform.end()])
}

/**
 * The data of an envelope at hand, wherever it comes from: authenticated before anything is decrypted. Throws
 * KernelError as {@link startDecoder} does.
 */
export const decodeEnvelope = (keys: Keys, envelope: Uint8Array, limit: number): Uint8Array => {
  const code = (from: number, to: number): Uint8Array => {
    const state = keys.code()
    state.update(envelope.subarray(from, to))
    return state.digest()
  }
  const end = envelope.length - MAC_BYTES
  if (
    envelope.length < OVERHEAD ||
    (!sameCode(code(0, end), envelope.subarray(end)) &&
      !sameCode(code(MAC_BYTES, envelope.length), envelope.subarray(0, MAC_BYTES)))
  ) throw forged(NAME)
  const transform = startDecoder(keys, limit)
  return concat([...transform.push(envelope), ...transform.end()])
}
