/** Stores the contents of files in an archive under way, each once. SPEC.md, "Writing". */
import { bytesToHex } from "@noble/hashes/utils.js"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import { ZSTD_FRAME_BYTES } from "../../stages/compress/zstd_stream.ts"
import { AGE_HEADER_MAXIMUM, headerLength, isAge, stanzaCount } from "../../stages/encrypt/age.ts"
import { catching } from "../../stages/kernel/catching.ts"
import type { PackStats } from "../../stages/pack/packing.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { Content, ReaderContent } from "../../stages/walk/entry.ts"
import { feed } from "../../stages/walk/feed.ts"
import { SourceError } from "../../stages/walk/source.ts"
import type { RepositoryError } from "../error.ts"
import { type ArchiveWriter, encoding, startContent } from "./archive_write.ts"
import { READ_BYTES } from "./content_read.ts"
import type { Index, StoredContent } from "./index.ts"
import { readArchive } from "./layout.ts"
import type { Opened } from "./opened.ts"

/** Content up to this length is held in memory, and read once; it is one frame. */
export const HELD_BYTES: number = ZSTD_FRAME_BYTES
/** How often a small file that changes while it is read is read again. */
const RETRIES = 1

const CHANGED = "It changed while it was read"

/** A file whose content is to be stored. */
export interface Waiting {
  readonly path: string
  readonly size: number | undefined
  readonly content: Content
  /** Progress has been told of it. */
  readonly told?: boolean
}

/** A content that has its place, or will get it. */
interface Slot {
  stored: StoredContent | undefined
}

/** What became of a file. */
export interface Done {
  readonly path: string
  /** Bytes of content. */
  readonly size: number
  /** Where it is; undefined when the file could not be read. */
  readonly slot: { readonly stored: StoredContent | undefined } | undefined
  /** Why it could not be read, or what is wrong with what was. */
  readonly problem?: string
}

/** What remains to be done with a file, one after the other. */
type Prepared = (writer: ContentWriter) => Effect.Effect<Done, RepositoryError | StoreError>

/** Stores contents. `prepare` may run for several files at once, what it gives runs one after the other. */
export class ContentWriter {
  readonly #opened: Opened
  readonly #archive: ArchiveWriter
  readonly #old: ReadonlyMap<string, StoredContent>
  readonly #onRead: (path: string, bytes: number) => void
  /** By recipients and hash. */
  readonly #slots = new Map<string, Slot>()
  /** Sizes of contents that are there, of those beyond {@link HELD_BYTES}: another of such a size may be the same. */
  readonly #sizes = new Set<number>()
  readonly #contents: Array<StoredContent> = []
  #stats: PackStats = { objects: 0, bytesStored: 0, chunksNew: 0, bytesAdded: 0 }

  /** `old`: the index of the archive that is replaced, when its contents may be used again. */
  constructor(
    opened: Opened,
    archive: ArchiveWriter,
    old: Index | undefined,
    onRead: (path: string, bytes: number) => void,
  ) {
    this.#opened = opened
    this.#archive = archive
    this.#onRead = onRead
    const reuse = opened.options.reuse !== "never" ? old?.contents ?? [] : []
    this.#old = new Map(reuse.map((content) => [bytesToHex(content.hash), content]))
    for (const { size } of reuse) if (size > HELD_BYTES) this.#sizes.add(size)
  }

  /** What was stored anew so far. */
  get stats(): PackStats {
    return this.#stats
  }

  /** The contents in the order in which they lie in the archive. */
  get contents(): ReadonlyArray<StoredContent> {
    return this.#contents
  }

  /** Reads, compresses and encrypts what is small. */
  prepare(file: Waiting): Effect.Effect<Prepared, RepositoryError | StoreError> {
    return this.#hold(file).pipe(
      Effect.flatMap((held): Effect.Effect<Prepared, RepositoryError | StoreError> =>
        held === undefined
          ? Effect.succeed((writer: ContentWriter) => writer.#large(file))
          : this.#small(file, held.bytes, held.problem)
      ),
      Effect.catchTag("SourceError", (error) => Effect.succeed(() => Effect.succeed(unreadable(file, error)))),
    )
  }

