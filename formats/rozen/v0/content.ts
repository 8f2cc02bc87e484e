/**
 * Stores the content of each file as one object, named by its hash. The hash must be known before the first byte is
 * written, so a content is read twice: to hash it, and to store it. A content that is stored already is read once.
 * SPEC.md, "Writing content".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SourceError } from "../../../stages/walk/errors.ts"
import { EntryFormatError } from "../../../stages/catalog/tree/codec.ts"
import type { StoredEntry } from "../../../stages/catalog/tree/row.ts"
import { type Stored, unreadable } from "../../../stages/plan/stored.ts"
import { catching } from "../../../stages/kernel/catching.ts"
import { FRAME_BYTES } from "../../../stages/kernel/frames.ts"
import { ChunkListBuilder } from "../../../stages/hash/chunk_list.ts"
import { ChunkIndex } from "../../../stages/pack/chunk_index.ts"
import type { PackStats } from "../../../stages/pack/packing.ts"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import type { Content, Entry } from "../../../stages/walk/entry.ts"
import { feed } from "../../../stages/walk/feed.ts"
import { metadataAsRead, readUntilUnchanged } from "../../../stages/walk/reread.ts"
import { unlessTaken } from "../snapshot.ts"
import { encodeEaMetadata, encodeFsMetadata } from "./metadata.ts"
import { contentName, contentObject } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { startObject } from "./object_write.ts"

/** A content of at most this many bytes is kept in memory between the two passes, and so read once. */
const KEPT_BYTES = FRAME_BYTES

/** The chunk list of a content: the ID of its object, and its length modulo 2^32. The entry has the full length. */
const contentList = (id: Uint8Array, size: number): Uint8Array => {
  const list = new ChunkListBuilder()
  list.add(id, size % 0x100000000)
  return list.take()
}

/** Which contents exist, from the names of the objects. Takes 16 to 32 bytes of memory for each. */
export const presentContents = (store: ObjectStore): Effect.Effect<ChunkIndex, StoreError> =>
  Effect.suspend(() => {
    const present = new ChunkIndex()
    return Effect.as(
      Stream.runForEachArray(store.list("DATA/"), (objects) =>
        Effect.sync(() => {
          for (const { name } of objects) {
            const id = contentName(name)
            if (id !== undefined) present.claim(hexToBytes(id))
          }
        })),
      present,
    )
  })

/** Stores contents, and counts them. `store` may be called any number of times at once. */
export class ContentWriter {
  readonly #opened: Opened
  /** Which contents exist. */
  readonly #present: ChunkIndex
  #stats: PackStats = { objects: 0, bytesStored: 0, chunksNew: 0, bytesAdded: 0 }

  constructor(opened: Opened, present: ChunkIndex) {
    this.#opened = opened
    this.#present = present
  }

  /** What was stored so far. */
  get stats(): PackStats {
    return this.#stats
  }

  /** Whether the content with this ID exists. */
  has(id: Uint8Array): boolean {
    return this.#present.get(id) !== undefined
  }

  /**
   * Stores the content of a file, unless it is stored already, and gives the entry for the catalog. The file becomes
   * `unreadable` when it cannot be read, or when the two passes gave different contents, twice.
   */
  store(entry: Entry): Effect.Effect<Stored, StoreError> {
    const { content = new Uint8Array(0), ...bare } = entry
    const readAndStore = Effect.fnUntraced(function* (this: ContentWriter) {
      const { stored } = yield* readUntilUnchanged(
        Effect.fnUntraced(function* (this: ContentWriter, last: boolean) {
          const first = yield* hashed(this.#opened, content, entry.size)
          if (first.changed && !last) return { changed: true }
          const stored: StoredEntry & Stored = {
            ...bare,
            kind: "file",
            ...metadataAsRead(entry, first),
            size: first.size,
            chunks: contentList(first.id, first.size),
            reused: false,
          }
          const there = this.has(first.id) ||
            (yield* Effect.scoped(this.#write(stored, first.id, first.kept ?? content)))
          return there ? { changed: false, stored } : { changed: true }
        }).bind(this),
      )
      if (stored !== undefined) return stored
      const message = "It changed between hashing and storing, twice, and is left out"
      return yield* new SourceError({ reason: "changed", path: entry.path, message })
    })
    return Effect.catchTag(
      readAndStore.call(this),
      "SourceError",
      (error) => Effect.succeed(unreadable(entry, error)),
    )
  }

  /** The second pass. Gives false, and stores nothing, when the content differs from that of the first. */
  readonly #write: (
    stored: StoredEntry,
    id: Uint8Array,
    content: Content,
  ) => Effect.Effect<boolean, StoreError | SourceError, Scope.Scope> = Effect.fnUntraced(
    function* (this: ContentWriter, stored: StoredEntry, id: Uint8Array, content: Content) {
      const { linkTo: _linkTo, ...metadata } = stored
      const sections = yield* Effect.mapError(
        catching(EntryFormatError, () => [encodeFsMetadata(metadata), encodeEaMetadata([])]),
        ({ message }) => new SourceError({ reason: "io", path: stored.path, message }),
      )
      const name = contentObject(bytesToHex(id))
      const sink = yield* startObject(this.#opened, { magic: "ROZE-DAT", name, sections, dataId: id })
      const state = this.#opened.layout.hasher.create()
      yield* feed(content, stored.size, (bytes) => {
        state.update(bytes)
        return sink.append(bytes)
      })
      if (state.digest().some((byte, i) => byte !== id[i])) return false
      // Another writer may have stored the same content meanwhile: then its object stays.
      const bytes = yield* unlessTaken(sink.finish)
      const isNew = this.#present.claim(id) && bytes !== undefined
      const { bytesAdded, bytesStored, chunksNew, objects } = this.#stats
      if (isNew) {
        this.#stats = {
          objects: objects + 1,
          bytesStored: bytesStored + bytes,
          chunksNew: chunksNew + 1,
          bytesAdded: bytesAdded + stored.size,
        }
      }
      return true
    },
  )
}

/** The first pass. `kept` is the content, when it is short. */
const hashed = Effect.fnUntraced(function* ({ layout }: Opened, content: Content, expected: number | undefined) {
  const state = layout.hasher.create()
  let kept: Array<Uint8Array> | undefined = []
  let size = 0
  const { changed, metadata } = yield* feed(content, expected, (bytes) => {
    state.update(bytes)
    size += bytes.length
    if (size > KEPT_BYTES) kept = undefined
    kept?.push(bytes.slice())
    return Effect.void
  })
  return {
    id: state.digest(),
    size,
    changed,
    metadata,
    kept: kept === undefined ? undefined : Stream.fromArray<Uint8Array>(kept),
  }
})
