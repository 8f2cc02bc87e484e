/** Verifies single packs. */
import * as Effect from "effect/Effect"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import { KernelError, Kernels, makeKernel } from "../../stages/kernel.ts"
import { decodeFooter, type FooterBlock, footerLength } from "../../stages/pack/pack_file.ts"
import { checkHeader } from "../../stages/pack/pack_layout.ts"
import { type KnownPack, readFooter } from "../../stages/pack/pack_store.ts"
import { PackError } from "../../stages/pack/packing.ts"
import type { StoreError } from "../../stages/pack/store.ts"
import type { Opened } from "./opened.ts"

/** Packs of content, or of the pages of catalogs. */
export type PackKind = "data" | "catalogs"

/** What is wrong with one pack. */
export interface PackState {
  /** Chunks that its footer lists. */
  readonly chunks: number
  /** One sentence; absent when nothing is wrong. */
  readonly problem?: string
  /** Nothing is wrong with it but that a later version wrote it. */
  readonly newer?: boolean
  /** Chunks that cannot be had; `all` when the pack says no more which it has. */
  readonly bad: ReadonlyArray<Uint8Array> | "all"
}

/** Reads header and footer. */
export const readStructure: (
  opened: Opened,
  kind: PackKind,
  pack: KnownPack,
) => Effect.Effect<PackState, StoreError> = Effect.fnUntraced(
  function* ({ layout, store }: Opened, kind: PackKind, pack: KnownPack) {
    const cipher = makeKernel(layout[kind].packs.cipher, yield* Kernels)
    return yield* readFooter(layout[kind], store, cipher, pack).pipe(
      Effect.map(({ blocks }): PackState => ({
        chunks: blocks.reduce((n, block) => n + chunkCount(block.chunks), 0),
        bad: [],
      })),
      Effect.catchTag(
        "PackError",
        ({ message }) => Effect.succeed<PackState>({ chunks: 0, problem: message, bad: "all" }),
      ),
    )
  },
)

/** Reads all of it and verifies every chunk against its ID. */
export const readPack: (
  opened: Opened,
  kind: PackKind,
  pack: KnownPack,
) => Effect.Effect<PackState, StoreError> = Effect.fnUntraced(
  function* ({ layout, store }: Opened, kind: PackKind, pack: KnownPack) {
    const table = yield* Kernels
    const packs = layout[kind].packs
    const cipher = makeKernel(packs.cipher, table)
    const decrypt = makeKernel(layout.encrypt, table)
    const decompress = makeKernel(layout.compress, table)
    const hasher = makeKernel(layout.hash, table)
    const bytes = yield* store.get(pack.object)
    return yield* Effect.sync((): PackState => {
      let blocks: ReadonlyArray<FooterBlock>
      try {
        checkHeader(packs, pack.object, pack.id, bytes)
        const length = footerLength(pack.object, bytes.length, packs.headerBytes, bytes)
        const sealed = bytes.subarray(bytes.length - 12 - length, bytes.length - 12)
        blocks = decodeFooter(pack.object, bytes.length, bytes.subarray(0, packs.headerBytes), sealed, cipher)
      } catch (error) {
        if (!(error instanceof PackError)) throw error
        return { chunks: 0, problem: error.message, newer: error.reason === "newer", bad: "all" }
      }
      const bad: Array<Uint8Array> = []
      let chunks = 0
      let offset = packs.headerBytes
      for (const block of blocks) {
        const plain = tryDecode(() =>
          decompress.decode(decrypt.open(bytes.subarray(offset, offset + block.length)), rawLength(block))
        )
        offset += block.length
        let from = 0
        for (let i = 0; i < chunkCount(block.chunks); i++, chunks++) {
          const id = chunkId(block.chunks, i)
          const to = from + chunkLength(block.chunks, i)
          if (
            plain === undefined || to > plain.length ||
            hasher.digest(plain.subarray(from, to)).some((byte, at) => byte !== id[at])
          ) bad.push(id)
          from = to
        }
      }
      return bad.length === 0 ? { chunks, bad } : {
        chunks,
        bad,
        problem: `${pack.object} is damaged or was altered: ${bad.length} of its ${chunks} chunks are lost`,
      }
    })
  },
)

const rawLength = ({ chunks }: FooterBlock): number => {
  let total = 0
  for (let i = 0; i < chunkCount(chunks); i++) total += chunkLength(chunks, i)
  return total
}

const tryDecode = (run: () => Uint8Array): Uint8Array | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof KernelError) return undefined
    throw error
  }
}
