/** Stores the contents of files in an archive, each once. SPEC.md, "Writing". */
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import type { SourceError } from "../../stages/walk/errors.ts"
import type { PackStats } from "../../stages/pack/packing.ts"
import type { StoreError } from "../../stages/store/store.ts"
import type { Content } from "../../stages/walk/entry.ts"
import { feed } from "../../stages/walk/feed.ts"
import type { RepositoryError } from "../error.ts"
import type { ArchiveWriter } from "./archive_write.ts"
import { encoding, startEncoder } from "./content.ts"
import { READ_BYTES } from "./content_read.ts"
import type { Index, StoredContent } from "./index.ts"
import { readArchive } from "./layout.ts"
import { NewContents, type PendingContent } from "./new_contents.ts"
import { OldContents } from "./old_contents.ts"
import type { Opened } from "./opened.ts"
import { HELD_BYTES, readSmall } from "./small_content.ts"

const CHANGED = "It changed while it was read; what was read is stored"

/** A file whose content is to be stored. */
export interface PendingFile {
  readonly path: string
  /** Bytes of content as the walk says; undefined when it does not. */
  readonly size: number | undefined
  readonly content: Content
  /** Whether `onRead` was told of its bytes already. */
  readonly counted: boolean
}

/** What became of a file. */
export interface StoredFile {
  readonly path: string
  /** Bytes of content. */
  readonly size: number
  /** The content; undefined when the file could not be read. */
  readonly content: Readonly<PendingContent> | undefined
  /** Why the file could not be read, or what is wrong with what was read. */
  readonly problem?: string
}

/** The part of storing a file that must wait for its turn: it writes to the archive. */
type Append = Effect.Effect<StoredFile, RepositoryError | StoreError>

/** Takes the bytes of one content, and appends its stored form to the archive. */
interface Sink {
  readonly push: (bytes: Uint8Array) => Effect.Effect<void, RepositoryError | StoreError>
  readonly end: Effect.Effect<StoredContent, RepositoryError | StoreError>
}

/** Stores contents. `prepare` may run for several files at once; the effects that it gives must run one by one. */
export class ContentWriter {
  readonly #opened: Opened
  readonly #archive: ArchiveWriter
  readonly #old: OldContents
  readonly #onRead: (path: string, bytes: number) => void
  readonly #new = new NewContents()

  /**
   * `old` is the index of the archive that is replaced, when its contents may be used again. `onRead` is told of bytes
   * of content as they are read.
   */
  constructor(
    opened: Opened,
    archive: ArchiveWriter,
    old: Index | undefined,
    onRead: (path: string, bytes: number) => void,
  ) {
    this.#opened = opened
    this.#archive = archive
    this.#onRead = onRead
    this.#old = new OldContents(opened, old)
  }

  /** What was newly stored so far. Copied contents do not count. */
  get stats(): PackStats {
    return this.#new.stats
  }

  /** The contents in the order in which they lie in the archive. */
  get contents(): ReadonlyArray<StoredContent> {
    return this.#new.stored
  }

