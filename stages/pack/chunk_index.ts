/**
 * Which chunks exist, and in which pack: a hash table over one buffer that threads can share, of less than 16 bytes a
 * chunk once there are many, which grows in place without making anybody wait for long.
 *
 * A slot has the first 12 bytes of the ID and a value of 24 bits. IDs are outputs of a hash, so their first bytes are
 * the hash of the table. Two chunks whose first 96 bits agree would be taken for one: with keyed IDs nobody can search
 * for such a pair, and among 10^10 chunks the chance of one is 2^-31.
 *
 * The first byte of the ID chooses one of 256 shards, bytes 4–7 the home in it. Within a shard, chunks are in the order
 * of these bytes, each in its home or behind (linear probing, sorted), so that a search ends at the first larger one. A
 * shard is 93 % full when it grows by a 24th: pages are added to it, and what it has is spread over all of them. So at
 * most a 256th of the table moves at once; meanwhile the others are in use. Every access holds the lock of its shard.
 */
import { KernelError } from "../kernel/kernel.ts"

/** Value of a chunk that this run stores and that no finished pack holds yet. */
export const PENDING = 0xfffffffe
/** The largest value but for {@link PENDING}. */
export const MAXIMUM_VALUE = 0xfffffd

/** In a slot, values are one more, so that 0 is an empty slot. */
const PENDING_STORED = 0xffffff

const SHARDS = 256
const MAXIMUM_LOAD = 0.93
/** Slots beyond the last home, for chunks that are pushed behind it. */
const SLACK = 48

const PAGE_BYTES = 1024
const PAGE_WORDS = PAGE_BYTES / 4
/**
 * 14 bytes each: words 0–72 have bytes 4–7 of the IDs, then 73 words bytes 8–11, then 73 words value and byte 1, then
 * 73 halves bytes 2–3.
 */
const PAGE_SLOTS = 73
const HALVES = PAGE_SLOTS * 3 * 2
const HALVES_PER_PAGE = PAGE_BYTES / 2

/** Words of the head: lock of what is common, pages in use, chunks. */
const LOCK = 0
const PAGES = 1
const CHUNKS = 2
const FIRST_SHARD = 4
/** Words of a shard: lock, chunks, homes, pages, then the pages that list its pages. */
const SHARD_LOCK = 0
const SHARD_CHUNKS = 1
const SHARD_HOMES = 2
const SHARD_PAGES = 3
const SHARD_LISTS = 4
const SHARD_WORDS = 84
/** Where the first page is, in pages. */
const FIRST_PAGE = Math.ceil((FIRST_SHARD + SHARDS * SHARD_WORDS) * 4 / PAGE_BYTES)

/** Typed arrays cover so many pages each. */
const VIEW_PAGES = 1 << 14
/** Address space that is reserved, tried in turn; memory is used as it is needed. 4 GiB are some 270 million chunks. */
const RESERVATIONS = [2 ** 32, 2 ** 31, 2 ** 30, 2 ** 28]
/** A lock that is held for so many tries, some seconds, belongs to a thread that has died. */
const TRIES = 1e9

export class ChunkIndex {
  readonly #buffer: SharedArrayBuffer | ArrayBuffer
  readonly #head: Int32Array
  readonly #words: Array<Int32Array> = []
  readonly #halves: Array<Uint16Array> = []
  /** Where `#search` ended: slot, page (its first word in `#page`), and slot in the page. */
  #slot = 0
  #page: Int32Array
  #at = 0
  #in = 0
  #half: Uint16Array
  /** What a shard has while it is spread anew. */
  #moved: Int32Array = new Int32Array(0)
  #movedHalves: Uint16Array = new Uint16Array(0)
  #halfAt = 0

  /**
   * An index with room for `expected` chunks that grows, or, given the `buffer` of another, a view of that: both then
   * see what either inserts. Inserting throws KernelError `limit` when there is no more memory to be had.
   */
  constructor(expected = 0, buffer?: SharedArrayBuffer | ArrayBuffer) {
    this.#buffer = buffer ?? reserve(FIRST_PAGE * PAGE_BYTES)
    this.#head = new Int32Array(this.#buffer, 0, FIRST_PAGE * PAGE_WORDS)
    this.#page = this.#head
    this.#half = new Uint16Array(0)
    if (buffer !== undefined || expected <= 0) return
    // Shards differ by chance.
    const perShard = expected / SHARDS
    for (let shard = 0; shard < SHARDS; shard++) {
      this.#enlarge(FIRST_SHARD + shard * SHARD_WORDS, Math.ceil((perShard + 3 * Math.sqrt(perShard)) / MAXIMUM_LOAD))
    }
  }

