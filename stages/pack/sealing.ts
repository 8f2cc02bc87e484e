/**
 * What packs and indexes are encrypted with. A store may have one key for all of them, or many: then the header of each
 * object says what opens its key, and an index says it of the packs that it lists.
 */
import * as Effect from "effect/Effect"
import { type Cipher, type KernelError, type KernelSpec, type KernelTable, makeKernel } from "../kernel/kernel.ts"
import type { PackError } from "./packing.ts"

/** How some objects of one kind begin, and what they are encrypted with. */
export interface Sealing {
  /** What opens the key, as the header says it. Empty when all objects have the same. */
  readonly tag: Uint8Array
  readonly headerBytes: number
  /** The header of the object with this ID. */
  readonly header: (id: Uint8Array) => Uint8Array
  /**
   * Additional data that is authenticated with the footer or the list. It is different for any two objects of a store,
   * so no object can stand for another. Usually header and name, see `boundTo`.
   */
  readonly context: (id: Uint8Array) => Uint8Array
  /** Encrypts the footer of a pack, or the list of an index. */
  readonly cipher: KernelSpec<"encrypt">
  /** Encrypts the blocks of a pack. Absent when the plan and the recipe have the cipher of all blocks. */
  readonly blocks?: KernelSpec<"encrypt"> | undefined
}

/** The keys of all objects of one kind. */
export interface Sealings {
  /** No header has more bytes. */
  readonly headerLimit: number
  /** What new objects are encrypted with. */
  readonly fresh: Effect.Effect<Sealing, KernelError>
  /** The tag in the header with which an object begins. Throws PackError when it is no header of this kind. */
  readonly tagIn: (object: string, start: Uint8Array) => Uint8Array
  /** Opens the key of a tag. Fails with PackError, which names the object that has the tag. */
  readonly open: (object: string, tag: Uint8Array) => Effect.Effect<Sealing, PackError>
}

/** Signatures behind the bytes of objects: who wrote them. */
export interface Signing {
  /** What follows the bytes of an object with this name. */
  readonly sign: (object: string, parts: ReadonlyArray<Uint8Array>) => Effect.Effect<Uint8Array, KernelError>
  /** The bytes before a valid signature. Fails with PackError, and with what is wrong with the header, if anything. */
  readonly verify: (object: string, bytes: Uint8Array) => Effect.Effect<Uint8Array, PackError>
}

/** One key for all objects. `check` throws PackError when a header is of another kind. */
export const sealedAlike = (
  sealing: Omit<Sealing, "tag">,
  check: (object: string, header: Uint8Array) => void,
): Sealings => {
  const only: Sealing = { ...sealing, tag: new Uint8Array(0) }
  return {
    headerLimit: sealing.headerBytes,
    fresh: Effect.succeed(only),
    tagIn: (object, start) => {
      check(object, start)
      return only.tag
    },
    open: () => Effect.succeed(only),
  }
}

/** Makes the kernels of ciphers, each once. */
export type Ciphers = (spec: KernelSpec<"encrypt">) => Cipher

/** The ciphers of some objects. They are kept for as long as their specs are. */
export const ciphersOf = (table: KernelTable): Ciphers => {
  const made = new WeakMap<KernelSpec, Cipher>()
  return (spec) => {
    let cipher = made.get(spec)
    if (cipher === undefined) made.set(spec, cipher = makeKernel(spec, table))
    return cipher
  }
}
