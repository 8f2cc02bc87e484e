/** The IDs of chunks of zeros. */
import type { Hasher } from "../kernel/kernel.ts"
import { Recent } from "../memory/recent.ts"
import { sharedZeros } from "../memory/zeros.ts"

/** Shorter chunks are not worth a look, in bytes. */
export const SHORTEST_ZEROS: number = 64 << 10
/** Lengths whose IDs are kept: a chunker gives long runs of zeros one or two. */
const LENGTHS = 64

/** Remembers the ID that a hasher gives to zeros, by their length. */
export class ZeroIds {
  readonly #hasher: Hasher
  readonly #ids = new Recent<number, Uint8Array>({ limit: LENGTHS, bytesOf: () => 1 })

  constructor(hasher: Hasher) {
    this.#hasher = hasher
  }

  /** The ID of this many bytes of zeros, if `get` has given it before. */
  known(length: number): Uint8Array | undefined {
    return this.#ids.get(length)
  }

  /**
   * The ID of this many bytes of zeros; undefined when there are too few or too many to be worth it. It must not be
   * changed.
   */
  get(length: number): Uint8Array | undefined {
    if (length < SHORTEST_ZEROS) return undefined
    const known = this.known(length)
    if (known !== undefined) return known
    const zeros = sharedZeros(length)
    if (zeros === undefined) return undefined
    const id = this.#hasher.digest(zeros).slice()
    this.#ids.set(length, id)
    return id
  }
}
