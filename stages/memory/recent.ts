/** A cache of the values that were used last, bounded in bytes. */

/** How much a {@link Recent} keeps. */
export interface RecentOptions<Key, Value> {
  /** How many bytes all values together may have. */
  readonly limit: number
  /** The size of a value in bytes. It is asked once, when the value is set. Give 1 to bound the number of values. */
  readonly bytesOf: (value: Value) => number
  /** Called with each value that leaves the cache, except one that `delete` returns. */
  readonly dropped?: (value: Value, key: Key) => void
}

interface Kept<Value> {
  readonly value: Value
  readonly bytes: number
}

/**
 * Keeps the values that were used last. When they are larger than the limit, those that were not used for the longest
 * time leave. The newest value always stays, even when it alone is larger than the limit: its user has it in memory
 * anyway.
 *
 * The cache owns its values while they are in it. `dropped` is the place to free or close one.
 */
export class Recent<Key, Value> {
  readonly #limit: number
  readonly #bytesOf: (value: Value) => number
  readonly #dropped: ((value: Value, key: Key) => void) | undefined
  /** A Map keeps the order of insertion: the value that was used last is the last. */
  readonly #kept: Map<Key, Kept<Value>> = new Map()
  #bytes = 0

  constructor({ bytesOf, dropped, limit }: RecentOptions<Key, Value>) {
    this.#limit = limit
    this.#bytesOf = bytesOf
    this.#dropped = dropped
  }

  /** The number of values. */
  get size(): number {
    return this.#kept.size
  }

  /** The bytes of all values. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether there is a value. Does not count as a use. */
  has(key: Key): boolean {
    return this.#kept.has(key)
  }

  /** The value of a key, which counts as used now; undefined when there is none. */
  get(key: Key): Value | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    return kept.value
  }

  /** Sets a value, which counts as used now. Another value of the same key is dropped. */
  set(key: Key, value: Value): void {
    const old = this.delete(key)
    if (old !== undefined && old !== value) this.#dropped?.(old, key)
    const bytes = this.#bytesOf(value)
    this.#kept.set(key, { value, bytes })
    this.#bytes += bytes
    this.#shrink(this.#limit, 1)
  }

  /** Takes a value out and returns it. The caller owns it then: `dropped` is not called. */
  delete(key: Key): Value | undefined {
    const kept = this.#kept.get(key)
    if (kept === undefined) return undefined
    this.#kept.delete(key)
    this.#bytes -= kept.bytes
    return kept.value
  }

  /** Drops the values that were not used for the longest time, until all have at most this many bytes. */
  shrinkTo(bytes: number): void {
    this.#shrink(bytes, 0)
  }

  /** Drops all values. */
  clear(): void {
    this.#shrink(-1, 0)
  }

  /** All keys. The one that was used last comes last. Does not count as a use. */
  keys(): IterableIterator<Key> {
    return this.#kept.keys()
  }

  /** Drops old values down to a number of bytes, but leaves at least `least` values. */
  #shrink(limit: number, least: number): void {
    if (this.#bytes <= limit) return
    for (const [key, { bytes, value }] of this.#kept) {
      if (this.#bytes <= limit || this.#kept.size <= least) return
      this.#kept.delete(key)
      this.#bytes -= bytes
      this.#dropped?.(value, key)
    }
  }
}
