/** Reads contents, and stores those that are not stored yet. SPEC.md, "Writing". */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type { Content, Entry, Metadata } from "../../stages/walk/entry.ts"
import { feed } from "../../stages/walk/feed.ts"
import { metadataAsRead, readUntilUnchanged } from "../../stages/walk/reread.ts"
import type { SourceError } from "../../stages/walk/errors.ts"
import type { FormatError } from "../error.ts"
import type { BlockStore } from "./block_store.ts"
import { EnvelopeWriter } from "./block_write.ts"
import type { Bptr } from "./bptr.ts"
import { type EncodeOptions, startEncoder } from "./envelope.ts"
import { writing } from "./errors.ts"
import type { Opened } from "./opened.ts"
import type { RunIndex } from "./run_index.ts"

/** A content of at most this many bytes is hashed before it is stored, and kept in memory meanwhile. */
const KEPT_BYTES = 1 << 20

/** A content that is stored, or will have an address when its last block is complete. */
export interface PendingContent {
  readonly sha256: Uint8Array
  readonly size: number
  bptr?: Bptr
}

/** What became of a content. */
export interface WrittenContent {
  /** Bytes that were read. */
  readonly size: number
  /** The metadata of the file, as of the content that was read. */
  readonly metadata: Metadata
  /** Absent for a content without bytes. */
  readonly pending?: PendingContent
  /** What is wrong with the content that is stored. */
  readonly warning?: string
}

/** What one read of a content gave. */
interface Outcome {
  readonly size: number
  readonly changed: boolean
  readonly metadata?: Metadata
  readonly pending?: PendingContent
}

type OnBytes = (bytes: number) => void

/** Stores contents, one at a time, each once. */
export class ContentWriter {
  readonly #opened: Opened
  readonly #blocks: BlockStore
  readonly #index: RunIndex
  readonly #onRead: (path: string, bytes: number) => void
  /** Contents of this run that have no address yet, by hash. */
  readonly #pending = new Map<string, PendingContent>()
  #chunksNew = 0
  #bytesAdded = 0

  constructor(opened: Opened, blocks: BlockStore, index: RunIndex, onRead: (path: string, bytes: number) => void) {
    this.#opened = opened
    this.#blocks = blocks
    this.#index = index
    this.#onRead = onRead
  }

  /** How many contents were newly stored, and their bytes. */
  get added(): { readonly chunksNew: number; readonly bytesAdded: number } {
    return { chunksNew: this.#chunksNew, bytesAdded: this.#bytesAdded }
  }

  /** Stores the content of an entry. A file that changes while it is read is read again. */
  readonly write: (entry: Entry, content: Content) => Effect.Effect<WrittenContent, FormatError | SourceError> = Effect
    .fnUntraced(function* (this: ContentWriter, entry: Entry, content: Content) {
      const read = yield* readUntilUnchanged((last) => this.#readAndStore(entry, content, last))
      const { pending, size } = read
      return { size, ...metadataAsRead(entry, read), ...(pending === undefined ? {} : { pending }) }
    })

  /**
   * Reads a content, and stores it unless it is stored. Contents that may be stored already are hashed first: small
   * ones, which are kept in memory meanwhile, and those that have the size of a stored one. A content that can be read
   * only once is stored as it comes. A content that changed is stored only with `last`.
   */
  readonly #readAndStore = Effect.fnUntraced(
    function* (
      this: ContentWriter,
      { once, path, size: expected }: Entry,
      content: Content,
      last: boolean,
    ): Effect.fn.Return<Outcome, FormatError | SourceError> {
      const onBytes = (bytes: number): void => this.#onRead(path, bytes)
      const hashFirst = once !== true && (
        content instanceof Uint8Array || expected === undefined || expected <= KEPT_BYTES ||
        [...this.#pending.values()].some(({ size }) => size === expected) ||
        (yield* writing(() => this.#index.hasSize(expected)))
      )
      if (!hashFirst) return yield* this.#store(content, expected, last, onBytes)
      const { kept, sha256, ...outcome } = yield* this.#hash(content, expected, onBytes)
      if (outcome.size === 0 || (outcome.changed && !last)) return outcome
      const pending = yield* this.#find(sha256)
      if (pending !== undefined) return { ...outcome, pending }
      if (kept === undefined) return yield* this.#store(content, expected, last)
      return {
        ...outcome,
        ...(yield* this.#store(kept, outcome.size, true)),
        changed: outcome.changed,
      } satisfies Outcome
    },
  )

  readonly #hash = Effect.fnUntraced(function* (
    this: ContentWriter,
    content: Content,
    expected: number | undefined,
    onBytes: OnBytes,
  ) {
    const state = this.#opened.keys.hasher.create()
    let kept: Array<Uint8Array> | undefined = []
    let size = 0
    const end = yield* feed(content, expected, (bytes) => {
      state.update(bytes)
      size += bytes.length
      onBytes(bytes.length)
      if (size > KEPT_BYTES) kept = undefined
      kept?.push(bytes.slice())
      return Effect.void
    })
    return { ...end, size, sha256: state.digest(), kept: kept && concat(kept) }
  })

  /** The stored content with this hash, unless a block of it is missing. */
  readonly #find = Effect.fnUntraced(function* (this: ContentWriter, sha256: Uint8Array) {
    const found: PendingContent | undefined = this.#pending.get(bytesToHex(sha256)) ??
      (yield* writing(() => this.#index.content(sha256)))
    return found?.bptr === undefined || (yield* this.#blocks.has(found.bptr)) ? found : undefined
  })

  readonly #store = Effect.fnUntraced(
    function* (
      this: ContentWriter,
      content: Content,
      expected: number | undefined,
      last: boolean,
      onBytes: OnBytes = () => {},
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
            onBytes(bytes.length)
            envelope.push(bytes)
          }),
          this.#blocks.flushWhenFull,
        ))
      if (size === 0 || (read.changed && !last)) return { ...read, size }
      const pending: PendingContent = { sha256: state.digest(), size }
      const id = bytesToHex(pending.sha256)
      this.#pending.set(id, pending)
      this.#chunksNew++
      this.#bytesAdded += size
      yield* writing(() =>
        envelope.end((bptr) => {
          pending.bptr = bptr
          this.#pending.delete(id)
          this.#index.addContent({ ...pending, bptr })
        })
      )
      return { ...read, size, pending }
    },
  )
}