  /**
   * Takes the content of a file whose content is a stream, which may not be there later: one that is small is given
   * back, to be stored with others; a larger one is stored.
   */
  readonly stream: (file: Waiting) => Effect.Effect<Waiting | Done, RepositoryError | StoreError> = Effect.fnUntraced(
    function* (this: ContentWriter, file: Waiting) {
      const { path, size } = file
      // Read twice only when it may be there already; standard input can be read only once.
      if (size !== undefined && this.#sizes.has(size)) return yield* this.#large(file)
      let held: Array<Uint8Array> = []
      let bytes = 0
      let sink: Sink | undefined
      const { problem } = yield* this.#feed(file, (piece) => {
        bytes += piece.length
        if (sink !== undefined) return sink.push(piece)
        held.push(piece.slice())
        if (bytes <= HELD_BYTES) return Effect.void
        const pieces = held
        held = []
        return Effect.flatMap(this.#sink(path), (started) => {
          sink = started
          return Effect.forEach(pieces, started.push, { discard: true })
        })
      })
      if (sink === undefined) return { path, size: bytes, content: concat(held), told: true }
      return yield* Effect.map(sink.end, (stored): Done => ({ path, size: bytes, slot: { stored }, ...problem }))
    },
    (effect, file) => Effect.catchTag(effect, "SourceError", (error) => Effect.succeed(unreadable(file, error))),
  )

  /** The whole content of a small file; undefined when it is large. */
  readonly #hold: (
    file: Waiting,
  ) => Effect.Effect<{ readonly bytes: Uint8Array; readonly problem: { problem?: string } } | undefined, SourceError> =
    Effect.fnUntraced(function* (this: ContentWriter, file: Waiting) {
      const { content, path, size } = file
      if (content instanceof Uint8Array) {
        if (content.length > HELD_BYTES) return undefined
        if (file.told !== true) this.#onRead(path, content.length)
        return { bytes: content, problem: {} }
      }
      if ((size ?? 0) > HELD_BYTES) return undefined
      for (let attempts = 0;; attempts++) {
        const held = yield* catching(SourceError, () => hold(content as ReaderContent, size))
        if (held === undefined) return undefined
        if (held.changed && attempts < RETRIES) continue
        this.#onRead(path, held.bytes.length)
        return {
          bytes: held.bytes,
          problem: held.changed ? { problem: `${CHANGED}, twice; what was read is stored` } : {},
        }
      }
    })

  readonly #small: (
    file: Waiting,
    bytes: Uint8Array,
    problem: { readonly problem?: string },
  ) => Effect.Effect<Prepared, RepositoryError | StoreError> = Effect.fnUntraced(
    function* (
      this: ContentWriter,
      { path }: Waiting,
      bytes: Uint8Array,
      problem: { readonly problem?: string },
    ): Effect.fn.Return<Prepared, RepositoryError | StoreError> {
      const hash = this.#opened.hasher.digest(bytes)
      const size = bytes.length
      const recipients = this.#recipients(path)
      const key = keyOf(recipients, hash)
      const known = this.#slots.get(key)
      const done = (slot: Slot): Done => ({ path, size, slot, ...problem })
      if (known !== undefined) return () => Effect.succeed(done(known))
      // Claimed before anything else can be: others with this content then wait for its place.
      const slot: Slot = { stored: undefined }
      this.#slots.set(key, slot)
      const old = yield* this.#reusable(hash, size, recipients)
      if (old !== undefined) return (writer) => Effect.map(writer.#copy(old, slot), () => done(slot))
      const encoder = yield* startContent(this.#opened, recipients)
      const parts = yield* encoding(() => [...encoder.push(bytes), ...encoder.end()])
      return (writer) =>
        Effect.suspend(() => {
          const offset = writer.#archive.position()
          return Effect.map(writer.#archive.append(parts), () => {
            slot.stored = writer.#added({ offset, length: encoder.length, hash, size })
            return done(slot)
          })
        })
    },
  )

  readonly #large: (file: Waiting) => Effect.Effect<Done, RepositoryError | StoreError> = Effect.fnUntraced(
    function* (this: ContentWriter, file: Waiting) {
      const { path } = file
      const recipients = this.#recipients(path)
      const length = file.content instanceof Uint8Array ? file.content.length : file.size
      if (length !== undefined && this.#sizes.has(length)) {
        const state = this.#opened.hasher.create()
        let size = 0
        const { changed } = yield* feed(file.content, file.size, (piece) => {
          state.update(piece)
          size += piece.length
          return Effect.void
        })
        const hash = state.digest()
        const known = this.#slots.get(keyOf(recipients, hash))
        if (!changed && known !== undefined) {
          this.#onRead(path, size)
          return { path, size, slot: known }
        }
        const old = changed ? undefined : yield* this.#reusable(hash, size, recipients)
        if (old !== undefined) {
          const slot: Slot = { stored: undefined }
          this.#slots.set(keyOf(recipients, hash), slot)
          yield* this.#copy(old, slot)
          this.#onRead(path, size)
          return { path, size, slot }
        }
      }
      const sink = yield* this.#sink(path)
      const { problem } = yield* this.#feed(file, sink.push)
      const stored = yield* sink.end
      return { path, size: stored.size, slot: { stored }, ...problem }
    },
    (effect, file) => Effect.catchTag(effect, "SourceError", (error) => Effect.succeed(unreadable(file, error))),
  )

  /** Reads a content once. */
  #feed<E>(file: Waiting, take: (bytes: Uint8Array) => Effect.Effect<void, E>) {
    const { content, path, size } = file
    return Effect.map(
      feed(content, size, (bytes) => {
        this.#onRead(path, bytes.length)
        return take(bytes)
      }),
      ({ changed }) => ({
        changed,
        problem: changed ? { problem: `${CHANGED}; what was read is stored` } : {},
      }),
    )
  }

  /** Stores a content of which nothing is known before its end. */
  readonly #sink: (path: string) => Effect.Effect<Sink, RepositoryError> = Effect.fnUntraced(
    function* (this: ContentWriter, path: string) {
      const recipients = this.#recipients(path)
      const encoder = yield* startContent(this.#opened, recipients)
      const offset = this.#archive.position()
      const state = this.#opened.hasher.create()
      let size = 0
      const put = (run: () => ReadonlyArray<Uint8Array>) => Effect.flatMap(encoding(run), this.#archive.append)
      return {
        push: (bytes: Uint8Array) => {
          state.update(bytes)
          size += bytes.length
          return put(() => encoder.push(bytes))
        },
        end: Effect.map(Effect.suspend(() => put(() => encoder.end())), () => {
          const hash = state.digest()
          const stored = this.#added({ offset, length: encoder.length, hash, size })
          this.#slots.set(keyOf(recipients, hash), { stored })
          return stored
        }),
      }
    },
  )

  #recipients(path: string): ReadonlyArray<string> {
    const { options, keyring } = this.#opened
    const own = options.recipientsFor?.(path)
    return own === undefined ? keyring.recipients : own
  }

  #added(content: StoredContent): StoredContent {
    this.#contents.push(content)
    if (content.size > HELD_BYTES) this.#sizes.add(content.size)
    const { bytesAdded, bytesStored, chunksNew, objects } = this.#stats
    this.#stats = {
      objects,
      bytesStored: bytesStored + content.length,
      chunksNew: chunksNew + 1,
      bytesAdded: bytesAdded + content.size,
    }
    return content
  }

  /** Where the old archive has a content, if its stored bytes may be used for these recipients. */
  readonly #reusable: (
    hash: Uint8Array,
    size: number,
    recipients: ReadonlyArray<string>,
  ) => Effect.Effect<StoredContent | undefined, StoreError> = Effect.fnUntraced(
    function* (this: ContentWriter, hash: Uint8Array, size: number, recipients: ReadonlyArray<string>) {
      const { options, keyring, store } = this.#opened
      const old = this.#old.get(bytesToHex(hash))
      if (old === undefined || old.size !== size) return undefined
      const head = yield* readArchive(store, old.offset, Math.min(old.length, HEAD_BYTES))
      if (!isAge(head)) return undefined
      if (options.reuse === "trusted") return old
      // Other stanzas may be for anybody. A header that is longer than what was read is not for one recipient.
      const end = headerLength(head.subarray(0, AGE_HEADER_MAXIMUM))
      if (end === undefined || recipients.length !== 1 || stanzaCount(head.subarray(0, end)) !== 1) return undefined
      const opening = yield* Effect.catchTag(
        keyring.keys.open(head.subarray(0, end)),
        "KernelError",
        () => Effect.succeed(undefined),
      )
      return opening !== undefined && opening.by !== "passphrase" && keyring.own[opening.by] === recipients[0]
        ? old
        : undefined
    },
  )

  readonly #copy: (old: StoredContent, slot: Slot) => Effect.Effect<void, StoreError> = Effect.fnUntraced(
    function* (this: ContentWriter, old: StoredContent, slot: Slot) {
      const offset = this.#archive.position()
      for (let at = 0; at < old.length; at += READ_BYTES) {
        const length = Math.min(READ_BYTES, old.length - at)
        yield* this.#archive.append([yield* readArchive(this.#opened.store, old.offset + at, length)])
      }
      slot.stored = { ...old, offset }
      this.#contents.push(slot.stored)
      if (old.size > HELD_BYTES) this.#sizes.add(old.size)
    },
  )
}

