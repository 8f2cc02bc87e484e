/**
 * Kernels that find out when they are faulty. All that a backup keeps went through kernels, and a fault of one shows at
 * the restore, when it is too late; so what a kernel gives is checked where it gives it.
 *
 * Of every kernel: that cuts lie where they may, IDs have their length, sealed messages have theirs, and that it throws
 * nothing but KernelError. Of one that is not {@link trusted}, besides: it works on copies, so that it can neither
 * change content nor keep memory of others; what it compressed or sealed is decoded and compared; and hashers name some
 * messages before the first that counts. What cannot be afforded: that a hasher never gives two contents one name, that
 * a cipher keeps a secret, and the word of trusted kernels.
 */
import { concat } from "effect/Bytes"
import type { Chunker, Cipher, Compressor, Hasher, KernelOf, KernelStage } from "./kernel.ts"
import { KernelError } from "./error.ts"
import { isTrusted, trusted } from "./trusted.ts"

/** Length of every chunk ID, in bytes. All hashers make IDs of this length. */
export const ID_BYTES = 32

/** No chunk is longer, in bytes. */
const LONGEST_CHUNK = 2 ** 30

/** What a kernel is called in messages. */
interface Name {
  readonly stage: KernelStage
  readonly name: string
}

const KINDS = { chunk: "chunker", hash: "hasher", compress: "compressor", encrypt: "cipher" } as const

/** What `make` makes, checked. Throws KernelError `faulty` when it makes nothing. */
export const checked = <S extends KernelStage>(
  of: Name & { readonly stage: S },
  make: () => KernelOf[S],
): KernelOf[S] => {
  let kernel: KernelOf[S]
  try {
    kernel = make()
  } catch (cause) {
    throw thrown(of, cause)
  }
  if (typeof kernel !== "object" || kernel === null) throw faulty(of, `what makes it gave ${kernel}`)
  return checks[of.stage](of, kernel)
}

const checks: { readonly [S in KernelStage]: (of: Name, kernel: KernelOf[S]) => KernelOf[S] } = {
  chunk: (of, kernel) => isTrusted(kernel) ? trusted(checkedChunker(of, kernel)) : checkedChunker(of, kernel),
  hash: (of, kernel) => isTrusted(kernel) ? checkedHasher(of, kernel) : provenHasher(of, kernel),
  compress: (of, kernel) => isTrusted(kernel) ? checkedCompressor(of, kernel) : provenCompressor(of, kernel),
  encrypt: (of, kernel) => isTrusted(kernel) ? checkedCipher(of, kernel) : provenCipher(of, kernel),
}

const faulty = ({ name, stage }: Name, what: string, cause?: unknown): KernelError =>
  new KernelError({
    kernel: name,
    reason: "faulty",
    message: `The ${KINDS[stage]} ${name} is faulty: ${what}. Correct it, or use another`,
    cause,
  })

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** What was thrown, as KernelError. */
const thrown = (of: Name, cause: unknown): KernelError =>
  cause instanceof KernelError ? cause : faulty(of, `it failed with "${messageOf(cause)}"`, cause)

const bytesOf = (of: Name, value: unknown): Uint8Array => {
  if (value instanceof Uint8Array) return value
  throw faulty(
    of,
    `it gave ${value === null ? "null" : typeof value === "object" ? "an object" : typeof value} for bytes`,
  )
}

const same = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

// Chunkers

/** Whoever asks gives one that is not trusted a copy of the content: only it knows how often that is worth while. */
const checkedChunker = (of: Name, kernel: Chunker): Chunker => {
  const { followsExtents, maximum } = kernel
  if (!Number.isInteger(maximum) || maximum < 1 || maximum > LONGEST_CHUNK) {
    throw faulty(of, `its longest chunk has ${maximum} bytes, which must be an integer from 1 to ${LONGEST_CHUNK}`)
  }
  return {
    maximum,
    cut: (bytes, from, to) => {
      let end: number
      try {
        end = kernel.cut(bytes, from, to)
      } catch (cause) {
        throw thrown(of, cause)
      }
      if (end > from && end <= to && end - from <= maximum && Number.isInteger(end)) return end
      throw faulty(
        of,
        `it ended a chunk at ${end}, which must be an integer from ${from + 1} to ${Math.min(to, from + maximum)}`,
      )
    },
    ...(followsExtents === undefined ? {} : { followsExtents }),
  }
}

// Hashers

const idOf = (of: Name, id: Uint8Array): Uint8Array => {
  if (id instanceof Uint8Array && id.length === ID_BYTES) return id
  throw faulty(of, `its name for content has ${bytesOf(of, id).length} bytes, which must have ${ID_BYTES}`)
}

const checkedHasher = (of: Name, kernel: Hasher): Hasher => {
  const attempt = <A>(run: () => A): A => {
    try {
      return run()
    } catch (cause) {
      throw thrown(of, cause)
    }
  }
  return {
    digest: (bytes) => {
      let id: Uint8Array
      try {
        id = kernel.digest(bytes)
      } catch (cause) {
        throw thrown(of, cause)
      }
      return idOf(of, id)
    },
    create: () => {
      const state = attempt(() => kernel.create())
      return {
        update: (bytes) => attempt(() => state.update(bytes)),
        digest: () => idOf(of, attempt(() => state.digest())),
      }
    },
  }
}

