/** Stores the contents of files, each once. SPEC.md, "Writing". */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SourceError } from "../../stages/walk/errors.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { emptyList } from "../../stages/hash/chunk_list.ts"
import type { Packed } from "../../stages/pack/pack.ts"
import type { PackStats } from "../../stages/pack/packing.ts"
import type { Planned } from "../../stages/plan/plan.ts"
import { unreadable } from "../../stages/plan/stored.ts"
import type { Content, Entry, Metadata } from "../../stages/walk/entry.ts"
import { feed } from "../../stages/walk/feed.ts"
import { metadataAsRead, readUntilUnchanged } from "../../stages/walk/reread.ts"
import type { FormatError } from "../error.ts"
import { type Bptr, refFromChunks, refToChunks } from "./bptr.ts"
import { EnvelopeWriter } from "./block_write.ts"
import { type EncodeOptions, startEncoder } from "./envelope.ts"
import { writing } from "./errors.ts"
import type { RunIndex } from "./run_index.ts"
import { isExecutable, modeOf } from "./json_listing.ts"
import type { Opened } from "./opened.ts"
import type { BlockStore } from "./block_store.ts"

/** Content up to this length is hashed before it is stored, and kept meanwhile. */
const KEPT_BYTES = 1 << 20
/** Entries that wait for a partial block to be complete; then it is completed. */
const WAITING = 4096

/** A content that is stored, or about to be. */
interface PendingContent {
  readonly sha256: Uint8Array
  readonly size: number
  bptr?: Bptr
}

/** An entry whose content may be on its way. */
interface Waiting {
  readonly entry: Stored
  readonly pending?: PendingContent
}

/** What reading a content gave. */
interface Outcome {
  readonly size: number
  readonly changed: boolean
  readonly metadata?: Metadata
  /** None for a content without bytes. */
  readonly pending?: PendingContent
}

export class Contents {
  readonly #opened: Opened
  readonly #blocks: BlockStore
  readonly #known: RunIndex
  /** Contents whose last part is in the open partial block, by hash. */
  readonly #pendingContents = new Map<string, PendingContent>()
  #waiting: Array<Waiting> = []
  #chunksNew = 0
  #bytesAdded = 0

  readonly #onRead: (path: string, bytes: number) => void

  /** `onRead` is told of content as it is read for the first time. */
  constructor(
    opened: Opened,
    blocks: BlockStore,
    known: RunIndex,
    onRead: (path: string, bytes: number) => void = () => {},
  ) {
    this.#onRead = onRead
    this.#opened = opened
    this.#blocks = blocks
    this.#known = known
  }

