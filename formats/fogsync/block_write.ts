/**
 * Cuts envelopes into blocks of 64 KiB. The tail of an envelope shares a block with others. SPEC.md, "Blocks". Reading
 * is in block_read.ts.
 */
import type { Hasher } from "../../stages/kernel/kernel.ts"
import type { Transform } from "../../stages/kernel/frames.ts"
import { type Bptr, encodeBptr } from "./bptr.ts"
import { startEncoder } from "./envelope.ts"
import type { Keys } from "./keys.ts"
import { BLOCK_BYTES } from "./layout.ts"

/** A block that is to be stored. The zeros behind its last byte in use are not in `bytes`. */
export interface NewBlock {
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
}

/** Called with the address of something as soon as its block is complete. */
export type OnPlaced = (bptr: Bptr) => void

const ZEROS = new Uint8Array(BLOCK_BYTES)
/** First size of a buffer that grows to a block. Most are for lists of a few addresses. */
const FIRST_BYTES = 1 << 10

/** The name of a block: SHA-256 over 64 KiB, padded with zeros. */
export const hashBlock = (hasher: Hasher, bytes: Uint8Array): Uint8Array => {
  if (bytes.length === BLOCK_BYTES) return hasher.digest(bytes)
  const state = hasher.create()
  state.update(bytes)
  state.update(ZEROS.subarray(bytes.length))
  return state.digest()
}

/** Makes blocks. All methods are synchronous; the caller takes the blocks now and then, and stores them. */
export class BlockWriter {
  readonly keys: Keys
  #ready: Array<NewBlock> = []
  /** The partial block that tails are appended to, and how many of its bytes are in use. */
  #partial: Uint8Array = new Uint8Array(BLOCK_BYTES)
  #used = 0
  /** The tails in the partial block. */
  #tails: Array<
    { readonly start: number; readonly end: number; readonly depth: number; readonly onPlaced: OnPlaced }
  > = []

  constructor(keys: Keys) {
    this.keys = keys
  }

  /** How many blocks are ready to be taken. */
  get ready(): number {
    return this.#ready.length
  }

  /** Takes out the blocks that are ready. They belong to the caller. */
  take(): ReadonlyArray<NewBlock> {
    const ready = this.#ready
    this.#ready = []
    return ready
  }

  /** Adds a complete block, and returns its hash. `bytes` belong to the writer from now on. */
  addBlock(bytes: Uint8Array): Uint8Array {
    const hash = hashBlock(this.keys.hasher, bytes)
    this.#ready.push({ hash, bytes })
    return hash
  }

  /**
   * Appends a tail, which is shorter than a block, to the partial block. Copies its bytes. `onPlaced` is called when
   * that block is complete, at the latest by `completePartial`.
   */
  addTail(bytes: Uint8Array, depth: number, onPlaced: OnPlaced): void {
    if (this.#used + bytes.length > BLOCK_BYTES) {
      // The fuller of the two is stored.
      if (bytes.length >= this.#used) {
        onPlaced({ hash: this.addBlock(bytes.slice()), start: 0, end: bytes.length, depth })
        return
      }
      this.completePartial()
    }
    const start = this.#used
    this.#partial.set(bytes, start)
    this.#used += bytes.length
    this.#tails.push({ start, end: this.#used, depth, onPlaced })
  }

  /** Whether the partial block has tails in it. */
  get hasTails(): boolean {
    return this.#used > 0
  }

  /** Completes the partial block. The callbacks of its tails may append to the next one. */
  completePartial(): void {
    if (this.#used === 0) return
    const hash = this.addBlock(this.#partial.slice(0, this.#used))
    const tails = this.#tails
    this.#tails = []
    this.#used = 0
    for (const { depth, end, onPlaced, start } of tails) onPlaced({ hash, start, end, depth })
  }
}

/**
 * Makes blocks of one envelope, of any size. When it has several parts, their addresses become a list: an envelope of
 * its own, one level deeper.
 */
export class EnvelopeWriter {
  readonly #writer: BlockWriter
  readonly #encoder: Transform
  readonly #depth: number
  #block: Uint8Array = new Uint8Array(FIRST_BYTES)
  #used = 0
  #first: Bptr | undefined
  #list: EnvelopeWriter | undefined

  /** `encoder` makes the envelope of the data that is pushed. */
  constructor(writer: BlockWriter, encoder: Transform, depth = 0) {
    this.#writer = writer
    this.#encoder = encoder
    this.#depth = depth
  }

  /** Takes the next bytes of the data. Does not keep them. */
  push(data: Uint8Array): void {
    for (const piece of this.#encoder.push(data)) this.#append(piece)
  }

  /** Ends the envelope. `onPlaced` gets the one address that stands for all of it. */
  end(onPlaced: OnPlaced): void {
    for (const piece of this.#encoder.end()) this.#append(piece)
    if (this.#used === 0) return this.#finish(onPlaced)
    this.#writer.addTail(this.#block.subarray(0, this.#used), this.#depth, (bptr) => {
      this.#addAddress(bptr)
      this.#finish(onPlaced)
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
        const hash = this.#writer.addBlock(this.#block)
        this.#block = new Uint8Array(FIRST_BYTES)
        this.#used = 0
        this.#addAddress({ hash, start: 0, end: BLOCK_BYTES, depth: this.#depth })
      }
    }
  }

  #addAddress(bptr: Bptr): void {
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

  #finish(onPlaced: OnPlaced): void {
    if (this.#list === undefined) onPlaced(this.#first!)
    else this.#list.end(onPlaced)
  }
}