  /** What to hand to another thread; shared when the runtime can share memory. */
  get buffer(): SharedArrayBuffer | ArrayBuffer {
    return this.#buffer
  }

  /** Number of chunks. */
  get size(): number {
    return Atomics.load(this.#head, CHUNKS)
  }

  /** Memory in use, in bytes; of `buffer` more may be reserved. */
  get bytes(): number {
    return (FIRST_PAGE + Atomics.load(this.#head, PAGES)) * PAGE_BYTES
  }

  /**
   * The value of a chunk (the number of its pack, or {@link PENDING}), undefined when it does not exist. `id`: at least
   * 12 bytes.
   */
  get(id: Uint8Array): number | undefined {
    const shard = this.#enter(id)
    const found = this.#search(shard, id)
    const stored = found ? this.#page[this.#at + 2 * PAGE_SLOTS + this.#in]! >>> 8 : 0
    this.#leave(shard)
    return !found ? undefined : stored === PENDING_STORED ? PENDING : stored - 1
  }

  /**
   * Makes a chunk exist, as {@link PENDING}. True when it did not: of all threads, exactly one is told so, and stores
   * it.
   */
  claim(id: Uint8Array): boolean {
    const shard = this.#enter(id)
    try {
      const found = this.#search(shard, id)
      if (!found) this.#insert(shard, id, PENDING_STORED)
      return !found
    } finally {
      this.#leave(shard)
    }
  }

  /** Gives a chunk a value of at most {@link MAXIMUM_VALUE}, or {@link PENDING}, whether it existed or not. */
  set(id: Uint8Array, value: number): void {
    const stored = value === PENDING ? PENDING_STORED : value + 1
    if (value !== PENDING && value > MAXIMUM_VALUE) {
      throw tooLarge(`${value} packs are too many for the index of chunks`)
    }
    const shard = this.#enter(id)
    try {
      if (!this.#search(shard, id)) this.#insert(shard, id, stored)
      else this.#page[this.#at + 2 * PAGE_SLOTS + this.#in] = stored << 8 | id[1]!
    } finally {
      this.#leave(shard)
    }
  }

  /** Locks the shard of a chunk; gives its place in the head. */
  #enter(id: Uint8Array): number {
    const shard = FIRST_SHARD + id[0]! * SHARD_WORDS
    lock(this.#head, shard + SHARD_LOCK)
    return shard
  }

  #leave(shard: number): void {
    Atomics.store(this.#head, shard + SHARD_LOCK, 0)
  }

  /** Whether a chunk is there; goes to its slot, or to that where it belongs. */
  #search(shard: number, id: Uint8Array): boolean {
    const head = this.#head
    const slots = head[shard + SHARD_PAGES]! * PAGE_SLOTS
    const key = word(id, 4) >>> 0
    const second = word(id, 8)
    let slot = Math.floor(key * head[shard + SHARD_HOMES]! / 2 ** 32)
    for (; slot < slots; slot++) {
      this.#goTo(shard, slot)
      for (; this.#in < PAGE_SLOTS; this.#in++, slot++) {
        const page = this.#page
        const at = this.#at + this.#in
        const third = page[at + 2 * PAGE_SLOTS]!
        if (third === 0) return this.#ends(slot)
        const here = page[at]! >>> 0
        if (here < key) continue
        if (here > key) return this.#ends(slot)
        if (
          page[at + PAGE_SLOTS] === second && (third & 0xff) === id[1] &&
          this.#half[this.#halfAt + this.#in] === (id[2]! | id[3]! << 8)
        ) {
          this.#slot = slot
          return true
        }
      }
      slot--
    }
    return this.#ends(slot)
  }

  #ends(slot: number): false {
    this.#slot = slot
    return false
  }

  /** Makes `#page`, `#at`, `#in`, `#half`, `#halfAt` those of a slot. */
  #goTo(shard: number, slot: number): void {
    const page = Math.floor(slot / PAGE_SLOTS)
    const number = this.#pageNumber(shard, page)
    this.#view(number)
    this.#in = slot - page * PAGE_SLOTS
  }

  #view(number: number): void {
    const view = number >>> 14
    const within = number & (VIEW_PAGES - 1)
    this.#at = within * PAGE_WORDS
    this.#halfAt = within * HALVES_PER_PAGE + HALVES
    const words = this.#words[view]
    if (words === undefined || words.length < this.#at + PAGE_WORDS) return this.#viewAgain(view)
    this.#page = words
    this.#half = this.#halves[view]!
  }

  /** The buffer has grown since the view was made. */
  #viewAgain(view: number): void {
    const offset = view * VIEW_PAGES * PAGE_BYTES
    const bytes = Math.min(VIEW_PAGES * PAGE_BYTES, this.#buffer.byteLength - offset)
    this.#page = this.#words[view] = new Int32Array(this.#buffer, offset, bytes >> 2)
    this.#half = this.#halves[view] = new Uint16Array(this.#buffer, offset, bytes >> 1)
  }

  /** Number of the n-th page of a shard. */
  #pageNumber(shard: number, n: number): number {
    const list = this.#head[shard + SHARD_LISTS + (n >>> 8)]!
    this.#view(list)
    return this.#page[this.#at + (n & 255)]!
  }

