/**
 * Which packs a store has, and which chunks they hold. It reads the indexes, takes in packs that no index lists, and
 * notes packs that are missing.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Kernels } from "../kernel/kernel.ts"
import { absent } from "../store/absent.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { listedOnce } from "../store/listed_once.ts"
import { Afresh } from "../store/second_read.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import { ChunkIndex } from "./chunk_index.ts"
import { listedOf, type ListedPack, PREFIX_BYTES } from "./index_file.ts"
import { readIndex } from "./indexes.ts"
import { asPackError, readEnds, type SizedPack } from "./pack_ends.ts"
import { objectId, objectName, type PackLayout } from "./pack_layout.ts"
import { PackError } from "./packing.ts"
import { ciphersOf } from "./sealing.ts"

/** A pack that is there. */
export interface KnownPack {
  readonly object: string
  readonly id: Uint8Array
  /** In bytes. */
  readonly size: number
  /** Bytes of its encrypted footer. */
  readonly footerLength: number
  /** What opens its key. */
  readonly tag: Uint8Array
  /** Number of chunks in it. */
  readonly chunks: number
  /** Whether a readable index lists it. */
  readonly indexed: boolean
}

/** A pack that an index lists, but that is missing, unreadable or of another size. */
export interface LostPack {
  readonly object: string
  /** The first 16 bytes of the ID of each of its chunks, one after the other. */
  readonly prefixes: Uint8Array
}

/** The packs of a store. */
export interface PackStore {
  /** From chunk to number in `packs`. It has only chunks of packs that are there. */
  readonly index: ChunkIndex
  readonly packs: ReadonlyArray<KnownPack>
  /** Packs that no index lists. The next index is to list them. */
  readonly orphans: ReadonlyArray<ListedPack>
  readonly lost: ReadonlyArray<LostPack>
  /** Packs and indexes that are missing or cannot be read. */
  readonly damaged: ReadonlyArray<PackError>
  /** Number of readable index objects. */
  readonly indexes: number
}

/**
 * The index of chunks is made with room for at most this many chunks. The estimate comes from the sizes of the index
 * objects, which are only what the store claims.
 */
const EXPECTED_MAXIMUM = 1 << 24
/** How often to look, at most. A rebuild that runs at the same time may replace the indexes while they are read. */
const LOOKS = 4

/**
 * Opens the packs of a store. Damage is listed and does not fail; only a failure of the store as a whole does. An
 * object that is gone when it is read may have been replaced since it was listed. So the store is listed again before
 * an object is called missing.
 */
export const openPackStore: (layout: PackLayout) => Effect.Effect<PackStore, StoreError, ObjectStore> = Effect
  .fnUntraced(function* (layout) {
    let found = yield* lookAtPacks(layout, false)
    for (let looks = 1, before = ""; looks < LOOKS; looks++) {
      const missing = found.damaged.filter(({ reason }) => reason === "missing").map(({ object }) => object).join()
      if (missing === before) break
      before = missing
      found = yield* lookAtPacks(layout, true)
    }
    return found
  })

/** Looks once. `afresh`: whatever remembers listings asks the store again. */
const lookAtPacks: (layout: PackLayout, afresh: boolean) => Effect.Effect<PackStore, StoreError, ObjectStore> = Effect
  .fnUntraced(function* (layout, afresh) {
    const store = yield* ObjectStore
    const ciphers = ciphersOf(yield* Kernels)
    const together = { concurrency: requestsAtOnce(store) }
    const { list: listed } = layout.indexes.directory === layout.packs.directory
      ? yield* listedOnce(store, layout.packs.directory)
      : store
    const list: ObjectStore["list"] = (directory) =>
      afresh ? Stream.provideService(listed(directory), Afresh, true) : listed(directory)

    /** The sizes of the packs that are there, by name. */
    const present = new Map<string, number>()
    const listing = yield* Effect.forkChild(
      Effect.suspend(() =>
        Stream.runForEachArray(list(layout.packs.directory), (objects) =>
          Effect.sync(() => {
            for (const { name, size } of objects) if (name.endsWith(layout.packs.extension)) present.set(name, size)
          }))
      ),
    )
    const indexes = (yield* Stream.runCollect(list(layout.indexes.directory)))
      .filter(({ name }) => name.endsWith(layout.indexes.extension))
      .sort((a, b) => a.name < b.name ? -1 : 1)
    const found = new Inventory(layout, indexes.reduce((n, { size }) => n + size, 0))

    // One list at a time, so that nothing keeps the memory of an index that was read.
    const takeIndex = Effect.fnUntraced(function* (lists: ReadonlyArray<ListedPack>) {
      yield* Fiber.join(listing)
      const fresh = found.startIndex(lists)
      yield* sizesOfUnlisted(store, fresh.filter(([object]) => !present.has(object)), present, found)
      for (const [object, pack] of fresh) found.addListed(pack, object, present.get(object))
    })
    yield* Stream.fromIterable(indexes).pipe(
      Stream.mapEffect(({ name }) => found.orDamaged(readIndex(layout, store, ciphers, name)), together),
      Stream.runForEach((lists) => lists === undefined ? Effect.void : takeIndex(lists)),
    )
    yield* Fiber.join(listing)

    const unlisted = found.unlisted(present)
    const ends = yield* Effect.forEach(
      unlisted,
      (pack) => found.orDamaged(readEnds(layout, store, ciphers, pack)),
      together,
    )
    for (const [i, pack] of unlisted.entries()) {
      const footer = ends[i]
      if (footer !== undefined) found.adopt(listedOf(pack, footer), pack.object)
    }
    // Only what belongs to a PackStore: the rest of the inventory is not to stay in memory.
    const { damaged, index, indexes: readable, lost, orphans, packs } = found
    return { damaged, index, indexes: readable, lost, orphans, packs }
  })

