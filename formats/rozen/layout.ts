/** How the objects of one repository are named, encrypted and compressed: all of it follows from its keys. */
import { hexToBytes } from "@noble/hashes/utils.js"
import { concat, Equivalence } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { fastcdc } from "../../stages/chunk/fastcdc.ts"
import { fixed } from "../../stages/chunk/fixed.ts"
import { adaptiveZstd, type CompressionMode } from "../../stages/compress/adaptive_zstd.ts"
import { aes256gcm } from "../../stages/encrypt/aes256gcm.ts"
import { blake3Keyed } from "../../stages/hash/blake3.ts"
import type { KernelError, KernelSpec } from "../../stages/kernel/kernel.ts"
import {
  BLOCK_BYTES,
  boundTo,
  FOOTER_BYTES,
  type ObjectLayout,
  objectName,
  PACK_BYTES,
  PACK_ID_BYTES,
  type PackLayout,
} from "../../stages/pack/pack_layout.ts"
import { PackError } from "../../stages/pack/packing.ts"
import type { Sealing } from "../../stages/pack/sealing.ts"
import {
  BLOCK_VERSION,
  COMPRESSION,
  decodeHeader,
  encodeHeader,
  ENCRYPTION,
  type HeaderProblem,
  type Magic,
} from "./header.ts"
import { currentEpoch, type EpochKeys, keyFor, type Keyring } from "./keyring.ts"
import { FORGOTTEN_BYTES, HEADER_BYTES, SEGMENT_LIMIT, SNAPSHOT_BYTES } from "./limits.ts"
import { makeSignatures, type Signatures } from "./signed.ts"
import { epochBytes, makeRuns, type Run, type Runs } from "./run.ts"

/**
 * Bytes of a chunk of a catalog: 16 pages. Small enough that a change costs little, large enough that the list of
 * chunks stays short.
 */
const CATALOG_CHUNK = 64 << 10

/** A kind of object that is encrypted in one piece, see `sealed.ts`. */
export interface SealedKind {
  readonly magic: Magic
  /** Which key of its run it is encrypted with. */
  readonly key: "snapshots" | "logs" | "forgotten"
  /** The most bytes that it can have, stored or decoded. */
  readonly atMost: number
}

/** Packs of the content of files, or of catalogs. */
export type PackKind = "data" | "catalogs"

/** An epoch of a repository: its number, and the public key of its owner. */
export interface RepositoryEpoch extends Pick<EpochKeys, "number" | "owner"> {
  /** The ID of the repository, 32 hex digits. */
  readonly repository: string
}

