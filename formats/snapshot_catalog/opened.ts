/** The state of an open repository, which all its operations share. */
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { extentsOr } from "../../stages/chunk/extents.ts"
import { fastcdc } from "../../stages/chunk/fastcdc.ts"
import { zstd } from "../../stages/compress/zstd.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { type Hasher, type KernelSpec, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"
import { objectsOf, type ObjectsOptions } from "../../stages/pack/objects.ts"
import type { Packing } from "../../stages/pack/packing.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { extents } from "./layout.ts"
import type { TreeForm } from "./tree_hash.ts"

/**
 * How a repository is written. Any mixture can be read. `wrap`, `tree` and `catalogs` are for a new repository; an
 * existing one keeps its own.
 */
export interface SnapshotCatalogOptions {
  /** Average length in bytes of the extents that the chunker makes; 1 MiB by default. */
  readonly average?: number
  /** Compress extents on stores that keep a content type with each object; true by default. */
  readonly compress?: boolean
  /** zstd level of extents and catalogs; 3 by default. */
  readonly level?: number
  /**
   * The machine's ID in hex. By default the one in the options of the backup, in the last snapshot of the host, of
   * `thisMachine`, or one derived from the host name.
   */
  readonly machine?: string
  /** The ID in hex of this machine, for snapshots of its own host name. */
  readonly thisMachine?: { readonly hostname: string; readonly id: string } | undefined
  /** A name of new snapshots for people. */
  readonly name?: string
  /**
   * Wrap catalogs in zstd, as the later program does. They are much smaller, but SQLite programs cannot open them.
   * False by default.
   */
  readonly wrap?: boolean
  /** How trees are hashed: as the document says (the default), or as the later program does. */
  readonly tree?: TreeForm
  /** Where catalogs are: in directories by the first digits of their IDs (the default), or all in one. */
  readonly catalogs?: "nested" | "flat"
}

/** What every operation needs. */
export interface Opened {
  readonly id: string
  readonly store: ObjectStore
  readonly engine: SqliteEngine
  readonly table: KernelTable
  readonly options: SnapshotCatalogOptions
  readonly chunk: KernelSpec<"chunk">
  /** The compressor of extents; undefined if they are stored as they are. */
  readonly compress: KernelSpec<"compress"> | undefined
  /** BLAKE3, which names extents and blobs. */
  readonly hasher: Hasher
  /** The options of `packing`. */
  readonly extents: ObjectsOptions
  readonly packing: Packing
}

/** The content type of compressed extents (RFC 8878). */
export const ZSTD = "application/zstd"

/** The compressor of extents and catalogs. */
export const zstdOf = ({ level = 3 }: SnapshotCatalogOptions): KernelSpec<"compress"> => zstd({ level })

export const makeOpened = (
  id: string,
  store: ObjectStore,
  engine: SqliteEngine,
  table: KernelTable,
  options: SnapshotCatalogOptions,
): Opened => {
  const spec = zstdOf(options)
  const compress = options.compress !== false && store.properties.contentType === true ? spec : undefined
  const stored: ObjectsOptions = {
    ...extents,
    compressed: { [ZSTD]: spec },
    ...(compress !== undefined && { contentType: ZSTD }),
  }
  return {
    id,
    store,
    engine,
    table,
    options,
    chunk: extentsOr(fastcdc({ average: options.average ?? 1 << 20 })),
    compress,
    hasher: makeKernel(blake3, table),
    extents: stored,
    packing: objectsOf(stored),
  }
}
