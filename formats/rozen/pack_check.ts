/** Checks one pack: its header and footer, or every chunk in it. */
import * as Effect from "effect/Effect"
import { type DamagedBlock, eachBlock } from "../../stages/fetch/blocks.ts"
import { chunkCount, chunkId, chunkLength } from "../../stages/hash/chunk_list.ts"
import { Kernels } from "../../stages/kernel/kernel.ts"
import { releaseBuffer } from "../../stages/memory/release.ts"
import { type ChunkAt, Decoding } from "../../stages/fetch/decoding.ts"
import { PackDirectory } from "../../stages/pack/pack_directory.ts"
import { type Readable, readEnds } from "../../stages/pack/pack_ends.ts"
import type { KnownPack } from "../../stages/pack/pack_store.ts"
import { PackError } from "../../stages/pack/packing.ts"
import { ciphersOf } from "../../stages/pack/sealing.ts"
import type { StoreError } from "../../stages/store/store.ts"
import { concernsObject, isUnreadable } from "../../stages/store/unreadable.ts"
import { wholeReads } from "../../stages/store/whole_reads.ts"
import type { PackKind } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** What a check found of one pack. */
export interface PackState {
  /** Number of chunks that its footer lists. */
  readonly chunks: number
  /** One sentence; absent when nothing is wrong. */
  readonly problem?: string
  /** It is not damaged: a later version wrote it. */
  readonly newer?: boolean
  /** The error of the store, when the store cannot read it. */
  readonly cause?: unknown
  /** IDs of the chunks that this pack has lost; `all` when not even the list of its chunks can be read. */
  readonly bad: ReadonlyArray<Uint8Array> | "all"
}

/** The state of a pack that the store does not give; fails when the store as a whole cannot be reached. */
const stateOfUnreadable = (error: StoreError): Effect.Effect<PackState, StoreError> =>
  concernsObject(error)
    ? Effect.succeed({ chunks: 0, problem: error.message, cause: error, bad: "all" })
    : Effect.fail(error)

/** Checks header and footer. Fails only when the store cannot be reached. */
export const checkEnds: (
  opened: Opened,
  kind: PackKind,
  pack: KnownPack,
) => Effect.Effect<PackState, StoreError> = Effect.fnUntraced(
  function* ({ layout, store }: Opened, kind: PackKind, pack: KnownPack) {
    return yield* readEnds(layout[kind], store, ciphersOf(yield* Kernels), pack).pipe(
      Effect.map(({ blocks, header }): PackState => ({
        chunks: blocks.reduce((n, block) => n + chunkCount(block.chunks), 0),
        bad: [],
        ...(header === undefined ? {} : { problem: headerProblem(header) }),
      })),
      Effect.catchTag(
        "PackError",
        (error) => Effect.succeed<PackState>({ chunks: 0, problem: error.message, cause: error, bad: "all" }),
      ),
    )
  },
  Effect.catchTag("StoreError", stateOfUnreadable),
)

/** What is wrong with a header. It says nothing that the name of the pack does not, so nothing is lost with it. */
const headerProblem = ({ message }: PackError): string => `${message}; nothing is lost, and "penstock rebuild" mends it`

/** Where the chunks of a block are. */
const chunksAt = (list: Uint8Array): ReadonlyArray<ChunkAt> => {
  const chunks: Array<ChunkAt> = []
  let from = 0
  for (let i = 0; i < chunkCount(list); i++) {
    const to = from + chunkLength(list, i)
    chunks.push({ from, to, id: chunkId(list, i) })
    from = to
  }
  return chunks
}

/**
 * Reads all of a pack and verifies every chunk against its ID. A pack of a remote store is fetched with one request.
 * Fails only when the store cannot be reached.
 */
export const checkPack: (
  opened: Opened,
  kind: PackKind,
  pack: KnownPack,
) => Effect.Effect<PackState, StoreError> = Effect.fnUntraced(
  function* ({ layout, store }: Opened, kind: PackKind, pack: KnownPack) {
    const from: Readable = store.properties.remote === true
      ? wholeReads(store, { sizeOf: () => pack.size, bytes: pack.size })
      : store
    const footer = yield* readEnds(layout[kind], from, ciphersOf(yield* Kernels), pack).pipe(
      Effect.catchTag("PackError", (error) => Effect.succeed(error)),
    )
    if (footer instanceof PackError) {
      const { cause, message: problem, reason } = footer
      return { chunks: 0, problem, newer: reason === "newer", cause, bad: "all" } satisfies PackState
    }
    const lists = new Map(
      new PackDirectory(pack.object, footer.sealing, footer.blocks).blocks.map(({ chunks, place }) => [place, chunks]),
    )
    const decode = yield* (yield* Decoding).startDecoder({
      decoders: [layout.compress],
      hasher: layout.hash,
      bytes: false,
      handOver: true,
    })
    const bad: Array<Uint8Array> = []
    let chunks = 0
    let unreadable: DamagedBlock | undefined
    yield* eachBlock([...lists.keys()], {
      get: ({ length, object, offset }) => from.get(object, { offset, length }),
      decode,
      chunks: (place) => chunksAt(lists.get(place)!),
      use: (place, block, own) =>
        Effect.sync(() => {
          const list = lists.get(place)!
          chunks += chunkCount(list)
          if ("damage" in block) {
            if (isUnreadable(block)) unreadable ??= block
            for (let i = 0; i < chunkCount(list); i++) bad.push(chunkId(list, i))
            return
          }
          for (const i of block.bad) bad.push(chunkId(list, i))
          if (own) releaseBuffer(block.bytes)
        }),
    })
    if (bad.length === 0) return { chunks, bad, ...(footer.header ? { problem: headerProblem(footer.header) } : {}) }
    return {
      chunks,
      bad,
      problem: unreadable === undefined
        ? `${pack.object} is damaged or was altered: ${bad.length} of its ${chunks} chunks are damaged`
        : `${pack.object} cannot be read whole, ${bad.length} of its ${chunks} chunks are out of reach: ` +
          unreadable.damage,
      cause: unreadable,
    }
  },
  Effect.scoped,
  Effect.catchTag("StoreError", stateOfUnreadable),
)
