/** Reads pieces of a file in slices. */
import * as Effect from "effect/Effect"
import { catching } from "../../kernel/catching.ts"
import { Recent } from "../../memory/recent.ts"
import type { RandomAccess } from "../random_access.ts"
import { bytesOfChunk, type Level, levelsOf, type SlicedFile, SliceError } from "./slices.ts"

/** A chunk that is to be fetched. */
export interface NamedChunk {
  /** The name under which it is stored. */
  readonly name: Uint8Array
  /** Its length in bytes, which follows from the length of the file. */
  readonly length: number
}

/**
 * Gives the content of chunks, in the order of their names. It verifies each content against its name: nothing else
 * does. All chunks that are known to be needed are asked for at once.
 */
export type FetchChunks<E = never, R = never> = (
  chunks: ReadonlyArray<NamedChunk>,
) => Effect.Effect<ReadonlyArray<Uint8Array>, E, R>

/** What a reader of slices may take. */
export interface SlicedOptions {
  /** The most bytes of lists and slices that are kept in memory; 1 MiB by default. */
  readonly cacheBytes?: number
}

const CACHE_BYTES = 1 << 20

/**
 * Opens a file in slices. Nothing is fetched yet. A read fetches the lists on the way to its slices level by level,
 * then the slices: at most one call of `fetch` for each level. Chunks that were used last are kept.
 *
 * A list only has names, and its length and level follow from the length of the file. So a hostile list cannot lead
 * round in circles or to more chunks than the file has.
 *
 * Fails with {@link SliceError} `layout` when the file says that it is longer than any, or its layout is out of bounds.
 * A read fails with `corrupt` when a chunk has another length than its place demands.
 *
 * @example Read a piece of a file
 * ```ts
 * import assert from "node:assert/strict"
 * import { blake3 } from "@noble/hashes/blake3.js"
 * import { bytesToHex } from "@noble/hashes/utils.js"
 * import { Effect, Stream } from "effect"
 * import { CATALOG_SLICES, openSliced, storeSliced } from "@penstock/penstock"
 *
 * const chunks = new Map<string, Uint8Array>()
 * const content = Uint8Array.from({ length: 1_000_000 }, (_, i) => i / 3000)
 * const read = Effect.gen(function* () {
 *   const { file } = yield* storeSliced(Stream.succeed(content), content.length, CATALOG_SLICES, {
 *     nameOf: (bytes) => blake3(bytes),
 *     isStored: (name) => chunks.has(bytesToHex(name)),
 *     store: (fresh) => Effect.sync(() => fresh.forEach(({ bytes, name }) => chunks.set(bytesToHex(name), bytes))),
 *   })
 *   const open = yield* openSliced(file, (wanted) =>
 *     Effect.succeed(wanted.map(({ name }) => chunks.get(bytesToHex(name))!)))
 *   return yield* open.read([500_000], 5)
 * })
 * assert.deepEqual(await Effect.runPromise(read), [content.subarray(500_000, 500_005)])
 * ```
 */
export const openSliced = <E, R>(
  file: SlicedFile,
  fetch: FetchChunks<E, R>,
  options: SlicedOptions = {},
): Effect.Effect<RandomAccess<SliceError | E, R>, SliceError> =>
  catching(SliceError, () => {
    const levels = levelsOf(file.size, file)
    if ((file.top?.length ?? file.nameBytes) !== file.nameBytes || (file.top === undefined) !== (file.size === 0)) {
      throw new SliceError({ reason: "layout", message: "The name of the top list of a file in slices is not valid" })
    }
    return new SlicedReader(file, levels, fetch, options.cacheBytes ?? CACHE_BYTES)
  })

class SlicedReader<E, R> implements RandomAccess<SliceError | E, R> {
  readonly size: number
  readonly #file: SlicedFile
  readonly #levels: ReadonlyArray<Level>
  readonly #fetch: FetchChunks<E, R>
  /** Chunks by level and number, see `keyOf`. */
  readonly #kept: Recent<number, Uint8Array>