  /** Puts a chunk where the search for it ended; the shard is locked. */
  #insert(shard: number, id: Uint8Array, stored: number): void {
    const head = this.#head
    if (head[shard + SHARD_CHUNKS]! >= head[shard + SHARD_HOMES]! * MAXIMUM_LOAD) {
      this.#enlarge(shard, Math.max(24, Math.ceil(head[shard + SHARD_HOMES]! * 25 / 24)))
      this.#search(shard, id)
    }
    const slot = this.#slot
    let free = this.#freeFrom(shard, slot)
    if (free < 0) {
      free = head[shard + SHARD_PAGES]! * PAGE_SLOTS
      this.#addPage(shard)
    }
    this.#shift(shard, slot, free)
    this.#goTo(shard, slot)
    this.#write(word(id, 4), word(id, 8), stored << 8 | id[1]!, id[2]! | id[3]! << 8)
    head[shard + SHARD_CHUNKS]! += 1
    Atomics.add(head, CHUNKS, 1)
  }

  #write(first: number, second: number, third: number, half: number): void {
    const at = this.#at + this.#in
    this.#page[at] = first
    this.#page[at + PAGE_SLOTS] = second
    this.#page[at + 2 * PAGE_SLOTS] = third
    this.#half[this.#halfAt + this.#in] = half
  }

  /** The first empty slot from `slot` on, -1 when there is none. */
  #freeFrom(shard: number, slot: number): number {
    const slots = this.#head[shard + SHARD_PAGES]! * PAGE_SLOTS
    for (let at = slot; at < slots;) {
      this.#goTo(shard, at)
      const thirds = this.#at + 2 * PAGE_SLOTS
      for (let n = this.#in; n < PAGE_SLOTS; n++, at++) if (this.#page[thirds + n] === 0) return at
    }
    return -1
  }

  /** Moves the slots from `from` to `to` (exclusive, empty) behind by one. */
  #shift(shard: number, from: number, to: number): void {
    while (to > from) {
      this.#goTo(shard, to)
      const page = this.#page
      const at = this.#at
      const half = this.#half
      const halfAt = this.#halfAt
      const end = this.#in
      if (end === 0) {
        this.#goTo(shard, to - 1)
        const last = this.#at + this.#in
        page[at] = this.#page[last]!
        page[at + PAGE_SLOTS] = this.#page[last + PAGE_SLOTS]!
        page[at + 2 * PAGE_SLOTS] = this.#page[last + 2 * PAGE_SLOTS]!
        half[halfAt] = this.#half[this.#halfAt + this.#in]!
        to--
        continue
      }
      const start = Math.max(0, end - (to - from))
      for (let column = at; column <= at + 2 * PAGE_SLOTS; column += PAGE_SLOTS) {
        page.copyWithin(column + start + 1, column + start, column + end)
      }
      half.copyWithin(halfAt + start + 1, halfAt + start, halfAt + end)
      to -= end - start
    }
  }

  /** Gives a shard `homes` homes, and spreads what it has over them. */
  #enlarge(shard: number, homes: number): void {
    const head = this.#head
    const count = head[shard + SHARD_CHUNKS]!
    if (this.#moved.length < count * 3) this.#moved = new Int32Array(count * 4)
    if (this.#movedHalves.length < count) this.#movedHalves = new Uint16Array(count * 4 / 3)
    const words = this.#moved
    const halves = this.#movedHalves
    const pages = head[shard + SHARD_PAGES]!
    for (let page = 0, n = 0; page < pages; page++) {
      this.#view(this.#pageNumber(shard, page))
      for (let at = this.#at; at < this.#at + PAGE_SLOTS; at++) {
        const third = this.#page[at + 2 * PAGE_SLOTS]!
        if (third === 0) continue
        words[3 * n] = this.#page[at]!
        words[3 * n + 1] = this.#page[at + PAGE_SLOTS]!
        words[3 * n + 2] = third
        halves[n++] = this.#half[this.#halfAt + at - this.#at]!
      }
    }
    while (head[shard + SHARD_PAGES]! * PAGE_SLOTS < homes + SLACK) this.#addPage(shard)
    for (let page = 0; page < pages; page++) {
      this.#view(this.#pageNumber(shard, page))
      this.#page.fill(0, this.#at + 2 * PAGE_SLOTS, this.#at + 3 * PAGE_SLOTS)
    }
    head[shard + SHARD_HOMES] = homes
    for (let n = 0, slot = 0, first = -PAGE_SLOTS; n < count; n++, slot++) {
      slot = Math.max(slot, Math.floor((words[3 * n]! >>> 0) * homes / 2 ** 32))
      this.#in = slot - first
      if (this.#in >= PAGE_SLOTS) {
        if (slot === head[shard + SHARD_PAGES]! * PAGE_SLOTS) this.#addPage(shard)
        this.#goTo(shard, slot)
        first = slot - this.#in
      }
      this.#write(words[3 * n]!, words[3 * n + 1]!, words[3 * n + 2]!, halves[n]!)
    }
  }

  /** Adds an empty page behind those of a shard. */
  #addPage(shard: number): void {
    const n = this.#head[shard + SHARD_PAGES]!
    const list = shard + SHARD_LISTS + (n >>> 8)
    if (list >= shard + SHARD_WORDS) throw tooLarge("The index of chunks is full")
    if ((n & 255) === 0) this.#head[list] = this.#newPage()
    const page = this.#newPage()
    this.#view(this.#head[list]!)
    this.#page[this.#at + (n & 255)] = page
    this.#head[shard + SHARD_PAGES] = n + 1
  }

  /** A page of zeros. */
  #newPage(): number {
    const head = this.#head
    lock(head, LOCK)
    try {
      const number = FIRST_PAGE + head[PAGES]!
      const bytes = (number + 1) * PAGE_BYTES
      if (bytes > this.#buffer.byteLength) grow(this.#buffer, bytes)
      head[PAGES]! += 1
      return number
    } finally {
      Atomics.store(head, LOCK, 0)
    }
  }
}

