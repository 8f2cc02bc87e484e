/** Finds where the chunks of a content end. */
import type { Chunker } from "../kernel/kernel.ts"
import { isTrusted } from "../kernel/trusted.ts"
import { areZeros } from "../memory/zeros.ts"
import type { Window } from "./window.ts"

const NONE: ReadonlyArray<number> = []

/** Cuts one content after another, by a chunker or by the extents that the content comes in. */
export class Cutter {
  readonly #chunker: Chunker

  /** The copy of the content that a chunker gets which is not trusted: it may write there. */
  #shown: Uint8Array = new Uint8Array(0)

  /** The extents of the content, the one that the next byte is in, and how much of that is cut off already. */
  #extents: ReadonlyArray<number> = NONE
  #extent = 0
  #ofExtent = 0

  /** The length of the chunk that the chunker cuts off zeros that are longer than any chunk. */
  #ofZeros: number | undefined

  constructor(chunker: Chunker) {
    this.#chunker = chunker
  }

  /** The longest that a chunk can be, in bytes. */
  get maximum(): number {
    return this.#chunker.maximum
  }

  /** Starts a content. `extents`: the lengths of its extents, when the chunker may follow them. */
  begin(extents: ReadonlyArray<number> | undefined): void {
    this.#extents = this.#chunker.followsExtents === true ? extents?.filter((length) => length > 0) ?? NONE : NONE
    this.#extent = this.#ofExtent = 0
  }

  /**
   * Calls `take` for each chunk in the window whose end is certain, in order. With `final`, the content ends with what
   * is in the window, so all ends are certain. Returns the end of the last chunk.
   */
  cut(window: Window, final: boolean, take: (from: number, to: number) => void): number {
    const { maximum } = this.#chunker
    const { held } = window
    let from = 0
    let seen: Uint8Array | undefined
    while (final ? from < held : held - from >= maximum) {
      const to = this.#next(seen ??= this.#show(window), from, held)
      take(from, to)
      from = to
    }
    return from
  }

  /** The end of the chunk that starts at `from`. */
  #next(seen: Uint8Array, from: number, held: number): number {
    const extent = this.#extents[this.#extent]
    if (extent === undefined) return this.#cutByContent(seen, from, held)
    const length = Math.min(extent - this.#ofExtent, this.#chunker.maximum, held - from)
    this.#ofExtent += length
    if (this.#ofExtent === extent) {
      this.#extent++
      this.#ofExtent = 0
    }
    return from + length
  }

  /** Asks the chunker. It reads no further than its longest chunk, so zeros of that length are always cut alike. */
  #cutByContent(seen: Uint8Array, from: number, held: number): number {
    const { maximum } = this.#chunker
    if (held - from < maximum || !areZeros(seen.subarray(from, from + maximum))) {
      return this.#chunker.cut(seen, from, held)
    }
    this.#ofZeros ??= this.#chunker.cut(seen, from, held) - from
    return from + this.#ofZeros
  }

  /** The content, as the chunker gets it. */
  #show({ bytes, held }: Window): Uint8Array {
    if (isTrusted(this.#chunker)) return bytes
    if (this.#shown.length < held) this.#shown = new Uint8Array(bytes.length)
    this.#shown.set(bytes.subarray(0, held))
    return this.#shown
  }
}