  constructor(file: SlicedFile, levels: ReadonlyArray<Level>, fetch: FetchChunks<E, R>, cacheBytes: number) {
    this.size = file.size
    this.#file = file
    this.#levels = levels
    this.#fetch = fetch
    this.#kept = new Recent({ limit: cacheBytes, bytesOf: ({ length }) => length })
  }

  read(
    offsets: ReadonlyArray<number>,
    length: number,
  ): Effect.Effect<ReadonlyArray<Uint8Array>, SliceError | E, R> {
    const { size, sliceBytes } = this.#file
    const wanted = new Set<number>()
    for (const offset of offsets) {
      if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
        return Effect.fail(
          new SliceError({
            reason: "corrupt",
            message: `A file of ${size} bytes has no ${length} bytes from byte ${offset} on`,
          }),
        )
      }
      const end = offset + length
      for (let i = Math.floor(offset / sliceBytes); i * sliceBytes < end; i++) wanted.add(i)
    }
    return Effect.map(this.#chunks(0, [...wanted].sort((a, b) => a - b)), (slices) =>
      offsets.map((offset) => {
        const first = Math.floor(offset / sliceBytes)
        const from = offset - first * sliceBytes
        if (from + length <= sliceBytes && length > 0) return slices.get(first)!.subarray(from, from + length)
        const out = new Uint8Array(length)
        for (let at = 0, i = first; at < length; i++) {
          const slice = slices.get(i)!
          const skipped = i === first ? from : 0
          const part = slice.subarray(skipped, skipped + length - at)
          out.set(part, at)
          at += part.length
        }
        return out
      }))
  }

  /** Chunks of a level by their numbers. */
  readonly #chunks: (
    level: number,
    numbers: ReadonlyArray<number>,
  ) => Effect.Effect<ReadonlyMap<number, Uint8Array>, SliceError | E, R> = Effect.fnUntraced(
    function* (this: SlicedReader<E, R>, level: number, numbers: ReadonlyArray<number>) {
      const found = new Map<number, Uint8Array>()
      const missing: Array<number> = []
      for (const number of numbers) {
        const kept = this.#kept.get(keyOf(level, number))
        if (kept === undefined) missing.push(number)
        else found.set(number, kept)
      }
      if (missing.length === 0) return found
      const shape = this.#levels[level]!
      const names = yield* this.#names(level, missing)
      const wanted = missing.map((number, i) => ({ name: names[i]!, length: bytesOfChunk(shape, number) }))
      const contents = yield* this.#fetch(wanted)
      for (let i = 0; i < missing.length; i++) {
        const bytes = contents[i]
        const { length } = wanted[i]!
        if (bytes?.length !== length) {
          return yield* new SliceError({
            reason: "corrupt",
            message: `A ${level === 0 ? "slice" : "list"} of a file in slices has ${
              bytes?.length ?? "no"
            } bytes, not ${length}`,
          })
        }
        found.set(missing[i]!, bytes)
        this.#kept.set(keyOf(level, missing[i]!), bytes)
      }
      return found
    }.bind(this),
  )

  /** The names of chunks of a level, which the lists above have. */
  readonly #names: (
    level: number,
    numbers: ReadonlyArray<number>,
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, SliceError | E, R> = Effect.fnUntraced(
    function* (this: SlicedReader<E, R>, level: number, numbers: ReadonlyArray<number>) {
      const { nameBytes, top } = this.#file
      const above = this.#levels[level + 1]
      if (above === undefined) return [top!]
      const perList = above.chunkBytes / nameBytes
      const lists = yield* this.#chunks(level + 1, [...new Set(numbers.map((n) => Math.floor(n / perList)))])
      return numbers.map((number) => {
        const at = (number % perList) * nameBytes
        return lists.get(Math.floor(number / perList))!.subarray(at, at + nameBytes)
      })
    }.bind(this),
  )
}

/** A key for a chunk. A level has at most 2^32 chunks, see {@link SLICED_MAXIMUM}. */
const keyOf = (level: number, number: number): number => level * 2 ** 33 + number
