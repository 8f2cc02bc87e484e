/**
 * The memory of a chunk index: slots in pages of 1 KiB, which belong to 256 shards, all in one buffer.
 *
 * The buffer begins with a head of 32-bit words: a few that are common to all, then 84 for each shard. Pages follow.
 * The head names pages that list the pages of a shard, 256 in each list.
 */
import { growBuffer, type GrowingBuffer, indexLimit, lock, reserveBuffer, unlock } from "./growing_buffer.ts"

const SHARDS = 256
const PAGE_BYTES = 1024
const PAGE_WORDS = PAGE_BYTES / 4
const HALVES_PER_PAGE = PAGE_BYTES / 2

/**
 * Slots of a page, 14 bytes each. The parts of a slot are in four columns: words 0–72 of the page have bytes 4–7 of the
 * IDs; 73 words have bytes 8–11; 73 words have the value, and byte 1 of the ID in the lowest byte; 73 halves of words
 * have bytes 2–3.
 */
export const PAGE_SLOTS = 73
/** The column of values, in words from the start of a page. */
export const VALUES: number = 2 * PAGE_SLOTS
/** The column of bytes 2–3, in halves of words from the start of a page. */
const HALVES = PAGE_SLOTS * 3 * 2

/** Words of the head that are common: a lock for the pages, the number of pages in use, the number of chunks. */
const LOCK = 0
const PAGES = 1
const CHUNKS = 2
const FIRST_SHARD = 4
/** Words of a shard: lock, chunks, homes, pages, then the numbers of the pages that list its pages. */
const SHARD_LOCK = 0
const SHARD_CHUNKS = 1
const SHARD_HOMES = 2
const SHARD_PAGES = 3
const SHARD_LISTS = 4
const SHARD_WORDS = 84
/** Page numbers in a list, as a power of two. */
const LIST_BITS = 8
const LIST_MASK = (1 << LIST_BITS) - 1
/** The number of the first page behind the head. */
const FIRST_PAGE = Math.ceil((FIRST_SHARD + SHARDS * SHARD_WORDS) * 4 / PAGE_BYTES)

/** Pages that one typed array covers, as a power of two. */
const VIEW_BITS = 14
const VIEW_PAGES = 1 << VIEW_BITS

/**
 * Shards and their pages, with a cursor that is at one slot. A shard is named by the place of its words in the head.
 * Each thread has an object of this class over the same buffer. Whatever reads or changes a shard holds its lock.
 */
export class ChunkPages {
  /** The memory of all threads. */
  readonly buffer: GrowingBuffer
  readonly #head: Int32Array
  /** Views of the buffer, {@link VIEW_PAGES} each, as words and as halves of words. */
  readonly #words: Array<Int32Array> = []
  readonly #halves: Array<Uint16Array> = []
  /** The cursor: the view of its page, and the word at which the page begins in it. */
  page: Int32Array
  at = 0
  /** The cursor: the slot within the page. */
  inPage = 0
  /** The cursor: the view in halves of words, and where the column of bytes 2–3 begins in it. */
  half: Uint16Array = new Uint16Array(0)
  halfAt = 0

  /** Without a buffer, a new one. Throws KernelError `limit` when there is no memory. */
  constructor(buffer?: GrowingBuffer) {
    this.buffer = buffer ?? reserveBuffer(FIRST_PAGE * PAGE_BYTES)
    this.#head = new Int32Array(this.buffer, 0, FIRST_PAGE * PAGE_WORDS)
    this.page = this.#head
  }

  /** All shards. */
  static *shards(): Generator<number, void> {
    for (let shard = 0; shard < SHARDS; shard++) yield FIRST_SHARD + shard * SHARD_WORDS
  }

  /** Number of shards. */
  static get count(): number {
    return SHARDS
  }

