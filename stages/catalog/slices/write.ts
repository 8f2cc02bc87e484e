/** Stores a file in slices. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../kernel/catching.ts"
import { bytesOfChunk, type Level, levelsOf, type SlicedFile, SliceError, type SliceLayout } from "./slices.ts"

/** A chunk of a file in slices: a slice or a list. */
export interface SliceChunk {
  /** What the caller's hash gave for the bytes. */
  readonly name: Uint8Array
  /** They share memory with the content that was given. */
  readonly bytes: Uint8Array
}

/** Where chunks go. */
export interface SliceSink<out E = never, out R = never> {
  /** The name of a chunk, `nameBytes` long: a keyed hash, so that nobody else can make a chunk of that name. */
  readonly nameOf: (bytes: Uint8Array) => Uint8Array
  /** Whether a chunk of that name is stored already, or was handed over before. */
  readonly isStored: (name: Uint8Array) => boolean
  /**
   * Takes new chunks. The slices come first, in the order of the file, then the lists, the top list last; so what is
   * read together lies together. A name comes again when {@link isStored} does not know it meanwhile.
   */
  readonly store: (chunks: ReadonlyArray<SliceChunk>) => Effect.Effect<void, E, R>
}

/** What was made. */
export interface SlicedStored {
  /** What it takes to read the file again: its length, and the name of its top list. */
  readonly file: SlicedFile
  /** How many chunks were handed over. */
  readonly chunks: number
  /** How many bytes these have. */
  readonly bytes: number
}

/**
 * Cuts a content of `size` bytes into slices and lists, and hands over those that are not stored. It need not know an
 * earlier file: what did not change has the same name. Every name is asked for, so a chunk that was lost is stored once
 * more. Takes `nameBytes` of memory for each slice, and no more than a piece of the content besides.
 *
 * Fails with {@link SliceError} `layout` when the layout or the size is out of bounds or a name has another length, and
 * with `corrupt` when the content has another length than `size`.
 *
 * @example Store a file whose end has changed
 * ```ts
 * import assert from "node:assert/strict"
 * import { blake3 } from "@noble/hashes/blake3.js"
 * import { bytesToHex } from "@noble/hashes/utils.js"
 * import { Effect, Stream } from "effect"
 * import { CATALOG_SLICES, type SliceSink, storeSliced } from "@penstock/penstock"
 *
 * const chunks = new Map<string, Uint8Array>()
 * const sink: SliceSink = {
 *   nameOf: (bytes) => blake3(bytes),
 *   isStored: (name) => chunks.has(bytesToHex(name)),
 *   store: (fresh) => Effect.sync(() => fresh.forEach(({ bytes, name }) => chunks.set(bytesToHex(name), bytes))),
 * }
 * const content = Uint8Array.from({ length: 100_000 }, (_, i) => i / 300)
 * const store = () => Effect.runPromise(storeSliced(Stream.succeed(content), content.length, CATALOG_SLICES, sink))
 * await store()
 * content[99_999] = 0
 * assert.equal((await store()).chunks, 2) // a slice and the top list
 * ```
 */
export const storeSliced: <E, R, E2, R2>(
  content: Stream.Stream<Uint8Array, E, R>,
  size: number,
  layout: SliceLayout,
  sink: SliceSink<E2, R2>,
) => Effect.Effect<SlicedStored, SliceError | E | E2, R | R2> = Effect.fnUntraced(
  function* <E, R, E2, R2>(
    content: Stream.Stream<Uint8Array, E, R>,
    size: number,
    layout: SliceLayout,
    sink: SliceSink<E2, R2>,
  ) {
    const levels = yield* catching(SliceError, () => levelsOf(size, layout))
    const total = { chunks: 0, bytes: 0 }
    /** Hands over what is new of some chunks, and puts their names into `names` from chunk `first` on. */
    const add = (pieces: ReadonlyArray<Uint8Array>, names: Uint8Array, first: number) =>
      Effect.flatMap(
        catching(SliceError, () => {
          const fresh: Array<SliceChunk> = []
          pieces.forEach((bytes, i) => {
            const name = sink.nameOf(bytes)
            if (name.length !== layout.nameBytes) throw wrongName(name, layout)
            names.set(name, (first + i) * layout.nameBytes)
            if (!sink.isStored(name)) fresh.push({ name, bytes })
          })
          return fresh
        }),
        (fresh) => {
          if (fresh.length === 0) return Effect.void
          total.chunks += fresh.length
          for (const { bytes } of fresh) total.bytes += bytes.length
          return sink.store(fresh)
        },
      )

    let names = new Uint8Array((levels[0]?.count ?? 0) * layout.nameBytes)
    const cutter = new Cutter(levels[0])
    yield* Stream.runForEach(content, (piece) =>
      Effect.flatMap(
        catching(SliceError, () => cutter.push(piece)),
        ({ first, slices }) => add(slices, names, first),
      ))
    yield* catching(SliceError, () => cutter.end())
    for (const level of levels.slice(1)) {
      const above = new Uint8Array(level.count * layout.nameBytes)
      yield* add(
        Array.from({ length: level.count }, (_, i) => {
          const at = i * level.chunkBytes
          return names.subarray(at, at + bytesOfChunk(level, i))
        }),
        above,
        0,
      )
      names = above
    }
    const file: SlicedFile = { ...layout, size, top: levels.length === 0 ? undefined : names }
    return { file, ...total }
  },
)

/** Cuts pieces of any length into the slices of a file. */
class Cutter {
  readonly #level: Level
  /** How many bytes have come. */
  #at = 0
  /** The beginning of a slice whose end has not come. */
  #rest: Uint8Array = new Uint8Array(0)

  constructor(level: Level | undefined) {
    this.#level = level ?? { bytes: 0, chunkBytes: 1, count: 0 }
  }

  /** The slices that a piece completes, and the number of the first. */
  push(piece: Uint8Array): { readonly first: number; readonly slices: ReadonlyArray<Uint8Array> } {
    const { bytes, chunkBytes } = this.#level
    const begin = this.#at - this.#rest.length
    const first = begin / chunkBytes
    this.#at += piece.length
    if (this.#at > bytes) throw wrongLength(bytes, "more")
    const slices: Array<Uint8Array> = []
    let at = 0
    if (this.#rest.length > 0) {
      at = Math.min(piece.length, bytesOfChunk(this.#level, first) - this.#rest.length)
      const joined = new Uint8Array(this.#rest.length + at)
      joined.set(this.#rest)
      joined.set(piece.subarray(0, at), this.#rest.length)
      if (joined.length < bytesOfChunk(this.#level, first)) {
        this.#rest = joined
        return { first, slices }
      }
      slices.push(joined)
    }
    for (;;) {
      const length = bytesOfChunk(this.#level, first + slices.length)
      if (length <= 0 || piece.length - at < length) break
      slices.push(piece.subarray(at, at + length))
      at += length
    }
    this.#rest = piece.slice(at)
    return { first, slices }
  }

  end(): void {
    if (this.#at !== this.#level.bytes) throw wrongLength(this.#level.bytes, "fewer")
  }
}

const wrongName = (name: Uint8Array, { nameBytes }: SliceLayout): SliceError =>
  new SliceError({
    reason: "layout",
    message: `The name of a chunk has ${name.length} bytes, where the layout says ${nameBytes}`,
  })

const wrongLength = (size: number, comparison: "more" | "fewer"): SliceError =>
  new SliceError({
    reason: "corrupt",
    message: `A file of ${size} bytes was to be stored in slices, but its content has ${comparison}`,
  })
