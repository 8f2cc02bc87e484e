/**
 * Which chunks exist, and in which pack: a hash table in one buffer that threads share. It takes less than 16 bytes a
 * chunk once there are many, and grows in place without a long pause.
 *
 * A slot has the first 12 bytes of the ID and a value of 24 bits. IDs are outputs of a hash, so their first bytes serve
 * as the hash of the table. Two chunks whose first 96 bits agree are taken for one: with keyed IDs nobody can search
 * for such a pair, and among 10^10 chunks the chance of one is 2^-31.
 *
 * Byte 0 of the ID chooses one of 256 shards, bytes 4–7 the home in it. The chunks of a shard are in the order of these
 * bytes, each in its home or behind it (linear probing, sorted), so a search ends at the first larger one. A shard that
 * is 93 % full grows by a 24th: it gets more pages, and its chunks are spread over all of them. So at most a 256th of
 * the table moves at once, and the other shards stay in use. Every access holds the lock of its shard.
 */
import { ChunkPages, PAGE_SLOTS, VALUES } from "./chunk_pages.ts"
import { type GrowingBuffer, indexLimit } from "./growing_buffer.ts"

/** Value of a chunk that this run stores and that no finished pack holds yet. */
export const PENDING = 0xfffffffe
/** The largest value, apart from {@link PENDING}. */
export const MAXIMUM_VALUE = 0xfffffd

/** How a slot holds {@link PENDING}. Other values are stored as one more than they are, so that 0 is an empty slot. */
const PENDING_STORED = 0xffffff

const MAXIMUM_LOAD = 0.93
/** A shard has at least this many homes. */
const LEAST_HOMES = 24
/** Slots behind the last home, for chunks whose homes are taken. */
const SLACK = 48

/** The index of chunks. One object for each thread, over one buffer. */
export class ChunkIndex {
  readonly #pages: ChunkPages
  /** The slot in its shard at which the last search ended. The cursor of `#pages` is there, too. */
  #slot = 0
  /** Holds the chunks of a shard while they are spread anew: 3 words and 1 half of a word each. */
  #moved: Int32Array = new Int32Array(0)
  #movedHalves: Uint16Array = new Uint16Array(0)

  /**
   * A new index with room for `expected` chunks, or, given the `buffer` of another index, a view of that: each sees
   * what the other inserts. Inserting throws KernelError `limit` when the system has no more memory.
   */
  constructor(expected = 0, buffer?: GrowingBuffer) {
    this.#pages = new ChunkPages(buffer)
    if (buffer !== undefined || expected <= 0) return
    // The numbers of chunks in the shards differ by chance, so each gets three standard deviations more than the mean.
    const perShard = expected / ChunkPages.count
    const homes = Math.ceil((perShard + 3 * Math.sqrt(perShard)) / MAXIMUM_LOAD)
    for (const shard of ChunkPages.shards()) this.#enlarge(shard, homes)
  }

  /** What to hand to another thread. A SharedArrayBuffer where the runtime can share memory. */
  get buffer(): GrowingBuffer {
    return this.#pages.buffer
  }

  /** Number of chunks. */
  get size(): number {
    return this.#pages.chunks
  }

  /** Memory in use, in bytes. More of `buffer` may be reserved. */
  get bytes(): number {
    return this.#pages.bytes
  }

  /**
   * The value of a chunk (the number of its pack, or {@link PENDING}); undefined when the chunk does not exist. `id`
   * has at least 12 bytes.
   */
  get(id: Uint8Array): number | undefined {
    const pages = this.#pages
    const shard = pages.enter(id)
    const found = this.#search(shard, id)
    const stored = found ? pages.page[pages.at + VALUES + pages.inPage]! >>> 8 : 0
    pages.leave(shard)
    return !found ? undefined : stored === PENDING_STORED ? PENDING : stored - 1
  }

  /**
   * Makes a chunk exist, as {@link PENDING}. Returns true when it did not exist: of all threads that claim a chunk,
   * exactly one gets true, and has to store the chunk.
   */
  claim(id: Uint8Array): boolean {
    const shard = this.#pages.enter(id)
    try {
      const found = this.#search(shard, id)
      if (!found) this.#insert(shard, id, PENDING_STORED)
      return !found
    } finally {
      this.#pages.leave(shard)
    }
  }

  /** Gives a chunk a value of at most {@link MAXIMUM_VALUE}, or {@link PENDING}, whether it existed or not. */
  set(id: Uint8Array, value: number): void {
    const stored = value === PENDING ? PENDING_STORED : value + 1
    if (value !== PENDING && value > MAXIMUM_VALUE) {
      throw indexLimit(`${value} packs are too many for the index of chunks`)
    }
    const pages = this.#pages
    const shard = pages.enter(id)
    try {
      if (!this.#search(shard, id)) this.#insert(shard, id, stored)
      else pages.page[pages.at + VALUES + pages.inPage] = stored << 8 | id[1]!
    } finally {
      pages.leave(shard)
    }
  }

  /** Whether a chunk is there. Goes to its slot, or to the slot where it belongs. */
  #search(shard: number, id: Uint8Array): boolean {
    const pages = this.#pages
    const slots = pages.slotsOf(shard)
    const key = word(id, 4) >>> 0
    const second = word(id, 8)
    let slot = Math.floor(key * pages.homesOf(shard) / 2 ** 32)
    for (; slot < slots; slot++) {
      pages.goTo(shard, slot)
      const { at: start, half, halfAt, page } = pages
      let n = pages.inPage
      for (; n < PAGE_SLOTS; n++, slot++) {
        const at = start + n
        const third = page[at + VALUES]!
        const here = page[at]! >>> 0
        if (third === 0 || here > key) break
        if (here < key) continue
        if (
          page[at + PAGE_SLOTS] === second && (third & 0xff) === id[1] &&
          half[halfAt + n] === (id[2]! | id[3]! << 8)
        ) {
          pages.inPage = n
          this.#slot = slot
          return true
        }
      }
      if (n < PAGE_SLOTS) break
      slot--
    }
    this.#slot = slot
    return false
  }