  /** Number of chunks in all shards. */
  get chunks(): number {
    return Atomics.load(this.#head, CHUNKS)
  }

  /** Memory in use, in bytes. More of the buffer may be reserved. */
  get bytes(): number {
    return (FIRST_PAGE + Atomics.load(this.#head, PAGES)) * PAGE_BYTES
  }

  /** Locks the shard of a chunk and returns it. Throws KernelError `limit` when another thread died with the lock. */
  enter(id: Uint8Array): number {
    const shard = FIRST_SHARD + id[0]! * SHARD_WORDS
    lock(this.#head, shard + SHARD_LOCK)
    return shard
  }

  /** Unlocks a shard. */
  leave(shard: number): void {
    unlock(this.#head, shard + SHARD_LOCK)
  }

  /** Number of chunks in a shard. */
  chunksIn(shard: number): number {
    return this.#head[shard + SHARD_CHUNKS]!
  }

  /** Counts one more chunk in a shard. */
  countChunk(shard: number): void {
    this.#head[shard + SHARD_CHUNKS]! += 1
    Atomics.add(this.#head, CHUNKS, 1)
  }

  /** Number of homes in a shard. */
  homesOf(shard: number): number {
    return this.#head[shard + SHARD_HOMES]!
  }

  setHomes(shard: number, homes: number): void {
    this.#head[shard + SHARD_HOMES] = homes
  }

  /** Number of pages of a shard. */
  pagesOf(shard: number): number {
    return this.#head[shard + SHARD_PAGES]!
  }

  /** Number of slots of a shard. */
  slotsOf(shard: number): number {
    return this.#head[shard + SHARD_PAGES]! * PAGE_SLOTS
  }

  /** Moves the cursor to a slot. */
  goTo(shard: number, slot: number): void {
    const page = Math.floor(slot / PAGE_SLOTS)
    this.goToPage(shard, page)
    this.inPage = slot - page * PAGE_SLOTS
  }

  /** Moves the cursor to the n-th page of a shard, but leaves `inPage` as it is. */
  goToPage(shard: number, n: number): void {
    this.#view(this.#head[shard + SHARD_LISTS + (n >>> LIST_BITS)]!)
    this.#view(this.page[this.at + (n & LIST_MASK)]!)
  }

  /** Fills the slot at the cursor. */
  write(first: number, second: number, value: number, half: number): void {
    const at = this.at + this.inPage
    this.page[at] = first
    this.page[at + PAGE_SLOTS] = second
    this.page[at + VALUES] = value
    this.half[this.halfAt + this.inPage] = half
  }

  /** Adds an empty page behind those of a shard. Throws KernelError `limit`. */
  addPage(shard: number): void {
    const head = this.#head
    const n = head[shard + SHARD_PAGES]!
    const list = shard + SHARD_LISTS + (n >>> LIST_BITS)
    if (list >= shard + SHARD_WORDS) throw indexLimit("The index of chunks is full")
    if ((n & LIST_MASK) === 0) head[list] = this.#newPage()
    const page = this.#newPage()
    this.#view(head[list]!)
    this.page[this.at + (n & LIST_MASK)] = page
    head[shard + SHARD_PAGES] = n + 1
  }

  /** The number of a page of zeros that no shard has. */
  #newPage(): number {
    const head = this.#head
    lock(head, LOCK)
    try {
      const number = FIRST_PAGE + head[PAGES]!
      const bytes = (number + 1) * PAGE_BYTES
      if (bytes > this.buffer.byteLength) growBuffer(this.buffer, bytes)
      head[PAGES]! += 1
      return number
    } finally {
      unlock(head, LOCK)
    }
  }

  #view(number: number): void {
    const view = number >>> VIEW_BITS
    const within = number & (VIEW_PAGES - 1)
    this.at = within * PAGE_WORDS
    this.halfAt = within * HALVES_PER_PAGE + HALVES
    const words = this.#words[view]
    if (words === undefined || words.length < this.at + PAGE_WORDS) return this.#viewAgain(view)
    this.page = words
    this.half = this.#halves[view]!
  }

  /** Makes a view anew, because the buffer has grown since. */
  #viewAgain(view: number): void {
    const offset = view * VIEW_PAGES * PAGE_BYTES
    const bytes = Math.min(VIEW_PAGES * PAGE_BYTES, this.buffer.byteLength - offset)
    this.page = this.#words[view] = new Int32Array(this.buffer, offset, bytes >> 2)
    this.half = this.#halves[view] = new Uint16Array(this.buffer, offset, bytes >> 1)
  }
}
