/**
 * What a store holds in the way of packs: its indexes, read; packs that no index lists, adopted; packs that are gone,
 * known.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { catching } from "../kernel/catching.ts"
import { type Cipher, KernelError, Kernels, makeKernel } from "../kernel/kernel.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { absent } from "../store/absent.ts"
import { ChunkIndex } from "./chunk_index.ts"
import { decodeFooter, type FooterBlock, footerLength, TRAILER_BYTES } from "./pack_file.ts"
import { checkHeader, INDEX_BYTES, objectId, objectName, type PackLayout } from "./pack_layout.ts"
import { listedOnce } from "../store/listed_once.ts"
import { decodePackList, type ListedPack, PREFIX_BYTES, prefixesOf } from "./pack_list.ts"
import { PackError } from "./packing.ts"
import { Afresh, readTwice } from "../store/second_read.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"

/** A pack that is there. */
export interface KnownPack {
  readonly object: string
  readonly id: Uint8Array
  readonly size: number
  readonly footerLength: number
  /** How many it has. */
  readonly chunks: number
  /** Whether a readable index lists it. */
  readonly indexed: boolean
}

/** A pack that an index lists and that is not to be had. */
export interface LostPack {
  readonly object: string
  /** First 16 bytes of the IDs of its chunks. */
  readonly prefixes: Uint8Array
}

/** The packs of a store. */
export interface PackStore {
  /** Chunk to number in `packs`. Only chunks of packs that are there. */
  readonly index: ChunkIndex
  readonly packs: ReadonlyArray<KnownPack>
  /** Packs that no index lists, as an index would: to be listed by the next. */
  readonly orphans: ReadonlyArray<ListedPack>
  /** Packs that an index lists and that are gone or have another size. */
  readonly lost: ReadonlyArray<LostPack>
  /** Packs and indexes that are missing or cannot be read. */
  readonly damaged: ReadonlyArray<PackError>
  /** Number of readable index objects. */
  readonly indexes: number
}

/** The tail is read in one piece with what is likely to be the whole footer. */
const TAIL_BYTES = 64 << 10

/**
 * The index of chunks is made large enough for so many at most: the sizes of index objects are but what the store says.
 */
const EXPECTED_MAXIMUM = 1 << 24

/** A pack of known name and size; the length of its footer spares a guess. */
export interface SizedPack {
  readonly object: string
  readonly id: Uint8Array
  readonly size: number
  readonly footerLength?: number
}

/** What a footer says. */
export interface Footer {
  /** Of the sealed footer. */
  readonly length: number
  readonly blocks: ReadonlyArray<FooterBlock>
}

/** A pack or an index that cannot be read, as one that is lost. */
export const asPackError = (error: StoreError): PackError =>
  new PackError({
    reason: error.reason === "not-found" ? "missing" : "truncated",
    object: error.object,
    message: error.message,
    cause: error,
  })

/** Where to read objects from. */
export type Readable = Pick<ObjectStore, "get">

/**
 * Reads the footer of a pack, twice when it is not what it should be, which is sealed with the header that a pack of
 * this name has: the header itself is read only to say what is wrong. Fails with PackError when the footer is damaged,
 * StoreError when it cannot be read.
 */
export const readFooter: (
  layout: PackLayout,
  store: Readable,
  cipher: Cipher,
  pack: SizedPack,
) => Effect.Effect<Footer, PackError | StoreError> = (layout, store, cipher, pack) =>
  readTwice(pack.object, footerOf(layout, store, cipher, pack))

