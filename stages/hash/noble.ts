/** Hashers of `@noble/hashes` as kernels. */
import type { Hasher } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"

/** What is used of a hash of `@noble/hashes`. Its digests have 32 bytes. */
interface NobleHash {
  (bytes: Uint8Array): Uint8Array
  create(): { update(bytes: Uint8Array): unknown; digest(): Uint8Array }
}

/** A hasher of a hash. */
export const nobleHasher = (hash: NobleHash): Hasher =>
  trusted({
    digest: (bytes) => hash(bytes),
    create: () => {
      const state = hash.create()
      return { update: (bytes: Uint8Array) => void state.update(bytes), digest: () => state.digest() }
    },
  })
