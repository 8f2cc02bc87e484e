/** Reads the header and the footer of a pack from a store. `pack_file.ts` has their bytes. */
import * as Effect from "effect/Effect"
import { catching } from "../kernel/catching.ts"
import type { Cipher } from "../kernel/kernel.ts"
import { readTwice } from "../store/second_read.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import { decodeFooter, type FooterBlock, footerLength, TRAILER_BYTES } from "./pack_file.ts"
import { checkHeader, type PackLayout } from "./pack_layout.ts"
import { PackError } from "./packing.ts"

/** The tail is read in one piece, together with what is likely to be the whole footer. */
const TAIL_BYTES = 64 << 10

/** Where to read objects from. */
export type Readable = Pick<ObjectStore, "get">

/** A pack of known name and size. */
export interface SizedPack {
  readonly object: string
  readonly id: Uint8Array
  /** In bytes. */
  readonly size: number
  /** Bytes of its encrypted footer. When they are known, one request reads exactly the footer. */
  readonly footerLength?: number
}

/** What the footer of a pack says. */
export interface Footer {
  /** Bytes of the encrypted footer. */
  readonly length: number
  readonly blocks: ReadonlyArray<FooterBlock>
}

/** What a pack says of itself at both ends. */
export interface Ends extends Footer {
  /** What is wrong with the header. The blocks can be read nevertheless. */
  readonly header?: PackError
}

/**
 * Reads the footer of a pack, and reads it again when it is not what it should be. The footer is authenticated together
 * with the header that a pack of this name must have. The header itself is read only to say what is wrong. Fails with
 * PackError when the footer is damaged, with StoreError when it cannot be read.
 */
export const readFooter: (
  layout: PackLayout,
  store: Readable,
  cipher: Cipher,
  pack: SizedPack,
) => Effect.Effect<Footer, PackError | StoreError> = (layout, store, cipher, pack) =>
  readTwice(pack.object, readFooterOnce(layout, store, cipher, pack))

const readFooterOnce: typeof readFooter = Effect.fnUntraced(function* (layout, store, cipher, pack) {
  const { object, size } = pack
  const { headerBytes } = layout.packs
  if (size < headerBytes + TRAILER_BYTES) {
    return yield* new PackError({
      reason: "truncated",
      object,
      message: `${object} is too short to be a pack: it is truncated`,
    })
  }
  const expected = pack.footerLength === undefined || pack.footerLength > layout.footerBytes
    ? TAIL_BYTES
    : pack.footerLength + TRAILER_BYTES
  const guess = Math.min(size, expected)
  let tail = yield* store.get(object, { offset: size - guess, length: guess })
  const length = yield* catching(PackError, () => footerLength(pack, layout, tail))
  if (length + TRAILER_BYTES > tail.length) {
    tail = yield* store.get(object, { offset: size - length - TRAILER_BYTES, length: length + TRAILER_BYTES })
  }
  const sealed = tail.subarray(tail.length - TRAILER_BYTES - length, tail.length - TRAILER_BYTES)
  return yield* catching(PackError, (): Footer => ({
    length,
    blocks: decodeFooter(pack, headerBytes, layout.packs.context(pack.id), sealed, cipher),
  })).pipe(
    Effect.tapError((error) => error.reason === "forged" ? readHeader(layout, store, pack) : Effect.void),
  )
})

/** Fails with PackError when a pack does not begin with its header. */
const readHeader: (
  layout: PackLayout,
  store: Readable,
  pack: SizedPack,
) => Effect.Effect<void, PackError | StoreError> = (layout, store, { id, object }) =>
  readTwice(
    object,
    Effect.flatMap(
      store.get(object, { offset: 0, length: layout.packs.headerBytes }),
      (header) => catching(PackError, () => checkHeader(layout.packs, object, id, header)),
    ),
  )

/** Reads header and footer. Fails as `readFooter` does, and with `newer` when a later version wrote the header. */
export const readEnds: (
  layout: PackLayout,
  store: Readable,
  cipher: Cipher,
  pack: SizedPack,
) => Effect.Effect<Ends, PackError | StoreError> = Effect.fnUntraced(function* (layout, store, cipher, pack) {
  if (pack.size < layout.packs.headerBytes) return yield* readFooter(layout, store, cipher, pack)
  const problem = Effect.matchEffect(readHeader(layout, store, pack), {
    onSuccess: () => Effect.succeed(undefined),
    onFailure: (error): Effect.Effect<PackError, PackError | StoreError> =>
      error instanceof PackError && error.reason !== "newer" ? Effect.succeed(error) : Effect.fail(error),
  })
  const [header, footer] = yield* Effect.all([problem, readFooter(layout, store, cipher, pack)], { concurrency: 2 })
  return header === undefined ? footer : { ...footer, header }
})

/** A pack or an index that cannot be read, as one that is lost. */
export const asPackError = (error: StoreError): PackError =>
  new PackError({
    reason: error.reason === "not-found" ? "missing" : "truncated",
    object: error.object,
    message: error.message,
    cause: error,
  })
