/** Puts contents together again from stored blocks: fetch, decode, verify, copy. */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { chunkCount, chunkId, chunkLength, contentLength, RECORD_BYTES } from "./hash/chunk_list.ts"
import {
  type Cipher,
  type Compressor,
  type Hasher,
  KernelError,
  type KernelSpec,
  type KernelTable,
  makeKernel,
} from "./kernel.ts"
import { type Transform, unframes } from "./framed.ts"
import type { BlockPlace, Unpacker } from "./pack/packing.ts"
import type { StoreError } from "./pack/store.ts"
import type { Recipe } from "./recipe.ts"

/** Why a content cannot be had: a sentence that names the object. */
export interface Damage {
  readonly damage: string
}

/** Reads contents of one recipe. */
export interface Assembler {
  /**
   * The contents of some chunk lists, each in fresh bytes. All together should be some MiB: they are in memory at once.
   * What is lost or altered is a result; fails only when the store cannot be reached.
   */
  readonly read: (lists: ReadonlyArray<Uint8Array>) => Effect.Effect<ReadonlyArray<Uint8Array | Damage>, StoreError>
  /** The decoders that work on the whole content, for one content. */
  readonly transforms: () => ReadonlyArray<Transform>
}

/** Decoded blocks that are kept, in bytes: files that share a block often follow each other. */
const KEPT_BYTES = 24 << 20
/** Adjacent blocks are fetched together up to so many stored bytes. */
const FETCH_BYTES = 8 << 20
/** Fetches under way at once. */
const FETCHES = 2
/** Decoded chunk lengths beyond this are refused: no chunker makes such chunks. */
const MAXIMUM_CHUNK = 0x7fffffff

/** A part of a block that goes into a content. */
interface Piece {
  readonly list: number
  readonly at: number
  readonly from: number
  readonly to: number
  readonly id: Uint8Array
}

export const makeAssembler = (recipe: Recipe, unpacker: Unpacker, table: KernelTable): Assembler => {
  const verifyAt = recipe.kernels.findIndex((k) => k !== "unchunk" && k.stage === "hash")
  const unchunkAt = recipe.kernels.indexOf("unchunk")
  const specs = recipe.kernels as ReadonlyArray<KernelSpec>
  const decoders = (from: number, to: number) => specs.slice(from, to).map((spec) => decoder(spec, table))
  const onBlock = decoders(0, verifyAt)
  const hasher = makeKernel(specs[verifyAt] as KernelSpec<"hash">, table) as Hasher
  const onChunk = decoders(verifyAt + 1, unchunkAt)
  const onContent = specs.slice(unchunkAt + 1)
  const kept = new Map<BlockPlace, Uint8Array>()
  let keptBytes = 0

  const keep = (place: BlockPlace, bytes: Uint8Array): void => {
    if (bytes.length > KEPT_BYTES / 4) return
    kept.set(place, bytes)
    keptBytes += bytes.length
    for (const [old, { length }] of kept) {
      if (keptBytes <= KEPT_BYTES) break
      kept.delete(old)
      keptBytes -= length
    }
  }

  /** Verifies and copies the pieces of one decoded block. */
  const copy = (
    block: Uint8Array,
    pieces: ReadonlyArray<Piece>,
    out: Array<Uint8Array | Damage>,
    place: BlockPlace,
  ): void => {
    for (const { list, at, from, to, id } of pieces) {
      const target = out[list]!
      if (!(target instanceof Uint8Array)) continue
      const chunk = block.subarray(from, to)
      if (chunk.length !== to - from || hasher.digest(chunk).some((byte, i) => byte !== id[i])) {
        out[list] = { damage: `a block of ${place.object} is not what was stored` }
      } else {
        target.set(chunk, at)
      }
    }
  }

  const decode = (sealed: Uint8Array, place: BlockPlace): Uint8Array | Damage => {
    try {
      return onBlock.reduce((bytes, run) => run(bytes, place.rawLength), sealed)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      return { damage: `a block of ${place.object} is damaged or altered` }
    }
  }

  const read: Assembler["read"] = Effect.fnUntraced(function* (lists) {
    const all = new Uint8Array(lists.reduce((n, list) => n + list.length, 0))
    let filled = 0
    for (const list of lists) {
      all.set(list, filled)
      filled += list.length
    }
    const places = yield* unpacker.locate(all)
    const out: Array<Uint8Array | Damage> = []
    const pieces = new Map<BlockPlace, Array<Piece>>()
    let n = 0
    for (const list of lists) {
      const index = out.length
      const length = contentLength(list)
      if (length > MAXIMUM_CHUNK) {
        out.push({ damage: "its catalog entry has impossible lengths" })
        n += chunkCount(list)
        continue
      }
      out.push(new Uint8Array(length))
      let at = 0
      for (let i = 0; i < chunkCount(list); i++, n++) {
        const place = places[n]!
        if ("lost" in place) {
          out[index] = { damage: place.lost }
          continue
        }
        const { block, from, to } = place
        if (to - from !== chunkLength(list, i)) {
          out[index] = { damage: `a chunk of ${block.object} has another length than its catalog says` }
          continue
        }
        let of = pieces.get(block)
        if (of === undefined) pieces.set(block, of = [])
        of.push({ list: index, at, from, to, id: chunkId(list, i) })
        at += to - from
      }
    }
    const wanted: Array<BlockPlace> = []
    for (const [place, of] of pieces) {
      const block = kept.get(place)
      if (block === undefined) wanted.push(place)
      else copy(block, of, out, place)
    }
    yield* Effect.forEach(
      runs(wanted),
      (run) =>
        unpacker.get({ ...run[0]!, length: run.reduce((sum, { length }) => sum + length, 0) }).pipe(
          Effect.catch((error) =>
            error.reason === "unavailable" ? Effect.fail(error) : Effect.succeed<Damage>({ damage: error.message })
          ),
          Effect.map((bytes) => {
            let offset = 0
            for (const place of run) {
              const of = pieces.get(place)!
              const block = "damage" in bytes ? bytes : decode(bytes.subarray(offset, offset + place.length), place)
              offset += place.length
              if ("damage" in block) { for (const { list } of of) out[list] = block }
              else {
                copy(block, of, out, place)
                keep(place, block)
              }
            }
          }),
        ),
      { concurrency: FETCHES, discard: true },
    )
    if (onChunk.length === 0) return out
    return out.map((bytes, i) => bytes instanceof Uint8Array ? decodeChunks(bytes, lists[i]!, onChunk) : bytes)
  })

  return {
    read,
    transforms: () =>
      onContent.map((spec) => {
        const run = decoder(spec, table)
        return unframes(spec.name, (frame) => run(frame, FRAME_LIMIT))
      }),
  }
}