/** The kernels and layouts of one repository. */
export interface Layout {
  readonly chunk: KernelSpec<"chunk">
  /** For catalogs. */
  readonly chunkCatalog: KernelSpec<"chunk">
  readonly hash: KernelSpec<"hash">
  readonly compress: KernelSpec<"compress">
  /** For catalogs. Either compressor decodes what the other encoded. */
  readonly compressCatalog: KernelSpec<"compress">
  /** What is encrypted with what, apart from indexes. */
  readonly runs: Runs
  /** Who wrote indexes, snapshots and logs. */
  readonly signatures: Signatures
  /** Content, in DATA. */
  readonly data: PackLayout
  /** Catalogs, in INDEX. */
  readonly catalogs: PackLayout
  /** `.idx`, `.roz-log` and `.forgotten` objects. */
  readonly snapshots: SealedKind
  readonly logs: SealedKind
  readonly forgotten: SealedKind
  /** The current epoch. */
  readonly epoch: RepositoryEpoch
  /** The header of an object of this repository. `tag`: of its run, or of its epoch. */
  readonly header: (magic: Magic, tag: Uint8Array) => Uint8Array
  /** The tag in a header. It shares memory with the header. */
  readonly tagIn: (magic: Magic, start: Uint8Array) => Uint8Array | HeaderProblem
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

/** The layout of a repository, for whoever has these keys. */
export const makeLayout = (keyring: Keyring, options: LayoutOptions = {}): Layout => {
  const runs = makeRuns(keyring)
  const signatures = makeSignatures(keyring)
  const repository = hexToBytes(keyring.id)
  const header: Layout["header"] = (magic, tag) =>
    encodeHeader(
      magic,
      BLOCK_VERSION,
      { method: ENCRYPTION.xaes256gcm, payload: concat([repository, tag]) },
      { method: COMPRESSION.adaptiveZstd, payload: new Uint8Array(0) },
    )
  const tagIn: Layout["tagIn"] = (magic, start) => {
    const found = decodeHeader(magic, BLOCK_VERSION, start)
    if ("what" in found) return found
    const tag = found.encryption.payload.subarray(repository.length)
    // A header says nothing else than that of this repository with the same tag.
    return header(magic, tag).every((byte, i) => byte === start[i])
      ? tag
      : { reason: "corrupt", what: "has a header that was altered, or that is of another repository" }
  }

  /** Objects of one kind. `keysOf` opens what a tag stands for. */
  const objects = (
    directory: string,
    extension: string,
    magic: Magic,
    fresh: Effect.Effect<Keys, KernelError>,
    keysOf: (tag: Uint8Array) => Effect.Effect<Keys, HeaderProblem>,
  ): ObjectLayout => {
    const sealingOf = ({ blocks, cipher, tag }: Keys): Sealing => {
      const start = header(magic, tag)
      const headerOf = (id: Uint8Array): Uint8Array => concat([start, id])
      return {
        tag,
        headerBytes: start.length + PACK_ID_BYTES,
        header: headerOf,
        context: (id) => boundTo(headerOf(id), objectName({ directory, extension }, id)),
        cipher,
        blocks,
      }
    }
    return {
      directory,
      extension,
      headerLimit: HEADER_BYTES,
      fresh: Effect.map(fresh, sealingOf),
      tagIn: (object, start) => {
        const tag = tagIn(magic, start)
        if ("what" in tag) throw packError(object, tag)
        return tag
      },
      open: (object, tag) =>
        Effect.mapBoth(keysOf(tag), { onSuccess: sealingOf, onFailure: (problem) => packError(object, problem) }),
    }
  }
  const packs = (directory: string, extension: string, magic: Magic): ObjectLayout =>
    objects(
      directory,
      extension,
      magic,
      Effect.map(runs.current, packKeys),
      (tag) => Effect.map(runs.open(tag), packKeys),
    )
  const epochs = keyring.epochs.map(({ indexes, number }): Keys => ({
    tag: epochBytes(number),
    cipher: aes256gcm(indexes),
  }))
  const indexes = (extension: string, magic: Magic): ObjectLayout => ({
    ...objects("INDEX/", extension, magic, Effect.succeed(epochs.at(-1)!), (tag) => epochWith(epochs, tag)),
    signing: {
      sign: signatures.sign,
      verify: (object, bytes) =>
        Effect.mapBoth(signatures.verify(object, bytes), {
          onSuccess: (signed) => signed.bytes,
          onFailure: (problem) => packError(object, firstProblem(tagIn(magic, bytes), problem)),
        }),
    },
  })
  const limits = {
    size: options.packBytes ?? PACK_BYTES,
    blockBytes: options.blockBytes ?? BLOCK_BYTES,
    footerBytes: FOOTER_BYTES,
  }
  return {
    chunk: fastcdc({ average: options.average ?? 1 << 20, seed: keyFor(keyring.chunks, "chunk cuts") }),
    chunkCatalog: fixed({ size: CATALOG_CHUNK }),
    hash: blake3Keyed(keyFor(keyring.chunks, "chunk ids")),
    compress: adaptiveZstd(options.compression),
    compressCatalog: adaptiveZstd(),
    runs,
    signatures,
    data: { packs: packs("DATA/", ".roz", "ROZE-DAT"), indexes: indexes(".map", "ROZE-MAP"), ...limits },
    catalogs: { packs: packs("INDEX/", ".cat", "ROZE-CAT"), indexes: indexes(".catmap", "ROZE-CMP"), ...limits },
    snapshots: { magic: "ROZE-IDX", key: "snapshots", atMost: SNAPSHOT_BYTES },
    logs: { magic: "ROZE-LOG", key: "logs", atMost: SEGMENT_LIMIT },
    forgotten: { magic: "ROZE-FGT", key: "forgotten", atMost: FORGOTTEN_BYTES },
    epoch: { repository: keyring.id, number: currentEpoch(keyring).number, owner: currentEpoch(keyring).owner },
    header,
    tagIn,
  }
}

/** Why an object is not signed: what is wrong with its header says more. */
export const firstProblem = (tag: Uint8Array | HeaderProblem, signature: HeaderProblem): HeaderProblem =>
  "what" in tag ? tag : signature

/** What objects of one kind are encrypted with. */
type Keys = Pick<Sealing, "tag" | "cipher" | "blocks">

const packKeys = ({ blocks, footers, tag }: Run): Keys => ({ tag, cipher: footers, blocks })

/** The keys of the epoch that a tag names. */
const epochWith = (epochs: ReadonlyArray<Keys>, tag: Uint8Array): Effect.Effect<Keys, HeaderProblem> => {
  const found = epochs.find((epoch) => Equivalence(epoch.tag, tag))
  return found !== undefined
    ? Effect.succeed(found)
    : Effect.fail({ reason: "forged", what: "is of an epoch of which these keys are not" })
}

const packError = (object: string, { reason, what }: HeaderProblem): PackError =>
  new PackError({ reason, object, message: `${object} ${what}` })
