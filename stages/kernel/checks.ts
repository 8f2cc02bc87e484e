/** What is checked of every kernel, with a comparison or two: see `checked.ts`. */
import { KernelError } from "./error.ts"
import type { Chunker, Cipher, Compressor, Hasher, KernelStage } from "./kinds.ts"

/** Length of every chunk ID, in bytes. All hashers make IDs of this length. */
export const ID_BYTES = 32

/** No chunk is longer, in bytes. */
const LONGEST_CHUNK = 2 ** 30

/** What a kernel is called in messages. */
export interface Name {
  readonly stage: KernelStage
  readonly name: string
}

const KINDS = { chunk: "chunker", hash: "hasher", compress: "compressor", encrypt: "cipher" } as const

/** The KernelError of a kernel that is faulty: what it does, in words. */
export const faulty = ({ name, stage }: Name, what: string, cause?: unknown): KernelError =>
  new KernelError({
    kernel: name,
    reason: "faulty",
    message: `The ${KINDS[stage]} ${name} is faulty: ${what}. Correct it, or use another`,
    cause,
  })

/** What was thrown, in words. */
export const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** What was thrown, as KernelError. */
export const thrown = (of: Name, cause: unknown): KernelError =>
  cause instanceof KernelError ? cause : faulty(of, `it failed with "${messageOf(cause)}"`, cause)

/** The value, when it is bytes. Throws KernelError `faulty`. */
export const bytesOf = (of: Name, value: unknown): Uint8Array => {
  if (value instanceof Uint8Array) return value
  throw faulty(
    of,
    `it gave ${value === null ? "null" : typeof value === "object" ? "an object" : typeof value} for bytes`,
  )
}

/** Whoever asks gives one that is not trusted a copy of the content: only it knows how often that is worth while. */
export const checkedChunker = (of: Name, kernel: Chunker): Chunker => {
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
      if (Number.isInteger(end) && end > from && end <= to && end - from <= maximum) return end
      throw faulty(
        of,
        `it ended a chunk at ${end}, which must be an integer from ${from + 1} to ${Math.min(to, from + maximum)}`,
      )
    },
    ...(followsExtents === undefined ? {} : { followsExtents }),
  }
}

const idOf = (of: Name, id: Uint8Array): Uint8Array => {
  if (id instanceof Uint8Array && id.length === ID_BYTES) return id
  throw faulty(of, `its name for content has ${bytesOf(of, id).length} bytes, which must have ${ID_BYTES}`)
}

/** Its IDs have their length. */
export const checkedHasher = (of: Name, kernel: Hasher): Hasher => {
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

/** It gives bytes, and decodes no more than it may. */
export const checkedCompressor = (of: Name, kernel: Compressor): Compressor => ({
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

const sealedBy = (of: Name, { overhead }: Cipher, length: number, sealed: Uint8Array): Uint8Array => {
  if (bytesOf(of, sealed).length === length + overhead) return sealed
  throw faulty(of, `it made ${sealed.length} bytes of ${length}, which must be ${overhead} more, its overhead`)
}

/** Its messages have their overhead. */
export const checkedCipher = (of: Name, kernel: Cipher): Cipher => {
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
