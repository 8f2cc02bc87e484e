/**
 * The names of objects, and what they are written and read with. All of it but the names follows from the master key.
 */
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
import { COMPRESSION, ENCRYPTION, type Magic } from "../header.ts"
import { subkey } from "../keys.ts"

/** The block version of this folder. */
export const BLOCK_VERSION_0 = 0

/** The kinds of objects. */
export type ObjectMagic = Extract<Magic, "ROZE-DAT" | "ROZE-IDX" | "ROZE-LOG">

/** How objects are written. Each object says how it is to be read, so a repository may hold any mixture. */
export interface WriteOptions {
  /** `none`: objects are authenticated, but anybody can read them. `xaes-256-gcm` by default. */
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
  /** The methods of new objects: see {@link ENCRYPTION} and {@link COMPRESSION}. */
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

/** The layout of the repository with this ID (32 hex digits) and master key. */
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

/** `DATA/<xx>/<64 hex>.roz`, from the hex ID of the content. */
export const contentObject = (id: string): string => `DATA/${id.slice(0, 2)}/${id}.roz`

const CONTENT = /^DATA\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\.roz$/

/** The hex ID of the content in an object of this name; undefined for the name of another kind of object. */
export const contentName = (name: string): string | undefined => CONTENT.exec(name)?.[2]

/** The ID of the content in an object of this name; undefined for the name of another kind of object. */
export const contentIdIn = (name: string): Uint8Array | undefined => {
  const id = contentName(name)
  return id === undefined ? undefined : hexToBytes(id)
}

/** `INDEX/<NN>.idx`: 00 to 99, then 100 and so on. */
export const indexObject = (number: number): string => `INDEX/${String(number).padStart(2, "0")}.idx`

const INDEX = /^INDEX\/(\d{2}|[1-9]\d{2,14})\.idx$/

/** The number of an index object; undefined for the name of another kind of object. */
export const indexNumber = (name: string): number | undefined => {
  const digits = INDEX.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** The directory of the log of a run, from the hex ID of its snapshot. */
export const logDirectory = (snapshot: string): string => `DATA/${snapshot.slice(0, 2)}.roz-log/`

/** `DATA/<xx>.roz-log/<NNNN>.roz-log`: 0000 to 9999, then 10000 and so on. */
export const logObject = (snapshot: string, number: number): string =>
  `${logDirectory(snapshot)}${String(number).padStart(4, "0")}.roz-log`

const LOG = /^DATA\/[0-9a-f]{2}\.roz-log\/(\d{4}|[1-9]\d{4,14})\.roz-log$/

/** The number of a log object in its directory; undefined for the name of another kind of object. */
export const logNumber = (name: string): number | undefined => {
  const digits = LOG.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}
