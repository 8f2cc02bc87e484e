/**
 * Which chunks exist, and in which pack: an open-addressing hash table of 16 bytes a slot over one flat buffer.
 *
 * A slot is the first 12 bytes of the ID and a u32 value. IDs are outputs of a hash, so their first bytes are the hash of the
 * table. Two chunks whose first 96 bits agree would be taken for one: with keyed IDs nobody can search for such a pair, and
 * among 10^10 chunks the chance of one is 2^-31.
 */

/** Value of a chunk that this run stores and that no finished pack holds yet. */
export const PENDING = 0xfffffffe

const SLOT_WORDS = 4
/** The table doubles when it is fuller than this. */
const MAXIMUM_LOAD = 0.75

export class ChunkIndex {
  #words: Uint32Array
  #capacity: number
  #size = 0

  constructor(expected = 0) {
    this.#capacity = 1024
    while (this.#capacity * MAXIMUM_LOAD < expected) this.#capacity *= 2
    this.#words = new Uint32Array(this.#capacity * SLOT_WORDS)
  }

  /** Number of chunks. */
  get size(): number {
    return this.#size
  }

  /** The value of a chunk (the number of its pack, or {@link PENDING}), undefined when it does not exist. `id`: at least 12 bytes. */
  get(id: Uint8Array): number | undefined {
    const value = this.#words[this.#find(id) + 3]!
    return value === 0 ? undefined : value - 1
  }

  /** Makes a chunk exist, as {@link PENDING}. True when it did not: the caller is then the one who stores it. */
  claim(id: Uint8Array): boolean {
    const slot = this.#find(id)
    if (this.#words[slot + 3] !== 0) return false
    this.#insert(slot, id, PENDING)
    return true
  }

  /** Gives a chunk a value below {@link PENDING}, whether it existed or not. */
  set(id: Uint8Array, value: number): void {
    const slot = this.#find(id)
    if (this.#words[slot + 3] === 0) this.#insert(slot, id, value)
    else this.#words[slot + 3] = value + 1
  }

  #insert(slot: number, id: Uint8Array, value: number): void {
    this.#words[slot] = word(id, 0)
    this.#words[slot + 1] = word(id, 4)
    this.#words[slot + 2] = word(id, 8)
    this.#words[slot + 3] = value + 1
    this.#size++
    if (this.#size > this.#capacity * MAXIMUM_LOAD) this.#grow()
  }

  #find(id: Uint8Array): number {
    return this.#probe(word(id, 0), word(id, 4), word(id, 8))
  }

  #probe(a: number, b: number, c: number): number {
    const words = this.#words
    const mask = this.#capacity - 1
    for (let at = a & mask;; at = (at + 1) & mask) {
      const slot = at * SLOT_WORDS
      if (words[slot + 3] === 0 || (words[slot] === a && words[slot + 1] === b && words[slot + 2] === c)) return slot
    }
  }

  #grow(): void {
    const old = this.#words
    this.#capacity *= 2
    this.#words = new Uint32Array(this.#capacity * SLOT_WORDS)
    for (let from = 0; from < old.length; from += SLOT_WORDS) {
      if (old[from + 3] === 0) continue
      const slot = this.#probe(old[from]!, old[from + 1]!, old[from + 2]!)
      for (let i = 0; i < SLOT_WORDS; i++) this.#words[slot + i] = old[from + i]!
    }
  }
}

const word = (id: Uint8Array, at: number): number =>
  (id[at]! | id[at + 1]! << 8 | id[at + 2]! << 16 | id[at + 3]! << 24) >>> 0
