/**
 * The stage that stores contents, in the place of `pack`. The last part of a content shares a block with others, and
 * has no address before that block is complete. So entries wait here, and come out in order with their addresses.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import type { Packed } from "../../stages/pack/pack.ts"
import type { PackStats } from "../../stages/pack/packing.ts"
import type { Planned } from "../../stages/plan/plan.ts"
import { type Stored, unreadable } from "../../stages/plan/stored.ts"
import type { Content, Entry, Metadata } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import type { FormatError } from "../error.ts"
import type { BlockStore } from "./block_store.ts"
import { refFromChunks, refToChunks } from "./bptr.ts"
import { ContentWriter, type PendingContent } from "./content_write.ts"
import { isExecutable, modeOf } from "./listing.ts"
import type { Opened } from "./opened.ts"
import type { RunIndex } from "./run_index.ts"

/** When this many entries wait for a partial block, it is completed. */
const WAITING = 4096

/** An entry that waits for the address of its content, when it has one. */
interface WaitingEntry {
  readonly entry: Stored
  readonly pending?: PendingContent
}

/** Stores the contents of a stream of entries, each once. */
export class Contents {
  readonly #blocks: BlockStore
  readonly #writer: ContentWriter
  #waiting: Array<WaitingEntry> = []

  /** `onRead` is told of bytes of content when they are read for the first time. */
  constructor(opened: Opened, blocks: BlockStore, index: RunIndex, onRead: (path: string, bytes: number) => void) {
    this.#blocks = blocks
    this.#writer = new ContentWriter(opened, blocks, index, onRead)
  }

  /** What was stored so far. */
  get stats(): PackStats {
    const { bytes, objects } = this.#blocks.stored
    return { objects, bytesStored: bytes, ...this.#writer.added }
  }

  /** Gives the entries in order, with the addresses of their contents. */
  store<E, R>(
    self: Stream.Stream<Planned<readonly ["walk"]>, E, R>,
  ): Stream.Stream<Packed<readonly ["walk", "pack"]>, E | FormatError, R> {
    const stats = () => this.stats
    return self.pipe(
      Stream.mapEffect((entry) => this.#add(entry)),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => this.#completeAll()))),
      Stream.flattenIterable,
      Stream.map((entry) => ({ ...entry, stats })),
    )
  }

  readonly #add = Effect.fnUntraced(function* (this: Contents, planned: Planned<readonly ["walk"]>) {
    const { content, known, plan: _plan, steps: _steps, ...entry } = planned
    this.#waiting.push(
      entry.kind === "file"
        ? yield* this.#storeFile(entry, content ?? new Uint8Array(0), known)
        : { entry: { ...entry, chunks: emptyList, reused: false } },
    )
    yield* this.#blocks.flushWhenFull
    if (this.#waiting.length < WAITING) return this.#takeReady()
    return yield* this.#completeAll()
  })

  readonly #completeAll = Effect.fnUntraced(function* (this: Contents) {
    yield* this.#blocks.complete
    return this.#takeReady()
  })

  /** Takes out the entries at the beginning whose contents have their addresses. */
  #takeReady(): ReadonlyArray<Stored> {
    const waiting = this.#waiting
    let count = 0
    while (count < waiting.length && isPlaced(waiting[count]!)) count++
    if (count === 0) return []
    return waiting.splice(0, count).map(({ entry, pending }) => ({
      ...entry,
      metadata: keptOf(entry),
      ...(pending === undefined ? {} : { chunks: refToChunks({ ...pending, bptr: pending.bptr! }) }),
    }))
  }

  /** `known` is the content that `reuse` found in the parent. It is read again if a block of it is missing. */
  readonly #storeFile = Effect.fnUntraced(
    function* (this: Contents, entry: Entry, content: Content, known: Uint8Array | undefined) {
      const ref = known && refFromChunks(known, entry.size ?? 0)
      if (known !== undefined && (ref === undefined || (yield* this.#blocks.has(ref.bptr)))) {
        const waiting: WaitingEntry = { entry: { ...entry, chunks: known, reused: true } }
        return waiting
      }
      const { metadata, pending, size, warning } = yield* this.#writer.write(entry, content)
      const waiting: WaitingEntry = {
        entry: {
          ...entry,
          metadata,
          size,
          chunks: emptyList,
          reused: false,
          ...(warning === undefined ? {} : { warning }),
        },
        ...(pending === undefined ? {} : { pending }),
      }
      return waiting
    },
    (effect, entry) =>
      Effect.catch(
        effect,
        (error) =>
          error instanceof SourceError
            ? Effect.succeed<WaitingEntry>({ entry: unreadable(entry, error) })
            : Effect.fail(error),
      ),
  )
}

const isPlaced = ({ pending }: WaitingEntry): boolean => pending === undefined || pending.bptr !== undefined

/** The metadata that a listing keeps. */
const keptOf = ({ kind, metadata: { ctime, inode, mode, mtime } }: Stored): Metadata => ({
  ...(mtime === undefined ? {} : { mtime }),
  ...(kind !== "file" ? {} : {
    mode: modeOf(isExecutable(mode)),
    ...(ctime === undefined ? {} : { ctime }),
    ...(inode === undefined ? {} : { inode }),
  }),
})