  /** Puts a chunk where the search for it ended. The shard is locked. */
  #insert(shard: number, id: Uint8Array, stored: number): void {
    const pages = this.#pages
    const homes = pages.homesOf(shard)
    if (pages.chunksIn(shard) >= homes * MAXIMUM_LOAD) {
      this.#enlarge(shard, Math.max(LEAST_HOMES, Math.ceil(homes * 25 / 24)))
      this.#search(shard, id)
    }
    const slot = this.#slot
    let free = this.#freeFrom(shard, slot)
    if (free < 0) {
      free = pages.slotsOf(shard)
      pages.addPage(shard)
    }
    this.#shift(shard, slot, free)
    pages.goTo(shard, slot)
    pages.write(word(id, 4), word(id, 8), stored << 8 | id[1]!, id[2]! | id[3]! << 8)
    pages.countChunk(shard)
  }

  /** The first empty slot from `slot` on; -1 when there is none. */
  #freeFrom(shard: number, slot: number): number {
    const pages = this.#pages
    const slots = pages.slotsOf(shard)
    for (let at = slot; at < slots;) {
      pages.goTo(shard, at)
      const values = pages.at + VALUES
      for (let n = pages.inPage; n < PAGE_SLOTS; n++, at++) if (pages.page[values + n] === 0) return at
    }
    return -1
  }

  /** Moves the slots from `from` to `to` (exclusive, and empty) one further. */
  #shift(shard: number, from: number, to: number): void {
    const pages = this.#pages
    while (to > from) {
      pages.goTo(shard, to)
      const { at, half, halfAt, inPage: end, page } = pages
      if (end === 0) {
        pages.goTo(shard, to - 1)
        const last = pages.at + pages.inPage
        page[at] = pages.page[last]!
        page[at + PAGE_SLOTS] = pages.page[last + PAGE_SLOTS]!
        page[at + VALUES] = pages.page[last + VALUES]!
        half[halfAt] = pages.half[pages.halfAt + pages.inPage]!
        to--
        continue
      }
      const start = Math.max(0, end - (to - from))
      for (let column = at; column <= at + VALUES; column += PAGE_SLOTS) {
        page.copyWithin(column + start + 1, column + start, column + end)
      }
      half.copyWithin(halfAt + start + 1, halfAt + start, halfAt + end)
      to -= end - start
    }
  }

  /** Gives a shard `homes` homes, and spreads its chunks over them. */
  #enlarge(shard: number, homes: number): void {
    const pages = this.#pages
    const count = pages.chunksIn(shard)
    const before = pages.pagesOf(shard)
    this.#takeOut(shard, count)
    while (pages.slotsOf(shard) < homes + SLACK) pages.addPage(shard)
    for (let n = 0; n < before; n++) {
      pages.goToPage(shard, n)
      pages.page.fill(0, pages.at + VALUES, pages.at + VALUES + PAGE_SLOTS)
    }
    pages.setHomes(shard, homes)
    const words = this.#moved
    const halves = this.#movedHalves
    for (let n = 0, slot = 0, first = -PAGE_SLOTS; n < count; n++, slot++) {
      slot = Math.max(slot, Math.floor((words[3 * n]! >>> 0) * homes / 2 ** 32))
      pages.inPage = slot - first
      if (pages.inPage >= PAGE_SLOTS) {
        if (slot === pages.slotsOf(shard)) pages.addPage(shard)
        pages.goTo(shard, slot)
        first = slot - pages.inPage
      }
      pages.write(words[3 * n]!, words[3 * n + 1]!, words[3 * n + 2]!, halves[n]!)
    }
  }

  /** Copies the chunks of a shard, in their order, to `#moved` and `#movedHalves`. */
  #takeOut(shard: number, count: number): void {
    if (this.#moved.length < count * 3) this.#moved = new Int32Array(count * 4)
    if (this.#movedHalves.length < count) this.#movedHalves = new Uint16Array(count * 4 / 3)
    const pages = this.#pages
    const words = this.#moved
    const halves = this.#movedHalves
    for (let page = 0, n = 0, end = pages.pagesOf(shard); page < end; page++) {
      pages.goToPage(shard, page)
      for (let at = pages.at; at < pages.at + PAGE_SLOTS; at++) {
        const third = pages.page[at + VALUES]!
        if (third === 0) continue
        words[3 * n] = pages.page[at]!
        words[3 * n + 1] = pages.page[at + PAGE_SLOTS]!
        words[3 * n + 2] = third
        halves[n++] = pages.half[pages.halfAt + at - pages.at]!
      }
    }
  }
}

/** Four bytes of an ID, little endian. */
const word = (id: Uint8Array, at: number): number => id[at]! | id[at + 1]! << 8 | id[at + 2]! << 16 | id[at + 3]! << 24