  get stats(): PackStats {
    const { bytes, objects } = this.#blocks.stored
    return { objects, bytesStored: bytes, chunksNew: this.#chunksNew, bytesAdded: this.#bytesAdded }
  }

  /** Stores the contents of a stream of entries. They come out in order, as the listings will have them. */
  store<E, R>(
    self: Stream.Stream<Planned<readonly ["walk"]>, E, R>,
  ): Stream.Stream<Packed<readonly ["walk", "pack"]>, E | FormatError, R> {
    const stats = () => this.stats
    return self.pipe(
      Stream.mapEffect((entry) => this.#add(entry)),
      Stream.concat(Stream.fromEffect(Effect.suspend(() => this.#complete()))),
      Stream.flattenIterable,
      Stream.map((entry) => ({ ...entry, stats })),
    )
  }

  readonly #add = Effect.fnUntraced(function* (this: Contents, planned: Planned<readonly ["walk"]>) {
    const { content, known, plan: _plan, steps: _steps, ...entry } = planned
    this.#waiting.push(
      entry.kind === "file"
        ? yield* this.#file(entry, content ?? new Uint8Array(0), known)
        : { entry: { ...entry, chunks: emptyList, reused: false } },
    )
    yield* this.#blocks.flushWhenFull
    if (this.#waiting.length < WAITING) return this.#takeReady()
    return yield* this.#complete()
  })

  /** Completes partial blocks until no entry waits. */
  readonly #complete = Effect.fnUntraced(function* (this: Contents) {
    while (this.#blocks.writer.hasTails) {
      yield* writing(() => this.#blocks.writer.completePartial())
      yield* this.#blocks.flush
    }
    yield* this.#blocks.flush
    return this.#takeReady()
  })

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

  readonly #file = Effect.fnUntraced(
    function* (this: Contents, entry: Entry, content: Content, known: Uint8Array | undefined) {
      const ref = known && refFromChunks(known, entry.size ?? 0)
      if (known !== undefined && (ref === undefined || (yield* this.#blocks.has(ref.bptr)))) {
        const waiting: Waiting = { entry: { ...entry, chunks: known, reused: true } }
        return waiting
      }
      const read = yield* readUntilUnchanged((last) => this.#read(entry, content, last))
      const { pending, size } = read
      const waiting: Waiting = {
        entry: { ...entry, size, chunks: emptyList, reused: false, ...metadataAsRead(entry, read) },
        ...(pending === undefined ? {} : { pending }),
      }
      return waiting
    },
    (effect, entry) =>
      Effect.catch(
        effect,
        (error) =>
          error instanceof SourceError
            ? Effect.succeed<Waiting>({ entry: unreadable(entry, error) })
            : Effect.fail(error),
      ),
  )

  /**
   * Reads a content, and stores it unless it is stored. What may be there already is hashed first: small contents,
   * which are kept meanwhile, and those for which there is one of the same length. What can be read only once is stored
   * as it comes.
   */
  readonly #read = Effect.fnUntraced(
    function* (
      this: Contents,
      { once, path, size: expected }: Entry,
      content: Content,
      last: boolean,
    ): Effect.fn.Return<Outcome, FormatError | SourceError> {
      const onRead = (bytes: number): void => this.#onRead(path, bytes)
      const first = once !== true && (
        content instanceof Uint8Array || expected === undefined || expected <= KEPT_BYTES ||
        [...this.#pendingContents.values()].some(({ size }) => size === expected) ||
        (yield* writing(() => this.#known.hasSize(expected)))
      )
      if (!first) return yield* this.#write(content, expected, last, onRead)
      const { kept, sha256, ...outcome } = yield* this.#hash(content, expected, onRead)
      if (outcome.size === 0 || (outcome.changed && !last)) return outcome
      const pending = yield* this.#find(sha256)
      if (pending !== undefined) return { ...outcome, pending }
      if (kept === undefined) return yield* this.#write(content, expected, last)
      return {
        ...outcome,
        ...(yield* this.#write(kept, outcome.size, true)),
        changed: outcome.changed,
      } satisfies Outcome
    },
  )

  readonly #hash = Effect.fnUntraced(function* (
    this: Contents,
    content: Content,
    expected: number | undefined,
    onRead: (bytes: number) => void,
  ) {
    const state = this.#opened.keys.hasher.create()
    let kept: Array<Uint8Array> | undefined = []
    let size = 0
    const end = yield* feed(content, expected, (bytes) => {
      state.update(bytes)
      size += bytes.length
      onRead(bytes.length)
      if (size > KEPT_BYTES) kept = undefined
      kept?.push(bytes.slice())
      return Effect.void
    })
    return { ...end, size, sha256: state.digest(), kept: kept && concat(kept) }
  })

  readonly #find = Effect.fnUntraced(function* (this: Contents, sha256: Uint8Array) {
    const pending: PendingContent | undefined = this.#pendingContents.get(bytesToHex(sha256)) ??
      (yield* writing(() => this.#known.content(sha256)))
    // What is to be found is not worth much when it is lost.
    return pending?.bptr === undefined || (yield* this.#blocks.has(pending.bptr)) ? pending : undefined
  })

  readonly #write = Effect.fnUntraced(
    function* (
      this: Contents,
      content: Content,
      expected: number | undefined,
      last: boolean,
      onRead: (bytes: number) => void = () => {},
    ): Effect.fn.Return<Outcome, FormatError | SourceError> {
      const { compress, gzip, keys } = this.#opened
      const options: EncodeOptions = compress ? { gzip: { kernel: gzip, adaptive: true } } : {}
      const envelope = new EnvelopeWriter(this.#blocks.writer, startEncoder(keys, options))
      const state = keys.hasher.create()
      let size = 0
      const read = yield* feed(content, expected, (bytes) =>
        Effect.andThen(
          writing(() => {
            state.update(bytes)
            size += bytes.length
            onRead(bytes.length)
            envelope.push(bytes)
          }),
          this.#blocks.flushWhenFull,
        ))
      if (size === 0 || (read.changed && !last)) return { ...read, size }
      const pending: PendingContent = { sha256: state.digest(), size }
      const id = bytesToHex(pending.sha256)
      this.#pendingContents.set(id, pending)
      this.#chunksNew++
      this.#bytesAdded += size
      yield* writing(() =>
        envelope.end((bptr) => {
          pending.bptr = bptr
          this.#pendingContents.delete(id)
          this.#known.addContent({ ...pending, bptr })
        })
      )
      return { ...read, size, pending }
    },
  )
}

const isPlaced = ({ pending }: Waiting): boolean => pending === undefined || pending.bptr !== undefined

/** What of its metadata a listing has. */
const keptOf = ({ kind, metadata: { ctime, inode, mode, mtime } }: Stored): Metadata => ({
  ...(mtime === undefined ? {} : { mtime }),
  ...(kind !== "file" ? {} : {
    mode: modeOf(isExecutable(mode)),
    ...(ctime === undefined ? {} : { ctime }),
    ...(inode === undefined ? {} : { inode }),
  }),
})
