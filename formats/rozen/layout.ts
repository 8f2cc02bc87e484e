/** How the objects of one repository are named, encrypted and compressed: all of it follows from its master key. */
import { hexToBytes } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import type * as Redacted from "effect/Redacted"
import { fastcdc } from "../../stages/chunk/fastcdc.ts"
import { fixed } from "../../stages/chunk/fixed.ts"
import { adaptiveZstd, type CompressionMode } from "../../stages/compress/adaptive_zstd.ts"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { blake3Keyed } from "../../stages/hash/blake3.ts"
import type { KernelSpec } from "../../stages/kernel/kernel.ts"
import {
  BLOCK_BYTES,
  boundTo,
  FOOTER_BYTES,
  type ObjectLayout,
  objectName,
  PACK_BYTES,
  type PackLayout,
} from "../../stages/pack/pack_layout.ts"
import { PackError } from "../../stages/pack/packing.ts"
import { BLOCK_VERSION, COMPRESSION, decodeHeader, encodeHeader, ENCRYPTION, type Magic } from "./header.ts"
import { subkey } from "./keys.ts"
import { SEGMENT_LIMIT, SNAPSHOT_BYTES } from "./limits.ts"

/**
 * Bytes of a chunk of a catalog: 16 pages. Small enough that a change costs little, large enough that the list of
 * chunks stays short.
 */
const CATALOG_CHUNK = 64 << 10

/** A kind of object that is encrypted in one piece, see `sealed.ts`. */
export interface SealedKind {
  readonly magic: Magic
  readonly cipher: KernelSpec<"encrypt">
  /** The most bytes that it can have, stored or decoded. */
  readonly atMost: number
}

/** Packs of the content of files, or of catalogs. */
export type PackKind = "data" | "catalogs"

/** The kernels and layouts of one repository. */
export interface Layout {
  readonly chunk: KernelSpec<"chunk">
  /** For catalogs. */
  readonly chunkCatalog: KernelSpec<"chunk">
  readonly hash: KernelSpec<"hash">
  readonly compress: KernelSpec<"compress">
  /** For catalogs. Either compressor decodes what the other encoded. */
  readonly compressCatalog: KernelSpec<"compress">
  readonly encrypt: KernelSpec<"encrypt">
  /** Content, in DATA. */
  readonly data: PackLayout
  /** Catalogs, in INDEX. */
  readonly catalogs: PackLayout
  /** `.idx` and `.roz-log` objects. */
  readonly snapshots: SealedKind
  readonly logs: SealedKind
  /** The header of an object of this repository. */
  readonly header: (magic: Magic) => Uint8Array
}

/** How a repository is written. Repositories that were written in any other way can be read all the same. */
export interface LayoutOptions {
  /** Average length of a chunk in bytes; 1 MiB by default. */
  readonly average?: number
  /** Bytes after which a pack is closed; 16 MiB by default. */
  readonly packBytes?: number
  /** Bytes of chunks that are compressed and encrypted as one; 1 MiB by default. */
  readonly blockBytes?: number
  /** How hard content is compressed, `auto` by default. Catalogs and logs are always compressed. */
  readonly compression?: CompressionMode
}

/** The layout of the repository with this ID (32 hex digits) and master key. */
export const makeLayout = (id: string, master: Redacted.Redacted<Uint8Array>, options: LayoutOptions = {}): Layout => {
  const header = (magic: Magic): Uint8Array =>
    encodeHeader(
      magic,
      BLOCK_VERSION,
      { method: ENCRYPTION.xaes256gcm, payload: hexToBytes(id) },
      { method: COMPRESSION.adaptiveZstd, payload: new Uint8Array(0) },
    )
  const objects = (directory: string, extension: string, magic: Magic, cipher: KernelSpec<"encrypt">): ObjectLayout => {
    const start = header(magic)
    const headerOf = (objectId: Uint8Array): Uint8Array => concat([start, objectId])
    return {
      directory,
      extension,
      cipher,
      headerBytes: start.length + 32,
      header: headerOf,
      context: (objectId) => boundTo(headerOf(objectId), objectName({ directory, extension }, objectId)),
      problem: (object, bytes) => {
        const found = decodeHeader(magic, BLOCK_VERSION, bytes)
        return "what" in found
          ? new PackError({ reason: found.reason, object, message: `${object} ${found.what}` })
          : undefined
      },
    }
  }
  const size = options.packBytes ?? PACK_BYTES
  const blockBytes = options.blockBytes ?? BLOCK_BYTES
  const footers = aes256gcm(subkey(master, "pack footers"))
  const indexes = aes256gcm(subkey(master, "indexes"))
  return {
    chunk: fastcdc({ average: options.average ?? 1 << 20, seed: subkey(master, "chunk cuts") }),
    chunkCatalog: fixed({ size: CATALOG_CHUNK }),
    hash: blake3Keyed(subkey(master, "chunk ids")),
    compress: adaptiveZstd(options.compression),
    compressCatalog: adaptiveZstd(),
    encrypt: aes256gcm(subkey(master, "blocks")),
    data: {
      packs: objects("DATA/", ".roz", "ROZE-DAT", footers),
      indexes: objects("INDEX/", ".map", "ROZE-MAP", indexes),
      size,
      blockBytes,
      footerBytes: FOOTER_BYTES,
    },
    catalogs: {
      packs: objects("INDEX/", ".cat", "ROZE-CAT", footers),
      indexes: objects("INDEX/", ".catmap", "ROZE-CMP", indexes),
      size,
      blockBytes,
      footerBytes: FOOTER_BYTES,
    },
    snapshots: { magic: "ROZE-IDX", cipher: aes256gcm(subkey(master, "snapshots")), atMost: SNAPSHOT_BYTES },
    logs: { magic: "ROZE-LOG", cipher: aes256gcm(subkey(master, "logs")), atMost: SEGMENT_LIMIT },
    header,
  }
}
