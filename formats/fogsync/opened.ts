/** An open share: what every operation gets. */
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Compressor } from "../../stages/kernel/kernel.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { BlockReader } from "./block_read.ts"
import type { Keys } from "./keys.ts"
import type { ListingKind } from "./listing.ts"

/** How shares are written. Any share can be read, whatever the options. */
export interface FogsyncOptions {
  /**
   * How the snapshots of a new share list: `json` (the default) is a list for each directory, `tree` one tree of all
   * paths. A share that exists lists as its newest snapshot does.
   */
  readonly listing?: ListingKind
  /** The name of the share. One store may hold several shares with names, each with its own key, and one without. */
  readonly share?: string
  /** Whether the contents of files are compressed where that pays. The default is true. */
  readonly compress?: boolean
  /** Level of gzip, 0 to 9. The default is 6. */
  readonly level?: number
}

/** What every operation gets. */
export interface Opened {
  /** The ID of the share, 32 hex digits; empty until it is known. */
  readonly id: string
  readonly store: ObjectStore
  /** For the private databases of a run. */
  readonly engine: SqliteEngine
  readonly keys: Keys
  readonly gzip: Compressor
  /** Whether the contents of files are compressed where that pays. */
  readonly compress: boolean
  /** How the first snapshot lists. Later ones list as the one before. */
  readonly listing: ListingKind
  /** The name of the share; undefined when it has none. */
  readonly name: string | undefined
}

/** A reader for one operation. The blocks that it keeps in memory may be gone from the store at the next. */
export const readerOf = ({ keys, store }: Opened): BlockReader => new BlockReader(store, keys)
