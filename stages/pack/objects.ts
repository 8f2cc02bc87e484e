/** The packing without packs: each chunk is an object of its own, by default `objects/ab/<64 hex digits of its ID>`. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId, chunkLength } from "../hash/chunk_list.ts"
import { catching } from "../kernel/catching.ts"
import { type Compressor, KernelError, Kernels, type KernelSpec, makeKernel } from "../kernel/kernel.ts"
import { isThere, putOnce } from "../store/absent.ts"
import { requestsAtOnce } from "../store/at_once.ts"
import { fetchingFrom } from "../store/fetching.ts"
import { ObjectStore, StoreError } from "../store/store.ts"
import { ChunkIndex } from "./chunk_index.ts"
import type { BlockPlace, ChunkPlace, Packer, Packing, Unpacker } from "./packing.ts"

/** Bytes that codecs may add to a chunk, besides a sixteenth of it. Longer objects are not read. */
const GROWTH = 64 << 10

/** The longest object that can hold a chunk of this many bytes. */
const longestObject = (rawLength: number): number => rawLength + Math.floor(rawLength / 16) + GROWTH

/** How objects are named after the IDs of their chunks. */
export interface ObjectNames {
  /** Ends with a slash. */
  readonly directory: string
  /** The name of the object with this ID. */
  readonly nameOf: (id: Uint8Array) => string
  /** The inverse. Undefined for a name that is not of this kind. */
  readonly idOf: (name: string) => Uint8Array | undefined
}

/** How chunks become objects. */
export interface ObjectsOptions extends ObjectNames {
  /**
   * Chunks that are known to be stored. By default the store is listed to find them, which may take long. With this
   * option it is not listed. Instead, the store is asked for each other chunk before the chunk is put.
   */
  readonly present?: () => ChunkIndex
  /** Content type of new objects, for stores that keep it. */
  readonly contentType?: string
  /**
   * How to decode objects of a content type when they are read, if the store keeps content types. All other objects
   * must be the bare chunk. Without this option, objects are what the plan made of a chunk, and the recipe decodes
   * them.
   */
  readonly compressed?: Readonly<Record<string, KernelSpec<"compress">>>
}

const plainNames: ObjectNames = {
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
 * One chunk for each object. Any program that reads the store finds a chunk by its ID. Small chunks make many small
 * objects.
 *
 * @example Name each object by the hash of its bytes
 * ```ts
 * import assert from "node:assert"
 * import { blake3, chunk, hash, memorySourceLayer, objects, ObjectStore, pack, walk, whole } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function* () {
 *   const stored = walk("").pipe(chunk(whole()), hash(blake3), pack(objects()))
 *   yield* Effect.scoped(Stream.runDrain(stored))
 *   return yield* Stream.runCollect((yield* ObjectStore).list("objects/"))
 * })
 * const tree = memorySourceLayer({ "note.txt": { content: "abc" } })
 * const [object] = await Effect.runPromise(Effect.provide(program, [tree, memoryStore.layer]))
 * assert.ok(object!.name.startsWith("objects/64/6437b3ac"))
 * ```
 */
export const objects = (): Packing => objectsOf(plainNames)

/** Objects with the names and content types of a format. */
export const objectsOf = (options: ObjectsOptions): Packing => ({
  write: writeObjects(options),
  read: readObjects(options),
})

const writeObjects = (options: ObjectsOptions): Packing["write"] =>
  Effect.gen(function* () {
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
            // Once: another writer may have stored the same chunk since the listing.
            yield* putOnce(store, name, bytes, contentType)
          }),
          { concurrency: requestsAtOnce(store), discard: true },
        ),
      finish: Effect.void,
      stats: () => ({ objects: written, bytesStored, chunksNew: written, bytesAdded }),
    }
    return packer
  })

const readObjects = (options: ObjectsOptions): Packing["read"] =>
  Effect.gen(function* () {
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
          ? store.get(block.object, { atMost: longestObject(block.rawLength) })
          : getBareChunk(store, decoders, block),
    }
    return unpacker
  })

/**
 * The IDs of all chunks that the store has, from a listing.
 *
 * @example Learn which chunks a store has
 * ```ts
 * import assert from "node:assert"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { listIds } from "@penstock/penstock/format"
 * import { Effect } from "effect"
 *
 * // One byte of the ID in each name, for brevity.
 * const names = {
 *   directory: "chunks/",
 *   nameOf: (id: Uint8Array) => `chunks/${id[0]}`,
 *   idOf: (name: string) => new Uint8Array(32).fill(Number(name.slice("chunks/".length))),
 * }
 * const program = Effect.gen(function* () {
 *   const store = yield* memoryStore.make()
 *   yield* store.put("chunks/7", [new Uint8Array(10)])
 *   return yield* listIds(store, names)
 * })
 * const index = await Effect.runPromise(program)
 * assert.notEqual(index.get(new Uint8Array(32).fill(7)), undefined)
 * assert.equal(index.get(new Uint8Array(32).fill(8)), undefined)
 * ```
 */
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

/** A chunk, decoded. Reads no more bytes than the chunk can have, however long the object is. */
const getBareChunk = Effect.fnUntraced(function* (
  store: ObjectStore,
  decoders: ReadonlyMap<string, Compressor>,
  { object, rawLength }: BlockPlace,
): Effect.fn.Return<Uint8Array, StoreError> {
  const corrupt = (message: string) => new StoreError({ reason: "corrupt", object, message })
  if (store.properties.contentType === true) {
    const { contentType = "", size } = yield* store.stat(object)
    const decoder = decoders.get(contentType)
    if (decoder !== undefined) {
      if (size > longestObject(rawLength)) {
        return yield* corrupt(`${object} is too long for a compressed chunk of ${rawLength} bytes`)
      }
      const bytes = yield* store.get(object, { atMost: longestObject(rawLength) })
      return yield* catching(KernelError, () => decoder.decode(bytes, rawLength)).pipe(
        Effect.mapError((error) => corrupt(`${object} is damaged or altered: ${error.message}`)),
      )
    }
  }
  return yield* store.get(object, { offset: 0, length: rawLength })
})
