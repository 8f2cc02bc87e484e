/** An opened repository, as its operations share it. */
import { extentsOr } from "../../stages/chunk/extents.ts"
import { fastcdc } from "../../stages/chunk/fastcdc.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { zstd } from "../../stages/compress/zstd.ts"
import { blake3 } from "../../stages/hash/blake3.ts"
import { type Hasher, type KernelSpec, type KernelTable, makeKernel } from "../../stages/kernel/kernel.ts"
import { objectsOf, type ObjectsOptions } from "../../stages/pack/objects.ts"
import type { Packing } from "../../stages/pack/packing.ts"
import type { ObjectStore } from "../../stages/store/store.ts"
import { extents } from "./layout.ts"
import type { TreeForm } from "./tree_hash.ts"

/**
 * How a repository is written; any mixture can be read. `wrap`, `tree` and `catalogs` are of one that is made: one that
 * is there keeps its own.
 */
export interface SnapshotCatalogOptions {
  /** Average length of an extent that the chunker makes, in bytes; 1 MiB by default. */
  readonly average?: number
  /** Compress extents on stores that keep a content type with an object. True by default. */
  readonly compress?: boolean
  /** zstd level of extents and catalogs; 3 by default. */
  readonly level?: number
  /**
   * The machine's ID in hex. By default as the run says, as the repository has it of that host, of `thisMachine`, or
   * derived from the host name.
   */
  readonly machine?: string
  /** The ID of the machine that this is, for snapshots of its own host. */
  readonly thisMachine?: { readonly hostname: string; readonly id: string } | undefined
  /** The friendly name of snapshots. */
  readonly name?: string
  /**
   * Wrap catalogs in zstd, as the later program does: a fraction of the size, but no SQLite program opens them. False
   * by default.
   */
  readonly wrap?: boolean
  /** How trees are hashed; `document` by default. */
  readonly tree?: TreeForm
  /** Where catalogs lie: in directories by the begin of their IDs, by default, or all in one. */
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
  /** What extents go through; undefined: they are stored as they are. */
  readonly compress: KernelSpec<"compress"> | undefined
  /** Names extents and blobs. */
  readonly hasher: Hasher
  /** How extents are stored. */
  readonly extents: ObjectsOptions
  readonly packing: Packing
}

/** Media type of extents that are compressed (RFC 8878). */
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