const lock = (head: Int32Array, at: number): void => {
  for (let tries = 0; Atomics.compareExchange(head, at, 0, 1) !== 0; tries++) {
    if (tries > TRIES) throw tooLarge("The index of chunks is locked by a thread that has died")
  }
}

const tooLarge = (message: string): KernelError => new KernelError({ kernel: "chunk index", reason: "limit", message })

/** Makes it a sixteenth longer, and at least `bytes`. */
const grow = (buffer: SharedArrayBuffer | ArrayBuffer, bytes: number): void => {
  const wanted = Math.max(bytes + (64 << 10), Math.ceil(bytes * 17 / 16))
  const length = Math.min(buffer.maxByteLength, Math.ceil(wanted / PAGE_BYTES) * PAGE_BYTES)
  try {
    if (length < bytes) throw new RangeError()
    if (buffer instanceof ArrayBuffer) buffer.resize(length)
    else buffer.grow(length)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw tooLarge(`The index of chunks cannot grow beyond ${buffer.byteLength} bytes`)
  }
}

/** A buffer that grows in place, shared where there is shared memory. */
const reserve = (bytes: number): SharedArrayBuffer | ArrayBuffer => {
  for (const maxByteLength of RESERVATIONS) {
    try {
      return typeof SharedArrayBuffer === "undefined"
        ? new ArrayBuffer(bytes, { maxByteLength })
        : new SharedArrayBuffer(bytes, { maxByteLength })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw tooLarge("There is no memory for an index of chunks")
}

const word = (id: Uint8Array, at: number): number => id[at]! | id[at + 1]! << 8 | id[at + 2]! << 16 | id[at + 3]! << 24
