/** The packing without packs: every chunk is an object of its own, by default `objects/ab/<64 hex of its ID>`. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { fetchingFrom } from "../store/fetching.ts"
import { catching } from "../kernel/catching.ts"
import { chunkCount, chunkId, chunkLength } from "../hash/chunk_list.ts"
import { type Compressor, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import { absent, created } from "../store/absent.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { ChunkIndex } from "./chunk_index.ts"
import type { BlockPlace, ChunkPlace, Packer, Packing, Unpacker } from "./packing.ts"
import { ObjectStore, StoreError } from "../store/store.ts"

/** What codecs may add to a chunk, beside a sixteenth: longer objects are not read. */
const GROWTH = 64 << 10

/** The longest object that a chunk of so many bytes becomes. */
const longest = (rawLength: number): number => rawLength + Math.floor(rawLength / 16) + GROWTH

/** Names of objects, by ID. */
export interface ObjectNames {
  /** Ends with a slash. */
  readonly directory: string
  /** The name of the object with this ID. */
  readonly nameOf: (id: Uint8Array) => string
  /** The inverse; undefined for names that are not of this kind. */
  readonly idOf: (name: string) => Uint8Array | undefined
}

/** How chunks become objects. */
export interface ObjectsOptions extends ObjectNames {
  /**
   * Chunks that are known to be stored. Then the store is not listed, which may take long, but asked for each other
   * chunk before that is put. By default it is listed.
   */
  readonly present?: () => ChunkIndex
  /** Content type that objects are put with, on stores that keep it. */
  readonly contentType?: string
  /**
   * What objects of a content type are decoded with when they are read, where the store keeps content types; all others
   * must be the bare chunk. When absent, objects are what the plan made of a chunk, and the recipe decodes them.
   */
  readonly compressed?: Readonly<Record<string, KernelSpec<"compress">>>
}

const plain: ObjectNames = {
  directory: "objects/",
  nameOf: (id) => {
    const hex = bytesToHex(id)
    return `objects/${hex.slice(0, 2)}/${hex}`
  },
  idOf: (name) => {
    const hex = name.slice("objects/".length + 3)
    return /^[0-9a-f]{64}$/.test(hex) ? hexToBytes(hex) : undefined
  },
}

/**
 * One block per object: simple, and whatever else reads the store finds a chunk by its ID. Small chunks make many small
 * objects.
 */
export const objects = (): Packing => objectsOf(plain)

/** The same with names and content types of a format's own. */
export const objectsOf = (options: ObjectsOptions): Packing => ({
  write: Effect.gen(function* () {
    const store = yield* ObjectStore
    const { contentType, present } = options
    const index = present === undefined ? yield* listIds(store, options) : present()
    let written = 0
    let bytesStored = 0
    let bytesAdded = 0
    const packer: Packer = {
      blockBytes: 0,
      index,
      has: (id) => index.get(id) !== undefined,
      claim: (id) => index.claim(id),
      add: (blocks) =>
        Effect.forEach(
          blocks,
          Effect.fnUntraced(function* ({ bytes, chunks, rawLength }) {
            const name = options.nameOf(chunkId(chunks, 0))
            if (present !== undefined && (yield* isThere(store, name))) return
            written++
            bytesStored += bytes.length
            bytesAdded += rawLength
            // Another writer may have stored the same chunk since the listing.
            yield* putOnce(store, name, bytes, contentType)
          }),
          { concurrency: requestsAtOnce(store), discard: true },
        ),
      finish: Effect.void,
      stats: () => ({ objects: written, bytesStored, chunksNew: written, bytesAdded }),
    }
    return packer
  }),
  read: Effect.gen(function* () {
    const store = yield* ObjectStore
    const table = yield* Kernels
    const decoders = options.compressed && new Map(
      Object.entries(options.compressed).map(([type, spec]) => [type, makeKernel(spec, table)]),
    )
    const unpacker: Unpacker = {
      locate: (list) =>
        Effect.sync(() => {
          const places = new Map<string, ChunkPlace>()
          return Array.from({ length: chunkCount(list) }, (_, i) => {
            const object = options.nameOf(chunkId(list, i))
            let place = places.get(object)
            if (place === undefined) {
              const rawLength = chunkLength(list, i)
              places.set(
                object,
                place = { block: { object, offset: 0, length: Infinity, rawLength }, from: 0, to: rawLength },
              )
            }
            return place
          })
        }),
      fetching: fetchingFrom(store),
      get: (block) =>
        decoders === undefined
          ? store.get(block.object, { atMost: longest(block.rawLength) })
          : getBare(store, decoders, block),
    }
    return unpacker
  }),
})

/** Whether there is an object of that name. */
export const isThere = (store: ObjectStore, name: string): Effect.Effect<boolean, StoreError> =>
  Effect.map(absent(store.stat(name)), (info) => info !== undefined)

/** Puts an object that is named by its content: when it is there already, it is the same. */
export const putOnce = (
  store: ObjectStore,
  name: string,
  bytes: Uint8Array,
  contentType?: string,
): Effect.Effect<void, StoreError> =>
  Effect.asVoid(created(store.put(name, [bytes], contentType === undefined ? {} : { contentType })))

/** The IDs that there are objects of, from a listing. */
export const listIds = (store: ObjectStore, names: ObjectNames): Effect.Effect<ChunkIndex, StoreError> =>
  Effect.suspend(() => {
    const index = new ChunkIndex()
    return Effect.as(
      Stream.runForEachArray(store.list(names.directory), (found) =>
        Effect.sync(() => {
          for (const { name } of found) {
            const id = names.idOf(name)
            if (id !== undefined) index.set(id, 0)
          }
        })),
      index,
    )
  })

/** The bare chunk. Reads no more than the chunk has, however long the object is. */
const getBare = Effect.fnUntraced(function* (
  store: ObjectStore,
  decoders: ReadonlyMap<string, Compressor>,
  { object, rawLength }: BlockPlace,
): Effect.fn.Return<Uint8Array, StoreError> {
  const corrupt = (message: string) => new StoreError({ reason: "corrupt", object: object, message })
  if (store.properties.contentType === true) {
    const { contentType = "", size } = yield* store.stat(object)
    const decoder = decoders.get(contentType)
    if (decoder !== undefined) {
      if (size > longest(rawLength)) {
        return yield* corrupt(`${object} is longer than what compresses to a chunk of ${rawLength} bytes`)
      }
      const bytes = yield* store.get(object, { atMost: longest(rawLength) })
      return yield* catching(KernelError, () => decoder.decode(bytes, rawLength)).pipe(
        Effect.mapError((error) => corrupt(`${object} is damaged or altered: ${error.message}`)),
      )
    }
  }
  return yield* store.get(object, { offset: 0, length: rawLength })
})