const footerOf: typeof readFooter = Effect.fnUntraced(function* (layout, store, cipher, pack) {
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

/** What a pack says of itself at both ends. */
export interface Ends extends Footer {
  /** What is wrong with the header. Its blocks can be read all the same. */
  readonly header?: PackError
}

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

/** Reads one index object, twice when it is not what it should be. */
export const readIndex: (
  layout: PackLayout,
  store: ObjectStore,
  cipher: Cipher,
  object: string,
) => Effect.Effect<ReadonlyArray<ListedPack>, PackError | StoreError> = Effect.fnUntraced(
  function* (layout, store, cipher, object) {
    const bytes = yield* store.get(object, { atMost: INDEX_BYTES })
    return yield* catching(PackError, () => {
      const id = objectId(layout.indexes, object)
      if (id === undefined) {
        throw new PackError({ reason: "foreign", object, message: `${object} is not the name of an index` })
      }
      checkHeader(layout.indexes, object, id, bytes)
      try {
        const sealed = bytes.subarray(layout.indexes.headerBytes)
        return decodePackList(object, cipher.open(sealed, layout.indexes.context(id)))
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
        throw new PackError({
          reason: "forged",
          object,
          message: `The index ${object} was altered, or is another object`,
        })
      }
    })
  },
  (read, _layout, _store, _cipher, object) => readTwice(object, read),
)

/** A rebuild beside this may replace indexes so often while they are read. */
const LOOKS = 4

/**
 * Opens the packs of a store. Damage is listed, not fatal; only the store's own failures fail. What is not there any
 * more when it is read may have been replaced since it was listed, so it is listed again before it is called missing.
 */
export const openPackStore: (layout: PackLayout) => Effect.Effect<PackStore, StoreError, ObjectStore> = Effect
  .fnUntraced(function* (layout) {
    let found = yield* look(layout)
    for (let looks = 1, before = ""; looks < LOOKS; looks++) {
      const missing = found.damaged.filter(({ reason }) => reason === "missing").map(({ object }) => object).join()
      if (missing === before) break
      before = missing
      found = yield* look(layout, true)
    }
    return found
  })

const look: (layout: PackLayout, afresh?: boolean) => Effect.Effect<PackStore, StoreError, ObjectStore> = Effect
  .fnUntraced(function* (layout, afresh = false) {
    const store = yield* ObjectStore
    const table = yield* Kernels
    const packCipher = makeKernel(layout.packs.cipher, table)
    const indexCipher = makeKernel(layout.indexes.cipher, table)
    const damaged: Array<PackError> = []
    const setAside = <A>(effect: Effect.Effect<A, PackError | StoreError>): Effect.Effect<A | undefined, StoreError> =>
      Effect.catch(effect, (error): Effect.Effect<undefined, StoreError> => {
        if (error instanceof PackError) damaged.push(error)
        else if (concernsObject(error)) damaged.push(asPackError(error))
        else return Effect.fail(error)
        return Effect.succeed(undefined)
      })

    const together = { concurrency: requestsAtOnce(store) }
    const { list: listed } = layout.indexes.directory === layout.packs.directory
      ? yield* listedOnce(store, layout.packs.directory)
      : store
    const list: ObjectStore["list"] = (directory) =>
      afresh ? Stream.provideService(listed(directory), Afresh, true) : listed(directory)
    const present = new Map<string, number>()
    const listing = yield* Effect.forkChild(
      Effect.suspend(() =>
        Stream.runForEachArray(list(layout.packs.directory), (objects) =>
          Effect.sync(() => {
            for (const { name, size } of objects) if (name.endsWith(layout.packs.extension)) present.set(name, size)
          }))
      ),
    )
    const maps = (yield* Stream.runCollect(list(layout.indexes.directory)))
      .filter(({ name }) => name.endsWith(layout.indexes.extension))
      .sort((a, b) => a.name < b.name ? -1 : 1)

    const listedBytes = maps.reduce((n, { size }) => n + size, 0)
    const index = new ChunkIndex(Math.min(EXPECTED_MAXIMUM, Math.floor(listedBytes / PREFIX_BYTES)))
    const packs: Array<KnownPack> = []
    const lost: Array<LostPack> = []
    const add = (listed: ListedPack, object: string, indexed: boolean): void => {
      for (let at = 0; at < listed.prefixes.length; at += PREFIX_BYTES) {
        const prefix = listed.prefixes.subarray(at, at + PREFIX_BYTES)
        if (index.get(prefix) === undefined) index.set(prefix, packs.length)
      }
      const { footerLength, id, prefixes, size } = listed
      packs.push({ object, id: id.slice(), size, footerLength, chunks: prefixes.length / PREFIX_BYTES, indexed })
    }
    const seen = new Set<string>()
    let indexes = 0
    // Nothing keeps the memory of an index that was read.
    const take = Effect.fnUntraced(function* (lists: ReadonlyArray<ListedPack>) {
      indexes++
      const fresh: Array<readonly [object: string, listed: ListedPack]> = []
      for (const listed of lists) {
        const object = objectName(layout.packs, listed.id)
        if (!seen.has(object)) fresh.push([object, listed])
        seen.add(object)
      }
      // A pack is there before its index: one that was listed too early to be seen is there now.
      const unreadable = new Map<string, PackError>()
      yield* Effect.forEach(
        fresh.filter(([object]) => !present.has(object)),
        ([object]) =>
          absent(store.stat(object)).pipe(
            Effect.map((info) => void (info && present.set(object, info.size))),
            Effect.catch((error) =>
              concernsObject(error)
                ? Effect.sync(() => void unreadable.set(object, asPackError(error)))
                : Effect.fail(error)
            ),
          ),
        { ...together, discard: true },
      )
      for (const [object, listed] of fresh) {
        const size = present.get(object)
        if (size === listed.size) {
          add(listed, object, true)
          continue
        }
        lost.push({ object, prefixes: listed.prefixes.slice() })
        const problem = unreadable.get(object)
        if (problem !== undefined) {
          damaged.push(problem)
          continue
        }
        const [reason, message] = size === undefined
          ? ["missing", `${object} is missing`] as const
          : ["truncated", `${object} has ${size} bytes, not ${listed.size}: it is truncated or altered`] as const
        damaged.push(new PackError({ reason, object, message }))
      }
    })
    yield* Stream.fromIterable(maps).pipe(
      Stream.mapEffect(({ name }) => setAside(readIndex(layout, store, indexCipher, name)), together),
      Stream.runForEach((lists) =>
        lists === undefined ? Effect.void : Effect.andThen(Fiber.join(listing), take(lists))
      ),
    )
    yield* Fiber.join(listing)
    const orphans: Array<ListedPack> = []
    const unlisted: Array<SizedPack> = []
    for (const [object, size] of present) {
      if (seen.has(object)) continue
      const id = objectId(layout.packs, object)
      if (id !== undefined) unlisted.push({ object, id, size })
      else damaged.push(new PackError({ reason: "foreign", object, message: `${object} does not belong here` }))
    }
    const found = yield* Effect.forEach(
      unlisted,
      (pack) => setAside(readEnds(layout, store, packCipher, pack)),
      together,
    )
    for (const [i, { id, object, size }] of unlisted.entries()) {
      const footer = found[i]
      if (footer === undefined) continue
      const listed: ListedPack = { id, size, footerLength: footer.length, prefixes: prefixesOf(footer.blocks) }
      orphans.push(listed)
      add(listed, object, false)
    }
    const result: PackStore = { index, packs, orphans, lost, damaged, indexes }
    return result
  })

/** Which lost pack had a chunk: the first of those that list it. */
export const lostPackOf = (lost: ReadonlyArray<LostPack>): (id: Uint8Array) => string | undefined => {
  if (lost.length === 0) return () => undefined
  const index = new ChunkIndex(lost.reduce((n, { prefixes }) => n + prefixes.length / PREFIX_BYTES, 0))
  for (const [number, { prefixes }] of lost.entries()) {
    for (let at = 0; at < prefixes.length; at += PREFIX_BYTES) {
      const prefix = prefixes.subarray(at, at + PREFIX_BYTES)
      if (index.get(prefix) === undefined) index.set(prefix, number)
    }
  }
  return (id) => {
    const number = index.get(id)
    return number === undefined ? undefined : lost[number]!.object
  }
}
