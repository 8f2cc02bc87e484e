/**
 * Writes objects into an area: long ones to files of their own, short ones to packfiles by what their IDs begin with.
 */
import * as Effect from "effect/Effect"
import { gzip } from "../../stages/compress/gzip.ts"
import { type Compressor, makeKernel } from "../../stages/kernel/kernel.ts"
import { StoreError } from "../../stages/store/store.ts"
import { absent, created } from "./errors.ts"
import { OBJECT_BYTES } from "./limits.ts"
import { packName, singleName } from "./layout.ts"
import { compareIds, encodePack, type Packable, prefixOf } from "./packfile.ts"
import { PENDING, type Room, type Shelf, SINGLE } from "./object_reader.ts"

/** How short objects become packfiles. */
export interface PackOptions {
  /** Objects of so many bytes or more have a file of their own. */
  readonly packBelow: number
  /** Short objects are held back until they have so many bytes together, and then grouped. */
  readonly windowBytes: number
}

/** Up to so many bytes held back are one packfile; more are one for each first byte of the IDs. */
const UNDIVIDED_BYTES = 4 << 20

export class ShelfWriter {
  readonly #room: Room
  readonly #shelf: Shelf
  readonly #options: PackOptions
  readonly #gzip: Compressor
  #window: Array<Packable> = []
  #windowBytes = 0
  #objects = 0
  #bytesStored = 0

  constructor(room: Room, shelf: Shelf, options: PackOptions) {
    this.#room = room
    this.#shelf = shelf
    this.#options = options
    this.#gzip = makeKernel(gzip(), room.table)
  }

  /** Files written, and their bytes. */
  get written(): { readonly objects: number; readonly bytesStored: number } {
    return { objects: this.#objects, bytesStored: this.#bytesStored }
  }

  /** Takes objects over that the area does not have, no two the same. They are stored after `flush` at the latest. */
  add(objects: ReadonlyArray<Packable>): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const long: Array<Packable> = []
      for (const object of objects) {
        if (object.bytes.length >= this.#options.packBelow) long.push(object)
        else {
          this.#shelf.objects.set(object.id, PENDING, 0, object.bytes.length)
          this.#window.push(object)
          this.#windowBytes += object.bytes.length
        }
      }
      const puts = this.#each(long, (object) => this.single(object))
      return this.#windowBytes < this.#options.windowBytes ? puts : Effect.andThen(puts, this.flush)
    })
  }

  /** Writes an object to a file of its own. */
  single({ bytes, id }: Packable): Effect.Effect<void, StoreError> {
    return Effect.suspend(() => {
      const { store, vault } = this.#room
      const name = singleName(this.#shelf.area, id)
      if (bytes.length > OBJECT_BYTES) {
        const message =
          `Cannot write ${name}: it has ${bytes.length} bytes, and could not be read again; use smaller chunks`
        return Effect.fail(new StoreError({ reason: "invalid", object: name, message }))
      }
      const sealed = vault.seal(name, bytes)
      const found = Effect.sync(() => this.#shelf.objects.set(id, SINGLE, 0, bytes.length))
      const written = Effect.andThen(
        Effect.sync(() => {
          this.#objects++
          this.#bytesStored += sealed.length
        }),
        found,
      )
      // The name is taken. Another writer may have stored the same since the listing; what has another length is not it.
      // Where no object can be seen, as when a directory has the name, the object goes into a packfile, whose name is new.
      const taken = Effect.flatMap(
        absent(store.stat(name)),
        (info) =>
          info === undefined
            ? this.#pack([{ bytes, id }])
            : info.size === sealed.length
            ? found
            : Effect.andThen(store.put(name, [sealed], { replace: true }), written),
      )
      return Effect.flatMap(created(store.put(name, [sealed])), (isNew) => isNew ? written : taken)
    })
  }

  /** Writes what is held back. */
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
      const name = packName(this.#shelf.area, prefix)
      const { bytes, offsets } = encodePack(group, prefix)
      const sealed = this.#room.vault.seal(name, this.#gzip.encode(bytes))
      this.#objects++
      this.#bytesStored += sealed.length
      return Effect.map(this.#room.store.put(name, [sealed]), () => {
        const pack = this.#shelf.added(name, prefix, sealed.length)
        for (const [i, object] of group.entries()) {
          this.#shelf.objects.set(object.id, pack, offsets[i]!, object.bytes.length)
        }
      })
    })
  }

  #each<A>(
    items: ReadonlyArray<A>,
    run: (item: A) => Effect.Effect<void, StoreError>,
  ): Effect.Effect<void, StoreError> {
    return items.length === 0
      ? Effect.void
      : Effect.forEach(items, run, { concurrency: this.#room.store.properties.connections, discard: true })
  }
}

const byFirstByte = (sorted: ReadonlyArray<Packable>): ReadonlyArray<ReadonlyArray<Packable>> => {
  const groups = Array.from({ length: 256 }, (): Array<Packable> => [])
  for (const object of sorted) groups[object.id[0]!]!.push(object)
  return groups
}
