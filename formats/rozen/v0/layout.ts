/** What the objects of one repository of version 0 are written and read with: all of it follows from the master key. */
import { hexToBytes } from "@noble/hashes/utils.js"
import type * as Redacted from "effect/Redacted"
import { adaptive } from "../../../stages/compress/adaptive.ts"
import { noCompression } from "../../../stages/compress/none.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { aes256gcm } from "../../../stages/encrypt/aes256gcm.ts"
import { blake3Keyed } from "../../../stages/hash/blake3.ts"
import {
  type Cipher,
  type Compressor,
  type Hasher,
  type KernelTable,
  makeKernel,
} from "../../../stages/kernel/kernel.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { COMPRESSION, ENCRYPTION, type Magic } from "../header.ts"
import { subkey } from "../keys.ts"

/** The block version that this folder is about. */
export const BLOCK_VERSION_0 = 0

/** The kinds of objects in version 0. */
export type ObjectMagic = Extract<Magic, "ROZE-DAT" | "ROZE-IDX" | "ROZE-LOG">

/** How objects are written. Each says for itself how it is to be read, so any mixture can be read. */
export interface WriteOptions {
  /** `none`: what is stored is authenticated, but anybody can read it. `xaes-256-gcm` by default. */
  readonly encryption?: "none" | "xaes-256-gcm"
  /** `zstd` by default. */
  readonly compression?: "none" | "zstd"
  /** zstd level; 3 by default. */
  readonly level?: number
}

/** The kernels of one repository. */
export interface Layout {
  /** The repository's ID, 16 bytes. */
  readonly repository: Uint8Array
  /** Methods that are written: see {@link ENCRYPTION} and {@link COMPRESSION}. */
  readonly encryption: number
  readonly compression: number
  /** Names content. */
  readonly hasher: Hasher
  /** Authenticates objects that are not encrypted. */
  readonly mac: Hasher
  readonly ciphers: Readonly<Record<ObjectMagic, Cipher>>
  /** Compressors by method. */
  readonly compressors: ReadonlyArray<Compressor>
  /** Fresh random bytes. */
  readonly random: (length: number) => Uint8Array
}

/** An opened repository, as its operations share it. */
export interface Opened {
  readonly id: string
  readonly master: Redacted.Redacted<Uint8Array>
  readonly store: ObjectStore
  readonly engine: SqliteEngine
  readonly layout: Layout
  /** What `ROZEN.json` holds. */
  readonly config: Uint8Array
}

export const makeLayout = (
  id: string,
  master: Redacted.Redacted<Uint8Array>,
  table: KernelTable,
  options: WriteOptions = {},
): Layout => ({
  repository: hexToBytes(id),
  encryption: options.encryption === "none" ? ENCRYPTION.none : ENCRYPTION.xaes256gcm,
  compression: options.compression === "none" ? COMPRESSION.none : COMPRESSION.adaptiveZstd,
  hasher: makeKernel(blake3Keyed(subkey(master, "chunk ids")), table),
  mac: makeKernel(blake3Keyed(subkey(master, "plain objects")), table),
  ciphers: {
    "ROZE-DAT": makeKernel(aes256gcm(subkey(master, "blocks")), table),
    "ROZE-IDX": makeKernel(aes256gcm(subkey(master, "snapshots")), table),
    "ROZE-LOG": makeKernel(aes256gcm(subkey(master, "logs")), table),
  },
  compressors: [makeKernel(noCompression, table), makeKernel(adaptive(zstd({ level: options.level ?? 3 })), table)],
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
})
