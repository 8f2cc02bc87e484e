/** The state of an open repository, which all its operations share. */
import { fastcdc, type FastCdcOptions } from "../../stages/chunk/fastcdc.ts"
import type { KernelSpec, KernelTable } from "../../stages/kernel/kernel.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import type { KeyScheme, ObjectCipher } from "./object_cipher.ts"

/** How short objects become packfiles. */
export interface PackOptions {
  /** Objects of this many bytes or more get a file of their own. */
  readonly packBelow: number
  /** Short objects are held back until they have this many bytes together, and are then grouped. */
  readonly windowBytes: number
}

/** How repositories are made and written. Any repository can be read, whatever the options. */
export interface BkpOptions extends Partial<PackOptions> {
  /** Iterations of PBKDF2 for the passwords of new repositories; 600,000 by default. */
  readonly iterations?: number
  /**
   * Keys of new encrypted repositories: `per-object` (the default) derives a key for each object, `one` uses the same
   * for all, as the program of the document does.
   */
  readonly keys?: KeyScheme
  /** Sizes of chunks in bytes; by default averages of 1 MiB. */
  readonly chunks?: Omit<FastCdcOptions, "seed">
  /**
   * Back up only this part of the client's tree: a path like that of an entry. Everything else is carried over from the
   * client's latest snapshot. By default the whole tree.
   */
  readonly part?: string
}

/** What every operation needs. */
export interface Opened {
  readonly id: string
  readonly store: ObjectStore
  readonly cipher: ObjectCipher
  readonly table: KernelTable
  readonly chunk: KernelSpec<"chunk">
  readonly packOptions: PackOptions
  readonly part: string
  /**
   * The bytes of the config object, whether or not it is there. Undefined for a repository of a program that knows only
   * the document, which has no config.
   */
  readonly config: Uint8Array | undefined
}

/** By default, objects shorter than this go into packfiles. */
const PACK_BELOW = 256 << 10
/** By default, this many bytes of short objects are held back at once. */
const WINDOW_BYTES = 32 << 20

export const makeOpened = (
  parts: Pick<Opened, "id" | "store" | "cipher" | "table" | "config">,
  options: BkpOptions,
): Opened => ({
  ...parts,
  chunk: fastcdc(options.chunks),
  packOptions: {
    // In the document a prefix has one packfile, and readers of it do not know names with a random part.
    packBelow: parts.config === undefined ? 0 : options.packBelow ?? PACK_BELOW,
    windowBytes: options.windowBytes ?? WINDOW_BYTES,
  },
  part: options.part ?? "",
})
