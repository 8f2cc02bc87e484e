/** An open share, as its operations have it. */
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Compressor } from "../../stages/kernel/kernel.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { BlockReader } from "./block_read.ts"
import type { Keys } from "./envelope.ts"

/** How directories are listed: a list in JSON for each, or one tree of all paths. */
export type ListingKind = "json" | "tree"

export interface Opened {
  /** 32 hex digits. */
  readonly id: string
  readonly store: ObjectStore
  readonly engine: SqliteEngine
  readonly keys: Keys
  /** gzip. */
  readonly gzip: Compressor
  /** Whether the content of files is compressed, where that pays. */
  readonly compress: boolean
  /** How the first snapshot lists; others list as the one before. */
  readonly listing: ListingKind
  /** The name of the share, when it has one. */
  readonly name: string | undefined
}

/** A reader for one operation: what it remembers may be gone at the next. */
export const readerOf = ({ keys, store }: Opened): BlockReader => new BlockReader(store, keys)
