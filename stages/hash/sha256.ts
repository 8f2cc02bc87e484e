/** SHA-256 (FIPS 180-4). Portable: `@noble/hashes`. */
import { sha256 as noble } from "@noble/hashes/sha2.js"
import type { Hasher, KernelSpec } from "../kernel/kernel.ts"
import { trusted } from "../kernel/trusted.ts"

const make = (): Hasher =>
  trusted({
    digest: (bytes) => noble(bytes),
    create: () => {
      const state = noble.create()
      return { update: (bytes: Uint8Array) => void state.update(bytes), digest: () => state.digest() }
    },
  })

/** SHA-256. */
export const sha256: KernelSpec<"hash"> = { stage: "hash", name: "sha256", params: {}, make }