/**
 * Asks for the sizes of packs that an index lists and the listing did not have. A pack is stored before its index, so a
 * pack that came too late for the listing is there now.
 */
const sizesOfUnlisted = (
  store: ObjectStore,
  packs: ReadonlyArray<readonly [object: string, pack: ListedPack]>,
  present: Map<string, number>,
  found: Inventory,
): Effect.Effect<void, StoreError> =>
  Effect.forEach(
    packs,
    ([object]) =>
      absent(store.stat(object)).pipe(
        Effect.map((info) => void (info && present.set(object, info.size))),
        Effect.catch((error) =>
          concernsObject(error)
            ? Effect.sync(() => void found.unreadable.set(object, asPackError(error)))
            : Effect.fail(error)
        ),
      ),
    { concurrency: requestsAtOnce(store), discard: true },
  )

/** What was found so far. */
class Inventory {
  readonly index: ChunkIndex
  readonly packs: Array<KnownPack> = []
  readonly orphans: Array<ListedPack> = []
  readonly lost: Array<LostPack> = []
  readonly damaged: Array<PackError> = []
  indexes = 0
  /** Packs of which the store does not tell the size, by name. */
  readonly unreadable: Map<string, PackError> = new Map()
  readonly #layout: PackLayout
  /** Names of the packs that an index lists. */
  readonly #listed = new Set<string>()

  /** `indexBytes`: the sizes of all indexes together. */
  constructor(layout: PackLayout, indexBytes: number) {
    this.#layout = layout
    this.index = new ChunkIndex(Math.min(EXPECTED_MAXIMUM, Math.floor(indexBytes / PREFIX_BYTES)))
  }

  /** Lists damage instead of failing, unless the store as a whole fails. Undefined for what is damaged. */
  orDamaged<A>(effect: Effect.Effect<A, PackError | StoreError>): Effect.Effect<A | undefined, StoreError> {
    return Effect.catch(effect, (error): Effect.Effect<undefined, StoreError> => {
      if (error instanceof PackError) this.damaged.push(error)
      else if (concernsObject(error)) this.damaged.push(asPackError(error))
      else return Effect.fail(error)
      return Effect.succeed(undefined)
    })
  }

  /** Counts an index. Returns the names and packs that no index before it listed. */
  startIndex(lists: ReadonlyArray<ListedPack>): ReadonlyArray<readonly [object: string, pack: ListedPack]> {
    this.indexes++
    const fresh: Array<readonly [object: string, pack: ListedPack]> = []
    for (const pack of lists) {
      const object = objectName(this.#layout.packs, pack.id)
      if (!this.#listed.has(object)) fresh.push([object, pack])
      this.#listed.add(object)
    }
    return fresh
  }

  /** Adds a pack that an index lists. `size`: what the store says; undefined when the store does not have the pack. */
  addListed(pack: ListedPack, object: string, size: number | undefined): void {
    if (size === pack.size) return this.#add(pack, object, true)
    this.lost.push({ object, prefixes: pack.prefixes.slice() })
    const problem = this.unreadable.get(object)
    if (problem !== undefined) {
      this.damaged.push(problem)
      return
    }
    const [reason, message] = size === undefined
      ? ["missing", `${object} is missing`] as const
      : ["truncated", `${object} has ${size} bytes, not ${pack.size}: it is truncated or altered`] as const
    this.damaged.push(new PackError({ reason, object, message }))
  }

  /** The packs among `present` that no index lists. Objects with a name that no pack has are damage. */
  unlisted(present: ReadonlyMap<string, number>): ReadonlyArray<SizedPack> {
    const packs: Array<SizedPack> = []
    for (const [object, size] of present) {
      if (this.#listed.has(object)) continue
      const id = objectId(this.#layout.packs, object)
      if (id !== undefined) packs.push({ object, id, size })
      else {this.damaged.push(
          new PackError({
            reason: "foreign",
            object,
            message: `${object} is not the name of a pack: it does not belong here`,
          }),
        )}
    }
    return packs
  }

  /** Adds a pack that no index lists. */
  adopt(pack: ListedPack, object: string): void {
    this.orphans.push(pack)
    this.#add(pack, object, false)
  }

  #add({ footerLength, id, prefixes, size, tag }: ListedPack, object: string, indexed: boolean): void {
    addPrefixes(this.index, prefixes, this.packs.length)
    const chunks = prefixes.length / PREFIX_BYTES
    this.packs.push({ object, id: id.slice(), size, footerLength, tag, chunks, indexed })
  }
}

/** Gives chunks a value, unless they have one. */
const addPrefixes = (index: ChunkIndex, prefixes: Uint8Array, value: number): void => {
  for (let at = 0; at < prefixes.length; at += PREFIX_BYTES) {
    const prefix = prefixes.subarray(at, at + PREFIX_BYTES)
    if (index.get(prefix) === undefined) index.set(prefix, value)
  }
}

/** Finds the lost pack that had a chunk: the first of those that list it. */
export const lostPackOf = (lost: ReadonlyArray<LostPack>): (id: Uint8Array) => string | undefined => {
  if (lost.length === 0) return () => undefined
  const index = new ChunkIndex(lost.reduce((n, { prefixes }) => n + prefixes.length / PREFIX_BYTES, 0))
  for (const [number, { prefixes }] of lost.entries()) addPrefixes(index, prefixes, number)
  return (id) => {
    const number = index.get(id)
    return number === undefined ? undefined : lost[number]!.object
  }
}
