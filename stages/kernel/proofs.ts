/** What is checked of kernels that are not trusted, on copies: see `checked.ts`. */
import { concat, Equivalence as same } from "effect/Bytes"
import {
  bytesOf,
  checkedCipher,
  checkedCompressor,
  checkedHasher,
  faulty,
  guard,
  type KernelName,
  messageOf,
} from "./checks.ts"
import type { Cipher, Compressor, Hasher } from "./kinds.ts"
import { isTrusted } from "./trusted.ts"

/** A hasher that is tried before its first use. */
export const provenHasher = (of: KernelName, kernel: Hasher): Hasher => {
  const inner = checkedHasher(of, kernel)
  const copying: Hasher = {
    digest: (bytes) => inner.digest(bytes.slice()).slice(),
    create: () => {
      const state = inner.create()
      return { update: (bytes) => state.update(bytes.slice()), digest: () => state.digest().slice() }
    },
  }
  let proven = false
  const hasher = (): Hasher => {
    if (!proven) proveHasher(of, copying)
    proven = true
    return copying
  }
  return { digest: (bytes) => hasher().digest(bytes), create: () => hasher().create() }
}

/** Names messages that differ a little, and one message in pieces. */
const proveHasher = (of: KernelName, hasher: Hasher): void => {
  const message = new Uint8Array(100_003)
  const changed = (at: number): Uint8Array => {
    const other = message.slice()
    other[at]! ^= 1
    return other
  }
  const id = hasher.digest(message)
  for (const other of [changed(0), changed(message.length - 1), message.subarray(1), new Uint8Array(0)]) {
    if (same(hasher.digest(other), id)) throw faulty(of, "it gives different contents the same ID")
  }
  const state = hasher.create()
  for (const [from, to] of [[0, 1], [1, 70_001], [70_001, message.length]]) state.update(message.subarray(from, to))
  if (!same(hasher.digest(message), id) || !same(state.digest(), id)) {
    throw faulty(of, "it gives the same content different IDs")
  }
}

/** The longest that a compressor may make of some bytes. For a frame of 1 MiB, it is what readers of frames take. */
const longestOutput = (length: number): number => length + (length >>> 5) + (32 << 10)

/** A compressor whose every output is decoded again. */
export const provenCompressor = (of: KernelName, kernel: Compressor): Compressor => {
  const inner = checkedCompressor(of, kernel)
  return {
    encode: (bytes) => {
      const out = inner.encode(bytes.slice()).slice()
      if (out.length > longestOutput(bytes.length)) {
        throw faulty(of, `it made ${out.length} bytes of ${bytes.length}; that is too long to be stored`)
      }
      prove(of, bytes, () => inner.decode(out.slice(), bytes.length))
      return out
    },
    decode: (bytes, limit) => inner.decode(bytes.slice(), limit).slice(),
  }
}

/** Decodes what was encoded, and compares. */
const prove = (of: KernelName, bytes: Uint8Array, decode: () => Uint8Array): void => {
  let back: Uint8Array
  try {
    back = decode()
  } catch (cause) {
    throw faulty(of, `it cannot decode what it made of ${bytes.length} bytes (${messageOf(cause)})`, cause)
  }
  if (!same(back, bytes)) {
    throw faulty(of, `what it made of ${bytes.length} bytes decodes to ${back.length} other bytes`)
  }
}

/** A cipher whose every sealed message is opened again. */
export const provenCipher = (of: KernelName, kernel: Cipher): Cipher => {
  const { sealLater, ...inner } = checkedCipher(of, kernel)
  const proven = (sealed: Uint8Array, bytes: Uint8Array, aad: Uint8Array | undefined): Uint8Array => {
    const out = sealed.slice()
    prove(of, bytes, () => inner.open(out.slice(), aad?.slice()))
    return out
  }
  return {
    overhead: inner.overhead,
    seal: (bytes, aad) => proven(inner.seal(bytes.slice(), aad?.slice()), bytes, aad),
    ...(sealLater === undefined ? {} : {
      sealLater: async (bytes: Uint8Array, aad?: Uint8Array) =>
        proven(await sealLater(bytes.slice(), aad?.slice()), bytes, aad),
    }),
    open: (bytes, aad) => inner.open(bytes.slice(), aad?.slice()).slice(),
  }
}

/** A cipher whose caller chooses the nonces. */
interface NonceCipher {
  readonly seal: (nonce: Uint8Array, bytes: Uint8Array, aad: Uint8Array) => ReadonlyArray<Uint8Array>
  /** Undefined when the message is not authentic. */
  readonly open: (nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array) => Uint8Array | undefined
}

/**
 * The `seal` of such a cipher. Unless the cipher is trusted, each sealed message is opened again. Throws KernelError
 * `faulty`.
 */
export const provenSeal = (name: string, cipher: NonceCipher): NonceCipher["seal"] => {
  if (isTrusted(cipher)) return cipher.seal
  const of: KernelName = { stage: "encrypt", name }
  return (nonce, bytes, aad) => {
    const sealed = guard(of, () => concat(cipher.seal(nonce.slice(), bytes.slice(), aad.slice())))
    prove(of, bytes, () => bytesOf(of, cipher.open(nonce.slice(), sealed.slice(), aad.slice())))
    return [sealed]
  }
}
