/** What one session of a tree knows: the entries that it has seen, and the rows that it has looked up. */
import type { TreeChange } from "./change.ts"
import { Recent } from "../../memory/recent.ts"
import type { SqliteRow } from "../sqlite/sqlite.ts"
import { IdSet } from "./id_set.ts"

/** A row that was looked up. */
export interface Known {
  readonly row: SqliteRow
  /** Where its ID is in the row. */
  readonly at: number
  /** `Nodes.removals` at that time. */
  readonly removals: number
}

/** How many bytes of rows are kept from look-up to put. More than are on their way at once. */
const KNOWN_BYTES = 16 << 20
/** About what a row takes in memory without its blobs, in bytes. */
const ROW_BYTES = 512

const knownBytes = ({ row }: Known): number => {
  let bytes = ROW_BYTES
  for (const value of row) if (value instanceof Uint8Array) bytes += value.length
  return bytes
}

/** One session, from `begin` to `commit`. */
export class Session {
  readonly report: ((change: TreeChange) => void) | undefined
  /** The first ID that the session gives out. A directory with this ID or a later one was empty before. */
  readonly firstId: number
  /**
   * The rows that were looked up, by path. Most entries are put soon after their look-up, as they were. Then they need
   * not be found a second time.
   */
  readonly known: Recent<string, Known> = new Recent({ limit: KNOWN_BYTES, bytesOf: knownBytes })
  readonly #put = new IdSet()
  readonly #kept = new IdSet()
  #seen = 0

  constructor(report: ((change: TreeChange) => void) | undefined, firstId: number) {
    this.report = report
    this.firstId = firstId
  }

  /** How many entries were put, or are directories above one that was. */
  get seen(): number {
    return this.#seen
  }

  /** Whether the entry was put. */
  wasPut(id: number): boolean {
    return this.#put.has(id)
  }

  /** Whether it is a directory above an entry that was put. */
  isKept(id: number): boolean {
    return this.#kept.has(id)
  }

  markPut(id: number): void {
    if (this.#put.add(id) && !this.#kept.has(id)) this.#seen++
  }

  keep(id: number): void {
    if (this.#kept.add(id) && !this.#put.has(id)) this.#seen++
  }
}
