/** An opened repository, as its operations share it. */
import * as Effect from "effect/Effect"
import { fastcdc, type FastCdcOptions } from "../../stages/chunk/fastcdc.ts"
import type { KernelSpec } from "../../stages/kernel/kernel.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { PackOptions } from "./object_writer.ts"
import { type Room, Shelf } from "./object_reader.ts"

/** How a repository is written. Whatever the options, any repository can be read. */
export interface WriteOptions extends Partial<PackOptions> {
  /** Sizes of chunks in bytes; averages of 1 MiB unless told. */
  readonly chunks?: Omit<FastCdcOptions, "seed">
  /**
   * What is backed up is this part of the client's tree: a path as of an entry. All else is carried over from the
   * client's latest snapshot. The whole tree unless told.
   */
  readonly part?: string
}

/** What every operation needs. */
export interface Opened extends Room {
  readonly id: string
  readonly chunk: KernelSpec<"chunk">
  readonly packing: PackOptions
  readonly part: string
  /**
   * What the config object holds, or would; undefined when the repository is that of a program which knows the document
   * alone.
   */
  readonly config: Uint8Array | undefined
}

/** Chunks shorter than this go into packfiles. */
const PACK_BELOW = 256 << 10
/** Short objects that are held back at once. */
const WINDOW_BYTES = 32 << 20

export const makeOpened = (
  room: Room,
  id: string,
  config: Uint8Array | undefined,
  options: WriteOptions,
): Opened => ({
  ...room,
  id,
  config,
  chunk: fastcdc(options.chunks),
  // Of the document one prefix has one packfile: names with a random part are ours.
  packing: {
    packBelow: config === undefined ? 0 : options.packBelow ?? PACK_BELOW,
    windowBytes: options.windowBytes ?? WINDOW_BYTES,
  },
  part: options.part ?? "",
})

/** Both areas. */
export interface Shelves {
  readonly metadata: Shelf
  readonly blocks: Shelf
}

export const openShelves = (opened: Opened): Effect.Effect<Shelves, StoreError> =>
  Effect.all(
    { metadata: Shelf.open(opened, "metadata"), blocks: Shelf.open(opened, "blocks") },
    { concurrency: 2 },
  )
