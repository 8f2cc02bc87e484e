/**
 * Envelopes to blocks: 64 KiB each, the rest of an envelope in a block that it shares with others. SPEC.md, "Blocks".
 */
import type { Hasher } from "../../stages/kernel/kernel.ts"
import type { Transform } from "../../stages/kernel/frames.ts"
import { BLOCK_BYTES, type Bptr, encodeBptr } from "./bptr.ts"
import { type Keys, startEncoder } from "./envelope.ts"

/** A block to be stored: what is behind its last byte in use is zero, and not here. */
export interface NewBlock {
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
}

/** Told where something was stored. */
export type Placed = (bptr: Bptr) => void

const ZEROS = new Uint8Array(BLOCK_BYTES)
/** A buffer that grows to a block starts so small: most are for lists of a few addresses. */
const FIRST_BYTES = 1 << 10

/** The name of a block: SHA-256 over 64 KiB, padded with zeros. */
export const hashBlock = (hasher: Hasher, bytes: Uint8Array): Uint8Array => {
  if (bytes.length === BLOCK_BYTES) return hasher.digest(bytes)
  const state = hasher.create()
  state.update(bytes)
  state.update(ZEROS.subarray(bytes.length))
  return state.digest()
}

/** Makes blocks. All of it is synchronous; whoever drives it takes the blocks now and then, and stores them. */
export class BlockWriter {
  readonly #keys: Keys
  #ready: Array<NewBlock> = []
  /** The partial block that tails are appended to. */
  #open: Uint8Array = new Uint8Array(BLOCK_BYTES)
  #used = 0
  #waiting: Array<{ readonly start: number; readonly end: number; readonly depth: number; readonly placed: Placed }> =
    []

  constructor(keys: Keys) {
    this.#keys = keys
  }

  get keys(): Keys {
    return this.#keys
  }

  /** Blocks that wait to be taken. */
  get ready(): number {
    return this.#ready.length
  }

  /** The blocks that are ready; they are the caller's. */
  take(): ReadonlyArray<NewBlock> {
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  /** A block of its own. `bytes` are the writer's from now on. */
  block(bytes: Uint8Array): Uint8Array {
    const hash = hashBlock(this.#keys.hasher, bytes)
    this.#ready.push({ hash, bytes })
    return hash
  }

  /** Appends less than a block to a partial one. `placed` is called when that is complete, at the latest by `completePartial`. */
  tail(bytes: Uint8Array, depth: number, placed: Placed): void {
    if (this.#used + bytes.length > BLOCK_BYTES) {
      // The emptier of the two stays open.
      if (bytes.length >= this.#used) {
        placed({ hash: this.block(bytes.slice()), start: 0, end: bytes.length, depth })
        return
      }
      this.completePartial()
    }
    const start = this.#used
    this.#open.set(bytes, start)
    this.#used += bytes.length
    this.#waiting.push({ start, end: this.#used, depth, placed })
  }

  /** Whether there is a partial block to be completed. */
  get hasTails(): boolean {
    return this.#used > 0
  }

  /** Completes the partial block. What is told where it was placed may append to the next. */
  completePartial(): void {
    if (this.#used === 0) return
    const hash = this.block(this.#open.slice(0, this.#used))
    const waiting = this.#waiting
    this.#waiting = []
    this.#used = 0
    for (const { depth, end, placed, start } of waiting) placed({ hash, start, end, depth })
  }
}

/**
 * Stores one envelope, of any size; of its addresses, when there are several, a list as an envelope of its own, one
 * deeper.
 */
export class EnvelopeWriter {
  readonly #writer: BlockWriter
  readonly #transform: Transform
  readonly #depth: number
  #block: Uint8Array = new Uint8Array(FIRST_BYTES)
  #used = 0
  #first: Bptr | undefined
  #list: EnvelopeWriter | undefined

  /** `transform` makes the envelope of what is pushed. */
  constructor(writer: BlockWriter, transform: Transform, depth = 0) {
    this.#writer = writer
    this.#transform = transform
    this.#depth = depth
  }

  /** The next bytes of the data. Does not keep them. */
  push(data: Uint8Array): void {
    for (const piece of this.#transform.push(data)) this.#append(piece)
  }

  /** Ends it. `placed` gets the one address of it all. */
  end(placed: Placed): void {
    for (const piece of this.#transform.end()) this.#append(piece)
    if (this.#used === 0) return this.#finish(placed)
    this.#writer.tail(this.#block.subarray(0, this.#used), this.#depth, (bptr) => {
      this.#address(bptr)
      this.#finish(placed)
    })
  }

  #append(piece: Uint8Array): void {
    for (let at = 0; at < piece.length;) {
      const count = Math.min(piece.length - at, BLOCK_BYTES - this.#used)
      if (this.#used + count > this.#block.length) {
        const grown = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(this.#block.length * 4, this.#used + count)))
        grown.set(this.#block.subarray(0, this.#used))
        this.#block = grown
      }
      this.#block.set(piece.subarray(at, at + count), this.#used)
      this.#used += count
      at += count
      if (this.#used === BLOCK_BYTES) {
        const hash = this.#writer.block(this.#block)
        this.#block = new Uint8Array(FIRST_BYTES)
        this.#used = 0
        this.#address({ hash, start: 0, end: BLOCK_BYTES, depth: this.#depth })
      }
    }
  }

  #address(bptr: Bptr): void {
    if (this.#first === undefined) {
      this.#first = bptr
      return
    }
    if (this.#list === undefined) {
      this.#list = new EnvelopeWriter(this.#writer, startEncoder(this.#writer.keys), this.#depth + 1)
      this.#list.push(encodeBptr(this.#first))
    }
    this.#list.push(encodeBptr(bptr))
  }

  #finish(placed: Placed): void {
    if (this.#list === undefined) placed(this.#first!)
    else this.#list.end(placed)
  }
}
