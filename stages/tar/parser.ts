/** Feeds a parser with bytes that come in pieces. The parser is a generator that asks for what it wants next. */
import { concat } from "effect/Bytes"

/** What a parser asks for: the next bytes in one array, which it may not keep, or to skip some. */
export type Want = { readonly take: number } | { readonly skip: number }

/** A parser. It yields what it wants and gets the bytes; after a skip it gets nothing of use. */
export type Parsing<A> = Generator<Want, A, Uint8Array>

/** Where a parser is. */
export interface Position {
  /** Bytes before the next one that it gets. */
  readonly at: number
}

const NOTHING = new Uint8Array(0)

/** A parser that runs as far as the bytes allow. What the parser throws, `push` throws. */
export class Parser implements Position {
  /** Bytes that came so far, and that the parser took or skipped, or that are held for it. */
  at = 0
  /** Bytes that came and that the parser has not got yet, because it wants more at once. */
  held: Uint8Array = NOTHING
  readonly #steps: Parsing<void>
  /** Undefined when the parser has ended. */
  #want: Want | undefined
  /** Bytes that are still to be skipped. */
  #skip = 0

  constructor(parse: (position: Position) => Parsing<void>) {
    this.#steps = parse(this)
    this.#note(this.#steps.next())
  }

  /** Whether the parser has ended, and takes no more bytes. */
  get ended(): boolean {
    return this.#want === undefined
  }

  /** Hands bytes to the parser. Does not keep them. Returns how many of them the parser took before it ended. */
  push(bytes: Uint8Array): number {
    let from = 0
    while (from < bytes.length && this.#want !== undefined) {
      const missing = this.#skip > 0 ? this.#skip : (this.#want as { readonly take: number }).take - this.held.length
      const count = Math.min(missing, bytes.length - from)
      const part = bytes.subarray(from, from + count)
      from += count
      this.at += count
      if (this.#skip > 0) {
        this.#skip -= count
        if (this.#skip === 0) this.#go(NOTHING)
      } else if (count < missing) this.held = this.held.length === 0 ? part.slice() : concat([this.held, part])
      else if (this.held.length === 0) this.#go(part)
      else {
        const taken = concat([this.held, part])
        this.held = NOTHING
        this.#go(taken)
      }
    }
    return from
  }

  #go(bytes: Uint8Array): void {
    this.#note(this.#steps.next(bytes))
  }

  #note({ done, value }: IteratorResult<Want, void>): void {
    this.#want = done === true ? undefined : value!
    if (this.#want === undefined || !("skip" in this.#want)) return
    if (this.#want.skip === 0) this.#go(NOTHING)
    else this.#skip = this.#want.skip
  }
}
