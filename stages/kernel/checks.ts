/** What is checked of every kernel, with a comparison or two: see `checked.ts`. */
import { KernelError } from "./error.ts"
import type { Chunker, Cipher, Compressor, Hasher, KernelStage } from "./kinds.ts"

/** Length of every chunk ID, in bytes. All hashers make IDs of this length. */
export const ID_BYTES = 32

/** No chunk is longer, in bytes. */
const LONGEST_CHUNK = 2 ** 30

/** What a kernel is called in messages. */
export interface KernelName {
  readonly stage: KernelStage
  readonly name: string
}

const KINDS = { chunk: "chunker", hash: "hasher", compress: "compressor", encrypt: "cipher" } as const

/** The KernelError of a faulty kernel. `what`: what it does wrong, in words. */
export const faulty = ({ name, stage }: KernelName, what: string, cause?: unknown): KernelError =>
  new KernelError({
    kernel: name,
    reason: "faulty",
    message: `The ${KINDS[stage]} ${name} is faulty: ${what}. Correct it, or use another`,
    cause,
  })

/** The message of what was thrown. */
export const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/** What a kernel threw, as a KernelError. */
const toKernelError = (of: KernelName, cause: unknown): KernelError =>
  cause instanceof KernelError ? cause : faulty(of, `it failed with "${messageOf(cause)}"`, cause)

/** Calls a kernel. Whatever it throws becomes a KernelError. */
export const guard = <A>(of: KernelName, call: () => A): A => {
  try {
    return call()
  } catch (cause) {
    throw toKernelError(of, cause)
  }
}

/** The value, when it is bytes. Throws KernelError `faulty` when it is not. */
export const bytesOf = (of: KernelName, value: unknown): Uint8Array => {
  if (value instanceof Uint8Array) return value
  const what = value === null ? "null" : typeof value === "object" ? "an object" : typeof value
  throw faulty(of, `it returned ${what} instead of bytes`)
}

/**
 * A chunker whose cuts lie where they may. It does not protect the content: the caller gives a chunker that is not
 * trusted a copy, because only the caller knows how often that is worth its time.
 */
export const checkedChunker = (of: KernelName, kernel: Chunker): Chunker => {
  const { followsExtents, maximum } = kernel
  if (!Number.isInteger(maximum) || maximum < 1 || maximum > LONGEST_CHUNK) {
    throw faulty(of, `its longest chunk has ${maximum} bytes; that must be an integer from 1 to ${LONGEST_CHUNK}`)
  }
  return {
    maximum,
    cut: (bytes, from, to) => {
      const end = guard(of, () => kernel.cut(bytes, from, to))
      if (Number.isInteger(end) && end > from && end <= to && end - from <= maximum) return end
      throw faulty(
        of,
        `it ended a chunk at ${end}; that must be an integer from ${from + 1} to ${Math.min(to, from + maximum)}`,
      )
    },
    ...(followsExtents === undefined ? {} : { followsExtents }),
  }
}

/** A hasher whose IDs have their length. */
export const checkedHasher = (of: KernelName, kernel: Hasher): Hasher => ({
  digest: (bytes) => idOf(of, guard(of, () => kernel.digest(bytes))),
  create: () => {
    const state = guard(of, () => kernel.create())
    return {
      update: (bytes) => guard(of, () => state.update(bytes)),
      digest: () => idOf(of, guard(of, () => state.digest())),
    }
  },
})

const idOf = (of: KernelName, id: Uint8Array): Uint8Array => {
  if (id instanceof Uint8Array && id.length === ID_BYTES) return id
  throw faulty(of, `an ID that it made has ${bytesOf(of, id).length} bytes; it must have ${ID_BYTES}`)
}

/** A compressor that gives bytes, and decodes no more of them than it may. */
export const checkedCompressor = (of: KernelName, kernel: Compressor): Compressor => ({
  encode: (bytes) => bytesOf(of, guard(of, () => kernel.encode(bytes))),
  decode: (bytes, limit) => {
    const out = bytesOf(of, guard(of, () => kernel.decode(bytes, limit)))
    if (out.length > limit) {
      throw faulty(of, `it decoded to ${out.length} bytes, more than the ${limit} that were allowed`)
    }
    return out
  },
})

/** A cipher whose sealed messages are longer by its overhead. */
export const checkedCipher = (of: KernelName, kernel: Cipher): Cipher => {
  const { overhead } = kernel
  const checkSealed = (length: number, sealed: Uint8Array): Uint8Array => {
    if (bytesOf(of, sealed).length === length + overhead) return sealed
    throw faulty(of, `it sealed ${length} bytes to ${sealed.length}; these must be ${overhead} more, its overhead`)
  }
  return {
    overhead,
    seal: (bytes, aad) => checkSealed(bytes.length, guard(of, () => kernel.seal(bytes, aad))),
    ...(kernel.sealLater === undefined ? {} : {
      sealLater: async (bytes: Uint8Array, aad?: Uint8Array) => {
        try {
          return checkSealed(bytes.length, await kernel.sealLater!(bytes, aad))
        } catch (cause) {
          throw toKernelError(of, cause)
        }
      },
    }),
    open: (bytes, aad) => {
      const opened = bytesOf(of, guard(of, () => kernel.open(bytes, aad)))
      if (opened.length === bytes.length - overhead) return opened
      throw faulty(
        of,
        `it opened ${bytes.length} bytes to ${opened.length}; these must be ${overhead} fewer, its overhead`,
      )
    },
  }
}