const provenHasher = (of: Name, kernel: Hasher): Hasher => {
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

/** Names messages that differ in little, and one in pieces. */
const proveHasher = (of: Name, hasher: Hasher): void => {
  const message = new Uint8Array(100_003)
  const changed = (at: number): Uint8Array => {
    const other = message.slice()
    other[at]! ^= 1
    return other
  }
  const id = hasher.digest(message)
  for (const other of [changed(0), changed(message.length - 1), message.subarray(1), new Uint8Array(0)]) {
    if (same(hasher.digest(other), id)) throw faulty(of, "it gives different contents one name")
  }
  const state = hasher.create()
  for (const [from, to] of [[0, 1], [1, 70_001], [70_001, message.length]]) state.update(message.subarray(from, to))
  if (!same(hasher.digest(message), id) || !same(state.digest(), id)) throw faulty(of, "it gives one content two names")
}

// Compressors

const checkedCompressor = (of: Name, kernel: Compressor): Compressor => ({
  encode: (bytes) => {
    let out: Uint8Array
    try {
      out = kernel.encode(bytes)
    } catch (cause) {
      throw thrown(of, cause)
    }
    return bytesOf(of, out)
  },
  decode: (bytes, limit) => {
    let out: Uint8Array
    try {
      out = kernel.decode(bytes, limit)
    } catch (cause) {
      throw thrown(of, cause)
    }
    if (bytesOf(of, out).length > limit) throw faulty(of, `it decoded ${out.length} bytes, and was allowed ${limit}`)
    return out
  },
})

/** What a compressor may make of so many bytes: for a frame of 1 MiB as much as readers of frames take. */
const longestOutput = (length: number): number => length + (length >>> 5) + (32 << 10)

const provenCompressor = (of: Name, kernel: Compressor): Compressor => {
  const inner = checkedCompressor(of, kernel)
  return {
    encode: (bytes) => {
      const out = inner.encode(bytes.slice()).slice()
      if (out.length > longestOutput(bytes.length)) {
        throw faulty(of, `it made ${out.length} bytes of ${bytes.length}, more than may be stored`)
      }
      prove(of, bytes, () => inner.decode(out.slice(), bytes.length))
      return out
    },
    decode: (bytes, limit) => inner.decode(bytes.slice(), limit).slice(),
  }
}

/** Decodes what was encoded, and compares. */
const prove = (of: Name, bytes: Uint8Array, decode: () => Uint8Array): void => {
  let back: Uint8Array
  try {
    back = decode()
  } catch (cause) {
    throw faulty(of, `it cannot decode what it made of ${bytes.length} bytes (${messageOf(cause)})`, cause)
  }
  if (!same(back, bytes)) {
    throw faulty(of, `what it made of ${bytes.length} bytes decodes to ${back.length} bytes that are not the same`)
  }
}

// Ciphers

const sealedBy = (of: Name, { overhead }: Cipher, length: number, sealed: Uint8Array): Uint8Array => {
  if (bytesOf(of, sealed).length === length + overhead) return sealed
  throw faulty(of, `it made ${sealed.length} bytes of ${length}, which must be ${overhead} more, its overhead`)
}

const checkedCipher = (of: Name, kernel: Cipher): Cipher => {
  const { overhead } = kernel
  return {
    overhead,
    seal: (bytes, aad) => {
      let sealed: Uint8Array
      try {
        sealed = kernel.seal(bytes, aad)
      } catch (cause) {
        throw thrown(of, cause)
      }
      return sealedBy(of, kernel, bytes.length, sealed)
    },
    ...(kernel.sealLater === undefined ? {} : {
      sealLater: async (bytes: Uint8Array, aad?: Uint8Array) => {
        let sealed: Uint8Array
        try {
          sealed = await kernel.sealLater!(bytes, aad)
        } catch (cause) {
          throw thrown(of, cause)
        }
        return sealedBy(of, kernel, bytes.length, sealed)
      },
    }),
    open: (bytes, aad) => {
      let opened: Uint8Array
      try {
        opened = kernel.open(bytes, aad)
      } catch (cause) {
        throw thrown(of, cause)
      }
      if (bytesOf(of, opened).length === bytes.length - overhead) return opened
      throw faulty(
        of,
        `it opened ${bytes.length} bytes to ${opened.length}, which must be ${overhead} less, its overhead`,
      )
    },
  }
}

const provenCipher = (of: Name, kernel: Cipher): Cipher => {
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

/** A cipher whose nonces are the caller's; `undefined` when it does not open. */
interface NonceCipher {
  readonly seal: (nonce: Uint8Array, bytes: Uint8Array, aad: Uint8Array) => ReadonlyArray<Uint8Array>
  readonly open: (nonce: Uint8Array, sealed: Uint8Array, aad: Uint8Array) => Uint8Array | undefined
}

/** Its `seal`; when it is not trusted, one that opens again what it sealed. Throws KernelError `faulty`. */
export const provenSeal = (name: string, cipher: NonceCipher): NonceCipher["seal"] => {
  if (isTrusted(cipher)) return cipher.seal
  const of: Name = { stage: "encrypt", name }
  return (nonce, bytes, aad) => {
    let sealed: Uint8Array
    try {
      sealed = concat(cipher.seal(nonce.slice(), bytes.slice(), aad.slice()))
    } catch (cause) {
      throw thrown(of, cause)
    }
    prove(of, bytes, () => bytesOf(of, cipher.open(nonce.slice(), sealed.slice(), aad.slice())))
    return [sealed]
  }
}
