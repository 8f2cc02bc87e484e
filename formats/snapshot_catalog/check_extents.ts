/** Checks extents: whether they are there, as long as they should be, and what their names say. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { sameId } from "../../stages/hash/chunk_list.ts"
import { ChunkIndex, MAXIMUM_VALUE } from "../../stages/pack/chunk_index.ts"
import type { ObjectNames } from "../../stages/pack/objects.ts"
import type { Unpacker } from "../../stages/pack/packing.ts"
import type { Damage } from "../../stages/store/damage.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import { ObjectStore, type StoreError } from "../../stages/store/store.ts"
import type { FormatError } from "../error.ts"
import type { MapEntry } from "./blob_map.ts"
import { corrupt, isDamage } from "./errors.ts"
import { extents } from "./layout.ts"
import { MAXIMUM_EXTENT } from "./limits.ts"
import { type Opened, ZSTD } from "./opened.ts"

/** Extents that are read at once. */
const CONCURRENCY = 2

/** The objects that a check reads, and how much it has read. */
export interface Sample {
  /** Whether an object is read. To be asked once. */
  readonly has: (name: string) => boolean
  /** Stored bytes that were read. */
  bytesRead: number
}

/** An extent as a file refers to it. */
export type Extent = Omit<MapEntry, "offset">

/** Objects from a listing. */
export interface Sizes {
  /** The sizes by ID. Those from {@link MAXIMUM_VALUE} up, 16 MiB, are all that value. */
  readonly index: ChunkIndex
  /** All sizes together. */
  readonly bytes: number
}

/** Lists objects. */
export const listSizes = (store: ObjectStore, names: ObjectNames): Effect.Effect<Sizes, StoreError> =>
  Effect.suspend(() => {
    const sizes = { index: new ChunkIndex(), bytes: 0 }
    return Effect.as(
      Stream.runForEachArray(store.list(names.directory), (found) =>
        Effect.sync(() => {
          for (const { name, size } of found) {
            const id = names.idOf(name)
            if (id === undefined) continue
            sizes.index.set(id, Math.min(size, MAXIMUM_VALUE))
            sizes.bytes += size
          }
        })),
      sizes,
    )
  })

/** The size of an object; `listed` is its size from {@link listSizes}. */
export const exactSize = (store: ObjectStore, object: string, listed: number): Effect.Effect<number, StoreError> =>
  listed < MAXIMUM_VALUE ? Effect.succeed(listed) : Effect.map(store.stat(object), ({ size }) => size)

/** The extents of a repository under a check. */
export class ExtentCheck {
  readonly #opened: Opened
  readonly #damage: Damage
  readonly #sample: Sample
  readonly #sizes: ChunkIndex
  readonly #unpacker: Unpacker
  readonly #seen = new ChunkIndex()

  constructor(opened: Opened, damage: Damage, sample: Sample, sizes: ChunkIndex, unpacker: Unpacker) {
    this.#opened = opened
    this.#damage = damage
    this.#sample = sample
    this.#sizes = sizes
    this.#unpacker = unpacker
  }

  /** How many extents were listed. */
  get total(): number {
    return this.#sizes.size
  }

  /** How many extents were checked. */
  get done(): number {
    return Math.min(this.total, this.#seen.size)
  }

  /** Checks those extents that were not checked before. */
  check(extents: Iterable<Extent>): Effect.Effect<void, FormatError> {
    return Effect.suspend(() => {
      const fresh = Array.from(extents).filter(({ id }) => this.#seen.claim(id))
      return Effect.forEach(fresh, (extent) => this.#checkOne(extent, (name) => this.#sample.has(name)), {
        concurrency: CONCURRENCY,
        discard: true,
      })
    })
  }

  /**
   * Reads the sampled ones of the extents that were not checked: no snapshot has them, but the next one may use them.
   */
  readonly checkRest: Effect.Effect<void, FormatError> = Effect.suspend(() => {
    const { store } = this.#opened
    const damage = this.#damage
    return Stream.runForEach(
      store.list(extents.directory),
      Effect.fnUntraced({ self: this }, function* ({ name, size }): Effect.fn.Return<void, FormatError> {
        const id = extents.idOf(name)
        if (id === undefined || !this.#seen.claim(id) || !this.#sample.has(name)) return
        if (size > MAXIMUM_EXTENT) {
          damage.add(name, `${name} has ${size} bytes, and an extent at most ${MAXIMUM_EXTENT}`)
          return
        }
        const info = yield* Effect.catchIf(store.stat(name), isDamage, (error) =>
          Effect.sync(() => {
            damage.add(name, error.message, error)
            return undefined
          }))
        if (info === undefined) return
        // Another backup may have stored it since the listing.
        if (this.#sizes.get(id) === undefined) this.#sizes.set(id, Math.min(size, MAXIMUM_VALUE))
        // No catalog tells how long a compressed one is when it is decompressed. Its hash is enough.
        const length = info.contentType === ZSTD ? MAXIMUM_EXTENT : size
        yield* this.#checkOne({ id, length }, () => true)
      }),
    )
  })

  #checkOne: (extent: Extent, isSampled: (name: string) => boolean) => Effect.Effect<void, FormatError> = Effect
    .fnUntraced(
      { self: this },
      function* ({ id, length }, isSampled) {
        const { hasher, store } = this.#opened
        const object = extents.nameOf(id)
        const listed = this.#sizes.get(id)
        const found = (message: string, cause?: unknown): void => {
          this.#damage.add(object, message, cause)
          this.#damage.addChunk(id, object)
        }
        if (listed === undefined) return found(`${object} is missing`)
        const size = yield* exactSize(store, object, listed)
        // A store that keeps content types may hold it compressed.
        if (store.properties.contentType !== true && size !== length) {
          return found(`${object} has ${size} bytes instead of ${length}`)
        }
        if (!isSampled(object)) return
        const right = Effect.flatMap(
          this.#unpacker.get({ object, offset: 0, length: Infinity, rawLength: length }),
          (bytes) =>
            sameId(hasher.digest(bytes), id) ? Effect.void : Effect.fail(
              corrupt(object, `${object} is damaged or was altered: its content does not match its name`),
            ),
        )
        yield* Effect.catchIf(
          readTwice(object, right),
          isDamage,
          (error) => Effect.sync(() => found(error.message, error)),
        )
        this.#sample.bytesRead += size
      },
    )
}