/** Bytes of an old content that are read to see whom it is for. */
const HEAD_BYTES = 4096

interface Sink {
  readonly push: (bytes: Uint8Array) => Effect.Effect<void, RepositoryError | StoreError>
  readonly end: Effect.Effect<StoredContent, RepositoryError | StoreError>
}

const keyOf = (recipients: ReadonlyArray<string>, hash: Uint8Array): string =>
  [...recipients].sort().join(" ") + bytesToHex(hash)

const unreadable = ({ path }: Waiting, { message }: SourceError): Done => ({
  path,
  size: 0,
  slot: undefined,
  problem: message,
})

/** Reads what a reader gives; undefined when it is more than {@link HELD_BYTES}. Throws SourceError. */
const hold = (content: ReaderContent, size: number | undefined) => {
  const reader = content.open()
  try {
    let bytes = new Uint8Array(Math.min(HELD_BYTES, size ?? 0) + 1)
    let length = 0
    for (;;) {
      const read = reader.read(bytes.subarray(length))
      length += read
      if (length < bytes.length) break
      if (length > HELD_BYTES) return undefined
      const grown = new Uint8Array(Math.min(HELD_BYTES + 1, Math.max(64 << 10, bytes.length * 4)))
      grown.set(bytes)
      bytes = grown
    }
    const { changed } = reader.finish()
    return { bytes: bytes.subarray(0, length), changed }
  } finally {
    reader.close()
  }
}