  /** Reads, compresses and encrypts a small content. A large one is left to the effect that this gives. */
  prepare(file: PendingFile): Effect.Effect<Append, RepositoryError | StoreError> {
    const { content, path, size } = file
    return readSmall(content, size).pipe(
      Effect.flatMap((held): Effect.Effect<Append, RepositoryError | StoreError> => {
        if (held === undefined) return Effect.succeed(this.#appendLarge(file))
        if (!file.counted) this.#onRead(path, held.bytes.length)
        return this.#prepareSmall(path, held.bytes, held.problem)
      }),
      Effect.catchTag("SourceError", (error) => Effect.succeed(Effect.succeed(unreadable(file, error)))),
    )
  }

  /**
   * Reads a content that is a stream, which may be gone later. A small one is given back, to be stored with others in
   * random order; a larger one is stored now.
   */
  readonly takeStream: (
    file: PendingFile,
  ) => Effect.Effect<PendingFile | StoredFile, RepositoryError | StoreError> = Effect.fnUntraced(
    function* (this: ContentWriter, file: PendingFile) {
      const { path, size } = file
      // It may be a known content, which takes two reads to see. Standard input has no size, and is never read twice.
      if (size !== undefined && this.#mayBeKnown(size)) return yield* this.#appendLarge(file)
      let held: Array<Uint8Array> = []
      let bytes = 0
      let sink: Sink | undefined
      const { problem } = yield* this.#read(file, (piece) => {
        bytes += piece.length
        if (sink !== undefined) return sink.push(piece)
        held.push(piece.slice())
        if (bytes <= HELD_BYTES) return Effect.void
        const pieces = held
        held = []
        return Effect.flatMap(this.#startSink(path), (started) => {
          sink = started
          return Effect.forEach(pieces, started.push, { discard: true })
        })
      })
      if (sink === undefined) return { path, size: bytes, content: concat(held), counted: true }
      return yield* Effect.map(
        sink.end,
        (stored): StoredFile => ({ path, size: bytes, content: { stored }, ...problem }),
      )
    },
    (effect, file) => Effect.catchTag(effect, "SourceError", (error) => Effect.succeed(unreadable(file, error))),
  )

  readonly #prepareSmall: (
    path: string,
    bytes: Uint8Array,
    problem: string | undefined,
  ) => Effect.Effect<Append, RepositoryError | StoreError> = Effect.fnUntraced(
    function* (
      this: ContentWriter,
      path: string,
      bytes: Uint8Array,
      problem: string | undefined,
    ): Effect.fn.Return<Append, RepositoryError | StoreError> {
      const hash = this.#opened.hasher.digest(bytes)
      const size = bytes.length
      const recipients = this.#recipientsOf(path)
      const done = (content: PendingContent): StoredFile => ({
        path,
        size,
        content,
        ...(problem === undefined ? {} : { problem }),
      })
      const known = this.#new.find(recipients, hash)
      if (known !== undefined) return Effect.succeed(done(known))
      // Claimed before the first wait: other files with this content share it.
      const content = this.#new.claim(recipients, hash)
      const old = yield* this.#old.find(hash, size, recipients)
      if (old !== undefined) return Effect.map(this.#copy(old, content), () => done(content))
      const encoder = yield* startEncoder(this.#opened, recipients)
      const parts = yield* encoding(() => [...encoder.push(bytes), ...encoder.end()])
      return Effect.suspend(() => {
        const offset = this.#archive.position()
        return Effect.map(this.#archive.append(parts), () => {
          this.#new.added(content, { offset, length: encoder.length, hash, size })
          return done(content)
        })
      })
    },
  )

  /** Stores a content of any size. One whose size is known is hashed first: it may be stored already. */
  readonly #appendLarge: (file: PendingFile) => Append = Effect.fnUntraced(
    function* (this: ContentWriter, file: PendingFile) {
      const { content, path } = file
      const recipients = this.#recipientsOf(path)
      const length = content instanceof Uint8Array ? content.length : file.size
      if (length !== undefined && this.#mayBeKnown(length)) {
        const state = this.#opened.hasher.create()
        let size = 0
        const { changed } = yield* feed(content, file.size, (piece) => {
          state.update(piece)
          size += piece.length
          return Effect.void
        })
        const hash = state.digest()
        const known = this.#new.find(recipients, hash)
        if (!changed && known !== undefined) {
          this.#onRead(path, size)
          return { path, size, content: known }
        }
        const old = changed ? undefined : yield* this.#old.find(hash, size, recipients)
        if (old !== undefined) {
          const copied = this.#new.claim(recipients, hash)
          yield* this.#copy(old, copied)
          this.#onRead(path, size)
          return { path, size, content: copied }
        }
      }
      const sink = yield* this.#startSink(path)
      const { problem } = yield* this.#read(file, sink.push)
      const stored = yield* sink.end
      return { path, size: stored.size, content: { stored }, ...problem }
    },
    (effect, file) => Effect.catchTag(effect, "SourceError", (error) => Effect.succeed(unreadable(file, error))),
  )

  /** Reads a content once, and tells `onRead`. */
  #read<E>(file: PendingFile, take: (bytes: Uint8Array) => Effect.Effect<void, E>) {
    const { content, path, size } = file
    return Effect.map(
      feed(content, size, (bytes) => {
        this.#onRead(path, bytes.length)
        return take(bytes)
      }),
      ({ changed }) => ({ problem: changed ? { problem: CHANGED } : {} }),
    )
  }

  /** Starts to store a content whose hash is not known before its end. */
  readonly #startSink: (path: string) => Effect.Effect<Sink, RepositoryError> = Effect.fnUntraced(
    function* (this: ContentWriter, path: string) {
      const recipients = this.#recipientsOf(path)
      const encoder = yield* startEncoder(this.#opened, recipients)
      const offset = this.#archive.position()
      const state = this.#opened.hasher.create()
      let size = 0
      const append = (step: () => ReadonlyArray<Uint8Array>) => Effect.flatMap(encoding(step), this.#archive.append)
      return {
        push: (bytes: Uint8Array) => {
          state.update(bytes)
          size += bytes.length
          return append(() => encoder.push(bytes))
        },
        end: Effect.map(Effect.suspend(() => append(() => encoder.end())), () => {
          const hash = state.digest()
          const stored: StoredContent = { offset, length: encoder.length, hash, size }
          this.#new.added(this.#new.claim(recipients, hash), stored)
          return stored
        }),
      }
    },
  )

  /** Copies an old content as it is stored. */
  readonly #copy: (old: StoredContent, content: PendingContent) => Effect.Effect<void, StoreError> = Effect.fnUntraced(
    function* (this: ContentWriter, old: StoredContent, content: PendingContent) {
      const offset = this.#archive.position()
      for (let at = 0; at < old.length; at += READ_BYTES) {
        const length = Math.min(READ_BYTES, old.length - at)
        yield* this.#archive.append([yield* readArchive(this.#opened.store, old.offset + at, length)])
      }
      this.#new.copied(content, { ...old, offset })
    },
  )

  #recipientsOf(path: string): ReadonlyArray<string> {
    const { keyring, options } = this.#opened
    return options.recipientsFor?.(path) ?? keyring.recipients
  }

  /** Whether a large content of this many bytes is stored already, in the old archive or in the new one. */
  #mayBeKnown(size: number): boolean {
    return size > HELD_BYTES && (this.#old.hasSize(size) || this.#new.hasSize(size))
  }
}

const unreadable = ({ path }: PendingFile, { message }: SourceError): StoredFile => ({
  path,
  size: 0,
  content: undefined,
  problem: message,
})
