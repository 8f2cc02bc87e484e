/** Sets of the IDs of entries, with one bit for each ID. */

/** How many IDs a page has. A page is allocated when the first of its IDs is added. */
const PAGE = 1 << 16

/** A set of safe integers of at least 0. IDs that are far apart, as in a hostile catalog, cost a page of 8 KiB each. */
export class IdSet {
  readonly #pages: Map<number, Uint8Array> = new Map()
  #lastKey = -1
  #last: Uint8Array | undefined

  #page(key: number): Uint8Array | undefined {
    if (key !== this.#lastKey) {
      this.#lastKey = key
      this.#last = this.#pages.get(key)
    }
    return this.#last
  }

  has(id: number): boolean {
    const page = this.#page(Math.floor(id / PAGE))
    return page !== undefined && (page[(id % PAGE) >> 3]! >> (id & 7) & 1) === 1
  }

  /** Returns false when the ID was in the set already. */
  add(id: number): boolean {
    const key = Math.floor(id / PAGE)
    let page = this.#page(key)
    if (page === undefined) {
      page = new Uint8Array(PAGE >> 3)
      this.#pages.set(key, page)
      this.#last = page
    }
    const at = (id % PAGE) >> 3
    const bit = 1 << (id & 7)
    if ((page[at]! & bit) !== 0) return false
    page[at] = page[at]! | bit
    return true
  }

  clear(): void {
    this.#pages.clear()
    this.#lastKey = -1
    this.#last = undefined
  }
}
