/**
 * Which chunks exist, and in which pack: open-addressing hash tables of 16 bytes a slot over one buffer that threads can share.
 *
 * A slot is the first 12 bytes of the ID and a u32 value. IDs are outputs of a hash, so their first bytes are the hash of the
 * table. Two chunks whose first 96 bits agree would be taken for one: with keyed IDs nobody can search for such a pair, and
 * among 10^10 chunks the chance of one is 2^-31.
 *
 * When a table is full, another of four times its size is added behind it in the same buffer, which grows in place: nothing
 * is moved, nobody waits. Look-ups take no lock; a slot is published by the atomic store of its value. Inserts hold a lock.
 */

/** Value of a chunk that this run stores and that no finished pack holds yet. */
export const PENDING = 0xfffffffe

const SLOT_WORDS = 4
/** A table is full at this load. */
const MAXIMUM_LOAD = 0.75
const FIRST_SLOTS = 1024
/** Words before the first table: the lock, the number of tables, then for each its log2 of slots and its number of chunks. */
const HEAD_WORDS = 128
const LOCK = 0
const TABLES = 1
const FIRST_TABLE = 2
/** Address space that is reserved, tried in turn; memory is used as it is needed. 4 GiB are 200 million chunks. */
const RESERVATIONS = [2 ** 32, 2 ** 30, 2 ** 28]

export class ChunkIndex {
  readonly #buffer: SharedArrayBuffer | ArrayBuffer
  #head: Int32Array
  #tables: Array<{ readonly words: Int32Array; readonly mask: number }> = []
  /** Where `#find` found the chunk. */
  #words: Int32Array
  #slot = 0

  /**
   * An index with room for `expected` chunks that grows, or, given the `buffer` of another, a view of that: both then see what
   * either inserts.
   */
  constructor(expected = 0, buffer?: SharedArrayBuffer | ArrayBuffer) {
    let slots = FIRST_SLOTS
    while (slots * MAXIMUM_LOAD < expected) slots *= 2
    const bytes = (HEAD_WORDS + slots * SLOT_WORDS) * 4
    this.#buffer = buffer ?? reserve(bytes)
    this.#head = new Int32Array(this.#buffer, 0, HEAD_WORDS)
    if (buffer === undefined) {
      this.#head[FIRST_TABLE] = Math.log2(slots)
      Atomics.store(this.#head, TABLES, 1)
    }
    this.#words = this.#head
    this.#attach()
  }

  /** What to hand to another thread; shared when the runtime can share memory. */
  get buffer(): SharedArrayBuffer | ArrayBuffer {
    return this.#buffer
  }

  /** Number of chunks. */
  get size(): number {
    this.#attach()
    let total = 0
    for (let table = 0; table < this.#tables.length; table++) {
      total += Atomics.load(this.#head, FIRST_TABLE + 2 * table + 1)
    }
    return total
  }

  /** The value of a chunk (the number of its pack, or {@link PENDING}), undefined when it does not exist. `id`: at least 12 bytes. */
  get(id: Uint8Array): number | undefined {
    const value = this.#find(id)
    return value === 0 ? undefined : value - 1
  }

  /** Makes a chunk exist, as {@link PENDING}. True when it did not: of all threads, exactly one is told so, and stores it. */
  claim(id: Uint8Array): boolean {
    if (this.#find(id) !== 0) return false
    this.#lock()
    try {
      if (this.#find(id) !== 0) return false
      this.#insert(id, PENDING)
      return true
    } finally {
      this.#unlock()
    }
  }

  /** Gives a chunk a value of at most {@link PENDING}, whether it existed or not. */
  set(id: Uint8Array, value: number): void {
    this.#lock()
    try {
      if (this.#find(id) === 0) this.#insert(id, value)
      else Atomics.store(this.#words, this.#slot + 3, (value + 1) | 0)
    } finally {
      this.#unlock()
    }
  }

  /** The stored value of a chunk, 0 when there is none. */
  #find(id: Uint8Array): number {
    const a = word(id, 0)
    const b = word(id, 4)
    const c = word(id, 8)
    if (this.#tables.length !== Atomics.load(this.#head, TABLES)) this.#attach()
    for (let table = this.#tables.length - 1; table >= 0; table--) {
      const { mask, words } = this.#tables[table]!
      for (let at = (a >>> 0) & mask;; at = (at + 1) & mask) {
        const slot = at * SLOT_WORDS
        const value = Atomics.load(words, slot + 3)
        if (value === 0) break
        if (words[slot] === a && words[slot + 1] === b && words[slot + 2] === c) {
          this.#words = words
          this.#slot = slot
          return value >>> 0
        }
      }
    }
    return 0
  }

  /** Into the newest table; the lock is held and the chunk is in none. */
  #insert(id: Uint8Array, value: number): void {
    const last = this.#tables.length - 1
    const { mask, words } = this.#tables[last]!
    let at = word(id, 0) >>> 0 & mask
    while (Atomics.load(words, at * SLOT_WORDS + 3) !== 0) at = (at + 1) & mask
    const slot = at * SLOT_WORDS
    words[slot] = word(id, 0)
    words[slot + 1] = word(id, 4)
    words[slot + 2] = word(id, 8)
    Atomics.store(words, slot + 3, (value + 1) | 0)
    const count = Atomics.add(this.#head, FIRST_TABLE + 2 * last + 1, 1) + 1
    if (count >= (mask + 1) * MAXIMUM_LOAD) this.#addTable((mask + 1) * 4)
  }

  #addTable(slots: number): void {
    const table = this.#tables.length
    const end = this.#tables.reduce((sum, { words }) => sum + words.length, HEAD_WORDS) * 4
    const bytes = end + slots * SLOT_WORDS * 4
    if (this.#buffer instanceof ArrayBuffer) this.#buffer.resize(bytes)
    else this.#buffer.grow(bytes)
    this.#head[FIRST_TABLE + 2 * table] = Math.log2(slots)
    Atomics.store(this.#head, TABLES, table + 1)
    this.#attach()
  }

  /** Makes views of the tables that were added since. */
  #attach(): void {
    const count = Atomics.load(this.#head, TABLES)
    let offset = this.#tables.reduce((sum, { words }) => sum + words.length, HEAD_WORDS)
    for (let table = this.#tables.length; table < count; table++) {
      const slots = 2 ** this.#head[FIRST_TABLE + 2 * table]!
      this.#tables.push({ words: new Int32Array(this.#buffer, offset * 4, slots * SLOT_WORDS), mask: slots - 1 })
      offset += slots * SLOT_WORDS
    }
  }

  #lock(): void {
    while (Atomics.compareExchange(this.#head, LOCK, 0, 1) !== 0);
  }

  #unlock(): void {
    Atomics.store(this.#head, LOCK, 0)
  }
}

/** A buffer that grows in place, shared where there is shared memory. */
const reserve = (bytes: number): SharedArrayBuffer | ArrayBuffer => {
  for (const maxByteLength of RESERVATIONS) {
    if (maxByteLength < bytes) break
    try {
      return typeof SharedArrayBuffer === "undefined"
        ? new ArrayBuffer(bytes, { maxByteLength })
        : new SharedArrayBuffer(bytes, { maxByteLength })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new RangeError(`An index of ${bytes} bytes is too large for this runtime`)
}

const word = (id: Uint8Array, at: number): number => id[at]! | id[at + 1]! << 8 | id[at + 2]! << 16 | id[at + 3]! << 24
