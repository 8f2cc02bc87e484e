/** The packing of many chunks into packs of some MiB. `pack_file.ts` has their bytes. */
import type * as Effect from "effect/Effect"
import { noEncryption } from "../encrypt/none.ts"
import type { KernelSpec } from "../kernel/kernel.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import { BLOCK_BYTES, FOOTER_BYTES, PACK_BYTES, type PackLayout, plainLayout } from "./pack_layout.ts"
import { openPackStore, type PackStore } from "./pack_store.ts"
import type { Packing } from "./packing.ts"
import { readPacks } from "./packs_read.ts"
import { writePacks } from "./packs_write.ts"

/** Options of {@link packs}. */
export interface PacksOptions {
  /** A pack is closed when it has this many bytes; 16 MiB by default. */
  readonly size?: number
  /** Bytes of chunks that are compressed and encrypted as one block; 1 MiB by default. */
  readonly blockBytes?: number
  /**
   * Encrypts the lists of chunks (IDs and lengths) in packs and indexes. Without it, anybody who can read the store can
   * read them.
   */
  readonly seal?: KernelSpec<"encrypt">
}

/**
 * Many chunks in a pack. Packs are in `packs/`, the lists of their chunks in `indexes/`.
 *
 * @example Encrypt the lists of chunks, too
 * ```ts
 * import assert from "node:assert"
 * import { aes256gcm, blake3, chunk, encrypt, hash } from "@penstock/penstock"
 * import { memorySourceLayer, pack, packs, walk, whole } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { Effect, Redacted, Stream } from "effect"
 *
 * const cipher = aes256gcm(Redacted.make(crypto.getRandomValues(new Uint8Array(32))))
 * const stored = walk("").pipe(chunk(whole()), hash(blake3), encrypt(cipher), pack(packs({ seal: cipher })))
 * const tree = memorySourceLayer({ "note.txt": { content: "hello" } })
 * const program = Effect.provide(Effect.scoped(Stream.runCollect(stored)), [tree, memoryStore.layer])
 * // One pack, and one index.
 * assert.equal((await Effect.runPromise(program)).at(-1)!.stats().objects, 2)
 * ```
 */
export const packs = (options: PacksOptions = {}): Packing => {
  const cipher = options.seal ?? noEncryption
  return packsOf({
    packs: plainLayout("packs/", ".pack", "PENSPACK", cipher),
    indexes: plainLayout("indexes/", ".index", "PENSINDX", cipher),
    size: options.size ?? PACK_BYTES,
    blockBytes: options.blockBytes ?? BLOCK_BYTES,
    footerBytes: FOOTER_BYTES,
  })
}

/**
 * Packs with the names and headers of a format. `known`: what the store has, for a caller that has opened it already.
 * `wanted`: the chunk lists that will be read, in about that order, when the caller knows them. A pack of a remote
 * store that is mostly wanted is then fetched whole.
 */
export const packsOf = (
  layout: PackLayout,
  known: Effect.Effect<PackStore, StoreError, ObjectStore> = openPackStore(layout),
  wanted?: Iterable<Uint8Array>,
): Packing => ({
  write: writePacks(layout, known),
  read: readPacks(layout, known, wanted),
})
