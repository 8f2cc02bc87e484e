/**
 * Writes objects into an area: long ones to files of their own, short ones to packfiles by what their IDs begin with.
 */
import * as Effect from "effect/Effect"
import { gzip } from "../../stages/compress/gzip.ts"
import { type Compressor, makeKernel } from "../../stages/kernel/kernel.ts"
import { StoreError } from "../../stages/store/store.ts"
import { absent, created } from "./errors.ts"
import { packName, singleName } from "./layout.ts"
import { OBJECT_BYTES } from "./limits.ts"
import { type ObjectIndex, PENDING, SINGLE } from "./object_index.ts"
import type { Opened } from "./opened.ts"
import { compareIds, encodePack, type Packable, prefixOf } from "./packfile.ts"

/** A group of this many bytes or fewer is one packfile. A larger one is divided by the first byte of the IDs. */
const UNDIVIDED_BYTES = 4 << 20

/** Writes objects into one area. */
export class ObjectWriter {
  readonly #opened: Opened
  readonly #index: ObjectIndex
  readonly #gzip: Compressor
  /** Short objects that are held back. */
  #window: Array<Packable> = []
  #windowBytes = 0
  #files = 0
  #bytesStored = 0

  /** The writer records in the index where it put each object. */
  constructor(opened: Opened, index: ObjectIndex) {
    this.#opened = opened
    this.#index = index
    this.#gzip = makeKernel(gzip(), opened.table)
  }

  /** Files written, and their bytes. */
  get written(): { readonly objects: number; readonly bytesStored: number } {
    return { objects: this.#files, bytesStored: this.#bytesStored }
  }

  /**
   * Takes ownership of objects that the area does not have, no two of them the same. All are stored once `flush` has
   * run; long ones before this returns.
   */
  add(objects: ReadonlyArray<Packable>): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const { packBelow, windowBytes } = this.#opened.packOptions
      const long: Array<Packable> = []
      for (const object of objects) {
        if (object.bytes.length >= packBelow) long.push(object)
        else {
          this.#index.set(object.id, PENDING, 0, object.bytes.length)
          this.#window.push(object)
          this.#windowBytes += object.bytes.length
        }
      }
      const puts = this.#each(long, (object) => this.single(object))
      return this.#windowBytes < windowBytes ? puts : Effect.andThen(puts, this.flush)
    })
  }

  /** Writes an object to a file of its own. */
  single({ bytes, id }: Packable): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const { cipher, store } = this.#opened
      const name = singleName(this.#index.area, id)
      if (bytes.length > OBJECT_BYTES) {
        const message =
          `Cannot write ${name}: it has ${bytes.length} bytes, more than can be read back; use smaller chunks`
        return Effect.fail(new StoreError({ reason: "invalid", object: name, message }))
      }
      const stored = cipher.encrypt(name, bytes)
      const found = Effect.sync(() => this.#index.set(id, SINGLE, 0, bytes.length))
      const written = Effect.andThen(
        Effect.sync(() => {
          this.#files++
          this.#bytesStored += stored.length
        }),
        found,
      )
      // The name is taken. With the same size it is this object, which another writer stored after the listing; with
      // another size it is damaged. When a directory has the name, no object shows: a packfile has a new name.
      const taken = Effect.flatMap(
        absent(store.stat(name)),
        (info) =>
          info === undefined
            ? this.#pack([{ bytes, id }])
            : info.size === stored.length
            ? found
            : Effect.andThen(store.put(name, [stored], { replace: true }), written),
      )
      return Effect.flatMap(created(store.put(name, [stored])), (isNew) => isNew ? written : taken)
    })
  }

  /** Writes all objects that are held back. */
  readonly flush: Effect.Effect<void, StoreError> = Effect.suspend(() => {
    const window = this.#window.sort((a, b) => compareIds(a.id, b.id))
    const groups = this.#windowBytes <= UNDIVIDED_BYTES ? [window] : byFirstByte(window)
    this.#window = []
    this.#windowBytes = 0
    return this.#each(
      groups,
      (group) => group.length === 0 ? Effect.void : group.length === 1 ? this.single(group[0]!) : this.#pack(group),
    )
  })

  #pack(group: ReadonlyArray<Packable>): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const prefix = prefixOf(group).slice()
      const name = packName(this.#index.area, prefix)
      const { bytes, offsets } = encodePack(group, prefix)
      const stored = this.#opened.cipher.encrypt(name, this.#gzip.encode(bytes))
      this.#files++
      this.#bytesStored += stored.length
      return Effect.map(this.#opened.store.put(name, [stored]), () => {
        const pack = this.#index.addWritten(name, prefix, stored.length)
        for (const [i, object] of group.entries()) {
          this.#index.set(object.id, pack, offsets[i]!, object.bytes.length)
        }
      })
    })
  }

  /** As many at once as the store takes. */
  #each<A>(
    items: ReadonlyArray<A>,
    write: (item: A) => Effect.Effect<void, StoreError>,
  ): Effect.Effect<void, StoreError> {
    return items.length === 0
      ? Effect.void
      : Effect.forEach(items, write, { concurrency: this.#opened.store.properties.connections, discard: true })
  }
}

const byFirstByte = (sorted: ReadonlyArray<Packable>): ReadonlyArray<ReadonlyArray<Packable>> => {
  const groups = Array.from({ length: 256 }, (): Array<Packable> => [])
  for (const object of sorted) groups[object.id[0]!]!.push(object)
  return groups
}
