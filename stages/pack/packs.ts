/** The packing of many chunks into packs of some MiB: see `pack_file.ts` for their bytes. */
import type * as Effect from "effect/Effect"
import { noEncryption } from "../encrypt/none.ts"
import type { KernelSpec } from "../kernel/kernel.ts"
import { boundTo, FOOTER_BYTES, type ObjectLayout, objectName, type PackLayout } from "./pack_layout.ts"
import { openPackStore, type PackStore } from "./pack_store.ts"
import { PackError, type Packing } from "./packing.ts"
import { readPacks } from "./packs_read.ts"
import { writePacks } from "./packs_write.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"

/** Sizes of packs, and what seals their footers and indexes. */
export interface PacksOptions {
  /** Bytes after which a pack is closed; 16 MiB by default. */
  readonly size?: number
  /** Bytes of chunks that are compressed and encrypted as one; 1 MiB by default. */
  readonly blockBytes?: number
  /**
   * Encrypts the lists of chunks (IDs and lengths) in packs and indexes. Without it they are readable by whoever reads
   * the store.
   */
  readonly seal?: KernelSpec<"encrypt">
}

/** Default size of a pack in bytes. */
export const PACK_BYTES: number = 16 << 20
/** Default size of a block in bytes. */
export const BLOCK_BYTES: number = 1 << 20

/** Many chunks in a pack, packs in `packs/`, lists of what they hold in `indexes/`. */
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
 * The same with names and headers of a format's own. `known`: what the store holds, for who has opened it. `wanted`:
 * the chunk lists that are going to be read, in about that order, where that is known: of a remote store, packs of
 * which most is wanted are then fetched whole.
 */
export const packsOf = (
  layout: PackLayout,
  known: Effect.Effect<PackStore, StoreError, ObjectStore> = openPackStore(layout),
  wanted?: Iterable<Uint8Array>,
): Packing => ({
  write: writePacks(layout, known),
  read: readPacks(layout, known, wanted),
})

/** Header: 8 bytes of magic, u8 version 1, the object's ID (32). */
export const plainLayout = (
  directory: string,
  extension: string,
  magic: string,
  cipher: KernelSpec<"encrypt">,
): ObjectLayout => {
  const start = new TextEncoder().encode(magic)
  const header = (id: Uint8Array): Uint8Array => {
    const bytes = new Uint8Array(41)
    bytes.set(start)
    bytes[8] = 1
    bytes.set(id, 9)
    return bytes
  }
  return {
    directory,
    extension,
    cipher,
    headerBytes: 41,
    header,
    context: (id) => boundTo(header(id), objectName({ directory, extension }, id)),
    problem: (object, header) =>
      start.some((byte, i) => header[i] !== byte)
        ? new PackError({ reason: "foreign", object, message: `${object} does not begin with ${magic}` })
        : header[8] !== 1
        ? new PackError({
          reason: "newer",
          object,
          message: `${object} has version ${header[8]}, which a later Penstock wrote`,
        })
        : undefined,
  }
}
