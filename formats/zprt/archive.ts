/** What is known of an archive when its index has been read. */
import { bytesToHex } from "@noble/hashes/utils.js"
import type { Hasher } from "../../stages/kernel/kernel.ts"
import type { Index, IndexLayout } from "./index.ts"
import type { TrailerKind } from "./layout.ts"

/** In which of the possible ways an archive is written. The archive that replaces it is written in the same way. */
export interface ArchiveVariant {
  readonly layout: IndexLayout
  readonly trailer: TrailerKind
}

/** An archive whose index has been read. */
export interface Archive {
  /** See {@link archiveFingerprint}. */
  readonly fingerprint: string
  readonly index: Index
  readonly variant: ArchiveVariant
  /** See {@link snapshotId}. */
  readonly id: string
}

/** How many of the first bytes of a stored index are read before its keys are known: a header for some recipients. */
export const HEAD_BYTES = 1024

/**
 * Tells an archive from any other at little cost: by its length, its trailer, and the beginning of its index, which is
 * random. `index` is the stored index, or at least its first {@link HEAD_BYTES} bytes.
 */
export const archiveFingerprint = (size: number, trailer: Uint8Array, index: Uint8Array): string =>
  `${size} ${bytesToHex(trailer)} ${bytesToHex(index.subarray(0, HEAD_BYTES))}`

/**
 * The ID of the snapshot in an archive: the same for the same paths and contents. The index must be in the order of a
 * walk. SPEC.md, "Snapshots".
 */
export const snapshotId = (hasher: Hasher, { directories, files }: Index): string => {
  const state = hasher.create()
  const encoder = new TextEncoder()
  for (const { content, path } of files) {
    state.update(encoder.encode(`f${path}\0`))
    state.update(content.hash)
  }
  for (const path of directories) state.update(encoder.encode(`d${path}\0`))
  return bytesToHex(state.digest())
}