/** A decoded frame is at most this long; see framed.ts. Between two codecs a frame may have grown. */
const FRAME_LIMIT = (1 << 20) + (64 << 10)

/** Decodes the chunks of a content one by one: for codecs between `chunk` and `hash`. */
const decodeChunks = (
  bytes: Uint8Array,
  list: Uint8Array,
  decoders: ReadonlyArray<(bytes: Uint8Array, limit: number) => Uint8Array>,
): Uint8Array | Damage => {
  const parts: Array<Uint8Array> = []
  let at = 0
  try {
    for (let i = 0; i < chunkCount(list); i++) {
      const chunk = bytes.subarray(at, at + chunkLength(list, i))
      at += chunk.length
      parts.push(decoders.reduce((b, run) => run(b, MAXIMUM_CHUNK), chunk))
    }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return { damage: error.message }
  }
  return concat(parts)
}

/** Adjacent blocks of one object in one run. */
const runs = (places: ReadonlyArray<BlockPlace>): ReadonlyArray<ReadonlyArray<BlockPlace>> => {
  const out: Array<Array<BlockPlace>> = []
  let bytes = 0
  for (const place of places) {
    const run = out.at(-1)
    const last = run?.at(-1)
    if (
      run !== undefined && last !== undefined && last.object === place.object &&
      last.offset + last.length === place.offset &&
      bytes + place.length <= FETCH_BYTES
    ) {
      run.push(place)
      bytes += place.length
    } else {
      out.push([place])
      bytes = place.length
    }
  }
  return out
}

const decoder = (spec: KernelSpec, table: KernelTable): (bytes: Uint8Array, limit: number) => Uint8Array => {
  if (spec.stage === "compress") return (makeKernel(spec, table) as Compressor).decode
  const cipher = makeKernel(spec, table) as Cipher
  return (bytes) => cipher.open(bytes)
}

/** Splits a chunk list into lists of about `bytes` of content each, at least one chunk in each. */
export const splitList = (list: Uint8Array, bytes: number): ReadonlyArray<Uint8Array> => {
  const out: Array<Uint8Array> = []
  let from = 0
  let size = 0
  for (let i = 0; i < chunkCount(list); i++) {
    if (size > 0 && size + chunkLength(list, i) > bytes) {
      out.push(list.subarray(from * RECORD_BYTES, i * RECORD_BYTES))
      from = i
      size = 0
    }
    size += chunkLength(list, i)
  }
  if (from < chunkCount(list)) out.push(list.subarray(from * RECORD_BYTES))
  return out
}
