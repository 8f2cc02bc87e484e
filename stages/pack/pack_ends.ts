/** Reads the header and the footer of a pack from a store. `pack_file.ts` has their bytes. */
import { Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { catching } from "../kernel/catching.ts"
import { readTwice } from "../store/second_read.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import { decodeFooter, type FooterBlock, tailLengths, TRAILER_BYTES } from "./pack_file.ts"
import { checkHeader, type PackLayout } from "./pack_layout.ts"
import { PackError } from "./packing.ts"
import type { Ciphers, Sealing } from "./sealing.ts"

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
  /** What opens its key, when that is known. */
  readonly tag?: Uint8Array
}

/** What the footer of a pack says. */
export interface Footer {
  /** Bytes of the encrypted footer. */
  readonly length: number
  readonly blocks: ReadonlyArray<FooterBlock>
  /** What the pack is encrypted with. */
  readonly sealing: Sealing
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
  ciphers: Ciphers,
  pack: SizedPack,
) => Effect.Effect<Footer, PackError | StoreError> = (layout, store, ciphers, pack) =>
  readTwice(pack.object, readFooterOnce(layout, store, ciphers, pack))

const readFooterOnce: typeof readFooter = Effect.fnUntraced(function* (layout, store, ciphers, pack) {
  const { object, size } = pack
  if (size < TRAILER_BYTES) return yield* tooShort(pack)
  const expected = pack.footerLength === undefined || pack.footerLength > layout.footerBytes || pack.tag === undefined
    ? TAIL_BYTES
    : pack.footerLength + pack.tag.length + TRAILER_BYTES
  const guess = Math.min(size, expected)
  let tail = yield* store.get(object, { offset: size - guess, length: guess })
  const lengths = yield* catching(PackError, () => tailLengths(pack, layout.footerBytes, tail))
  const whole = lengths.footer + lengths.tag + TRAILER_BYTES
  if (whole > tail.length) tail = yield* store.get(object, { offset: size - whole, length: whole })
  const from = tail.length - whole
  const sealed = tail.subarray(from, from + lengths.footer)
  const tag = tail.slice(from + lengths.footer, from + lengths.footer + lengths.tag)
  if (pack.tag !== undefined && !Equivalence(pack.tag, tag)) {
    const message = `The end of ${object} was altered: it is not what an index says`
    return yield* new PackError({ reason: "corrupt", object, message })
  }
  const sealing = yield* layout.packs.open(object, tag)
  if (size < sealing.headerBytes + whole) return yield* tooShort(pack)
  return yield* catching(PackError, (): Footer => {
    const parts = { headerBytes: sealing.headerBytes, context: sealing.context(pack.id), tag }
    return { length: lengths.footer, blocks: decodeFooter(pack, parts, sealed, ciphers(sealing.cipher)), sealing }
  }).pipe(
    Effect.tapError((error) => error.reason === "forged" ? readHeader(layout, store, sealing, pack) : Effect.void),
  )
})

const tooShort = ({ object }: SizedPack): PackError =>
  new PackError({ reason: "truncated", object, message: `${object} is too short to be a pack: it is truncated` })

/** Fails with PackError when a pack does not begin with its header. */
const readHeader: (
  layout: PackLayout,
  store: Readable,
  sealing: Sealing,
  pack: SizedPack,
) => Effect.Effect<void, PackError | StoreError> = (layout, store, sealing, { id, object, size }) =>
  readTwice(
    object,
    Effect.flatMap(
      store.get(object, { offset: 0, length: Math.min(size, sealing.headerBytes) }),
      (header) => catching(PackError, () => checkHeader(layout.packs, sealing, object, id, header)),
    ),
  )

/** Reads header and footer. Fails as `readFooter` does, and with `newer` when a later version wrote the header. */
export const readEnds: (
  layout: PackLayout,
  store: Readable,
  ciphers: Ciphers,
  pack: SizedPack,
) => Effect.Effect<Ends, PackError | StoreError> = Effect.fnUntraced(function* (layout, store, ciphers, pack) {
  const { object, tag } = pack
  if (tag === undefined) {
    // Only the pack says what opens it. Its end is looked at first, because the header may be damaged.
    const footer = yield* Effect.tapError(
      readFooter(layout, store, ciphers, pack),
      (error) => error instanceof PackError ? Effect.asVoid(unlessNewer(readKind(layout, store, pack))) : Effect.void,
    )
    return withHeader(footer, yield* unlessNewer(readHeader(layout, store, footer.sealing, pack)))
  }
  const sealing = yield* layout.packs.open(object, tag)
  const [header, footer] = yield* Effect.all([
    unlessNewer(readHeader(layout, store, sealing, pack)),
    readFooter(layout, store, ciphers, pack),
  ], { concurrency: 2 })
  return withHeader(footer, header)
})

const withHeader = (footer: Footer, header: PackError | undefined): Ends =>
  header === undefined ? footer : { ...footer, header }

/** Fails with PackError when a pack does not begin as packs do. */
const readKind = (
  { packs }: PackLayout,
  store: Readable,
  { object, size }: SizedPack,
): Effect.Effect<void, PackError | StoreError> =>
  readTwice(
    object,
    Effect.flatMap(
      store.get(object, { offset: 0, length: Math.min(size, packs.headerLimit) }),
      (start) => catching(PackError, () => void packs.tagIn(object, start)),
    ),
  )

/** What is wrong with a header. Fails when a later version wrote it. */
const unlessNewer = (
  header: Effect.Effect<void, PackError | StoreError>,
): Effect.Effect<PackError | undefined, PackError | StoreError> =>
  Effect.matchEffect(header, {
    onSuccess: () => Effect.succeed(undefined),
    onFailure: (error): Effect.Effect<PackError, PackError | StoreError> =>
      error instanceof PackError && error.reason !== "newer" ? Effect.succeed(error) : Effect.fail(error),
  })

/** A pack or an index that cannot be read, as one that is lost. */
export const asPackError = (error: StoreError): PackError =>
  new PackError({
    reason: error.reason === "not-found" ? "missing" : "truncated",
    object: error.object,
    message: error.message,
    cause: error,
  })
