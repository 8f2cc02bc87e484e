/**
 * A chunk list: the chunks of one content, in order, as bytes. A chunk takes 36 bytes: its ID (32) and its length (u32,
 * little endian).
 */
import { ID_BYTES } from "../kernel/kernel.ts"

/** Bytes of a chunk in a list. */
export const RECORD_BYTES = 36

/**
 * The list of an empty content.
 *
 * @example The list of an empty file
 * ```ts
 * import assert from "node:assert"
 * import { chunkCount, contentLength, emptyList } from "@penstock/penstock/format"
 *
 * assert.deepEqual([chunkCount(emptyList), contentLength(emptyList)], [0, 0])
 * ```
 */
export const emptyList: Uint8Array = new Uint8Array(0)

/**
 * Number of chunks.
 *
 * @example Count chunks
 * ```ts
 * import assert from "node:assert"
 * import { chunkCount } from "@penstock/penstock/format"
 *
 * // Two records of 36 bytes.
 * assert.equal(chunkCount(new Uint8Array(72)), 2)
 * ```
 */
export const chunkCount = (list: Uint8Array): number => list.length / RECORD_BYTES

/**
 * The ID of chunk `i`: a view of the list.
 *
 * @example Go through the IDs of a list
 * ```ts
 * import assert from "node:assert"
 * import { chunkCount, chunkId, ChunkListBuilder } from "@penstock/penstock/format"
 *
 * const builder = new ChunkListBuilder()
 * builder.add(new Uint8Array(32).fill(1), 1000)
 * builder.add(new Uint8Array(32).fill(2), 500)
 * const list = builder.take()
 * const ids = Array.from({ length: chunkCount(list) }, (_, i) => chunkId(list, i))
 * assert.deepEqual(ids.map(([first]) => first), [1, 2])
 * ```
 */
export const chunkId = (list: Uint8Array, i: number): Uint8Array =>
  list.subarray(i * RECORD_BYTES, i * RECORD_BYTES + ID_BYTES)

/**
 * Whether two IDs are the same. Does not take constant time: IDs are not secret.
 *
 * @example Compare two IDs
 * ```ts
 * import assert from "node:assert"
 * import { sameId } from "@penstock/penstock/format"
 *
 * assert.ok(sameId(new Uint8Array(32), new Uint8Array(32)))
 * assert.ok(!sameId(new Uint8Array(32), new Uint8Array(32).fill(1)))
 * ```
 */
export const sameId = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/**
 * The length of chunk `i` in bytes.
 *
 * @example Find where a chunk begins in its file
 * ```ts
 * import assert from "node:assert"
 * import { chunkLength, ChunkListBuilder } from "@penstock/penstock/format"
 *
 * const builder = new ChunkListBuilder()
 * builder.add(new Uint8Array(32).fill(1), 1000)
 * builder.add(new Uint8Array(32).fill(2), 500)
 * const list = builder.take()
 * // The second chunk begins where the first ends.
 * assert.equal(chunkLength(list, 0), 1000)
 * ```
 */
export const chunkLength = (list: Uint8Array, i: number): number => {
  const at = i * RECORD_BYTES + ID_BYTES
  return (list[at]! | list[at + 1]! << 8 | list[at + 2]! << 16 | list[at + 3]! << 24) >>> 0
}

/**
 * The length of the whole content, in bytes.
 *
 * @example The size of a file, from its chunks
 * ```ts
 * import assert from "node:assert"
 * import { ChunkListBuilder, contentLength } from "@penstock/penstock/format"
 *
 * const builder = new ChunkListBuilder()
 * builder.add(new Uint8Array(32).fill(1), 1000)
 * builder.add(new Uint8Array(32).fill(2), 500)
 * assert.equal(contentLength(builder.take()), 1500)
 * ```
 */
export const contentLength = (list: Uint8Array): number => {
  let total = 0
  for (let i = 0; i < chunkCount(list); i++) total += chunkLength(list, i)
  return total
}

/**
 * Builds a chunk list.
 *
 * @example List the chunks of a file
 * ```ts
 * import assert from "node:assert"
 * import { ChunkListBuilder } from "@penstock/penstock/format"
 *
 * const builder = new ChunkListBuilder()
 * builder.add(new Uint8Array(32).fill(7), 1000)
 * assert.equal(builder.count, 1)
 * // 32 bytes of the ID, then the length, little endian.
 * assert.deepEqual([...builder.take().subarray(31)], [7, 0xe8, 0x03, 0, 0])
 * ```
 */
export class ChunkListBuilder {
  #bytes: Uint8Array = new Uint8Array(RECORD_BYTES * 4)
  #length = 0

  /** Number of chunks so far. */
  get count(): number {
    return this.#length / RECORD_BYTES
  }

  /** Appends a chunk; copies the ID. */
  add(id: Uint8Array, length: number): void {
    if (this.#length + RECORD_BYTES > this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    const at = this.#length
    this.#bytes.set(id, at)
    this.#bytes[at + ID_BYTES] = length
    this.#bytes[at + ID_BYTES + 1] = length >>> 8
    this.#bytes[at + ID_BYTES + 2] = length >>> 16
    this.#bytes[at + ID_BYTES + 3] = length >>> 24
    this.#length = at + RECORD_BYTES
  }

  /** The list, in fresh memory. Empties the builder. */
  take(): Uint8Array {
    const list = this.#bytes.slice(0, this.#length)
    this.#length = 0
    return list
  }
}
