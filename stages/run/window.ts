/** Where content waits to be cut into chunks. */
import { release } from "../memory/release.ts"

/** How much the window grows at once, and how much of a content is read at once, in bytes. */
export const SLICE_BYTES: number = 4 << 20

/** A buffer: content is appended at its end, and chunks are taken from its front. */
export class Window {
  #bytes: Uint8Array = new Uint8Array(0)
  #held = 0

  /** The buffer. Its first `held` bytes are content; the bytes behind them mean nothing. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** The bytes of content in it. */
  get held(): number {
    return this.#held
  }

  /** Space for the next bytes of content: `want` bytes or more, at most 4 MiB. Followed by `hold`. */
  space(want: number = SLICE_BYTES): Uint8Array {
    const held = this.#held
    if (this.#bytes.length - held < want) {
      const grown = new Uint8Array(Math.max(held + SLICE_BYTES, Math.min(held * 2, held + 64 * SLICE_BYTES)))
      grown.set(this.#bytes.subarray(0, held))
      release(this.#bytes)
      this.#bytes = grown
    }
    return this.#bytes.subarray(held, Math.min(this.#bytes.length, held + SLICE_BYTES))
  }

  /** The first `length` bytes of `space` are content now. Returns how many bytes are held. */
  hold(length: number): number {
    return this.#held += length
  }

  /** Drops the first bytes of the content. */
  drop(length: number): void {
    if (length > 0) this.#bytes.copyWithin(0, length, this.#held)
    this.#held -= length
  }

  /** Drops all content. */
  clear(): void {
    this.#held = 0
  }
}
