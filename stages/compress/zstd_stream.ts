/**
 * zstd content of any size, in bounded memory. It is written as independent frames of 4 MiB, which decoders take as one
 * content (RFC 8878, section 3). Any frames can be read: a kernel decodes a small frame at once, and `fzstd` decodes a
 * large one block by block.
 */
import { concat } from "effect/Bytes"
import { Decompress } from "fzstd"
import type { Transform } from "../kernel/frames.ts"
import { type Compressor, KernelError } from "../kernel/kernel.ts"
import { corrupt, overLimit } from "./errors.ts"
import {
  BLOCK_HEADER,
  HEADER_MAXIMUM,
  readBlock,
  readHeader,
  wrongSize,
  ZSTD_MAGIC,
  type ZstdHeader,
} from "./zstd_frame.ts"
import { FrameMeter } from "./zstd_measure.ts"

/** Bytes of content in a frame that is written. The last frame may have fewer. */
export const ZSTD_FRAME_BYTES: number = 4 << 20
/** A frame with at most this much content, and at most this many blocks, is decoded at once. */
const WHOLE_BYTES = 16 << 20
const WHOLE_BLOCKS = 1 << 17
/** The largest window that is accepted: 128 MiB, as by the `zstd` command. */
const WINDOW_MAXIMUM = 128 << 20
/**
 * `fzstd` moves its whole window for each block, so blocks of a few bytes could keep it busy for hours. For each byte
 * of input and of content it may move this many bytes: enough for blocks of 1 KiB in a window of 8 MiB, or of 16 KiB in
 * the largest window. A burst of shorter blocks may move `MOVED_AT_ONCE` bytes.
 */
const MOVED_PER_BYTE = 8 << 10
const MOVED_AT_ONCE = 4 * 2 ** 30

/** From content to frames. An empty content becomes one empty frame. */
export const zstdFrames = (kernel: Compressor): Transform => {
  const held: Array<Uint8Array> = []
  let length = 0
  let frames = 0
  const flush = (): Uint8Array => {
    const frame = kernel.encode(held.length === 1 ? held[0]! : concat(held))
    held.length = 0
    length = 0
    frames++
    return frame
  }
  return {
    push: (bytes) => {
      const out: Array<Uint8Array> = []
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, at + ZSTD_FRAME_BYTES - length)
        held.push(part)
        length += part.length
        at += part.length
        if (length === ZSTD_FRAME_BYTES) out.push(flush())
      }
      // Held bytes are copied, because the caller may use its memory again.
      if (held.length > 0) held.push(held.pop()!.slice())
      return out
    },
    end: () => length > 0 || frames === 0 ? [flush()] : [],
  }
}

/** Where a decoder is in its input. */
type State =
  /** Before the magic number of a frame. */
  | { readonly at: "frame" }
  /** In a frame that is skipped. */
  | { readonly at: "skip"; left: number }
  /** Within a frame, before the header of a block. */
  | Frame
  /** After the last block. */
  | { readonly at: "checksum"; readonly frame: Frame }

interface Frame {
  readonly at: "block"
  readonly header: ZstdHeader
  /** Header and blocks so far, of a frame that is decoded at once. */
  parts: Array<Uint8Array> | undefined
  /** The most bytes of content that `parts` may have. With `meter`, the exact number. */
  bound: number
  /** Measures `parts`. Made when the headers of the blocks allow more content than is decoded at once. */
  meter: FrameMeter | undefined
  /** Decodes block by block. Made when the frame is too large for `parts`. */
  stream: Stream | undefined
}

/** Decodes the blocks of one frame. */
interface Stream {
  readonly decoder: Decompress
  readonly meter: FrameMeter
  /** Bytes of the window. */
  readonly window: number
  /** Bytes of content so far. */
  content: number
  /** How many bytes may still be moved in the window. */
  credit: number
}

/**
 * From frames to content of at most `limit` bytes. It needs memory for the window, which has at most `limit` bytes and
 * 128 MiB, and for a frame of up to 16 MiB. Throws KernelError `corrupt`, or `limit` when the content is longer or the
 * window larger. The kernel may verify checksums; those of large frames are not verified.
 */
export const zstdContent = (kernel: Compressor, limit: number): Transform => new Decoder(kernel, limit)

class Decoder implements Transform {
  readonly #kernel: Compressor
  readonly #limit: number
  #held: Uint8Array = new Uint8Array(0)
  #state: State = { at: "frame" }
  #total = 0
  #frames = 0
  #out: Array<Uint8Array> = []

  constructor(kernel: Compressor, limit: number) {
    this.#kernel = kernel
    this.#limit = limit
  }

  readonly push = (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
    this.#held = this.#held.length === 0 ? bytes : concat([this.#held, bytes])
    while (this.#step(false));
    // Copied, because the caller may use its memory again.
    this.#held = this.#held.slice()
    return this.#taken()
  }

  readonly end = (): ReadonlyArray<Uint8Array> => {
    while (this.#step(true));
    if (this.#state.at !== "frame" || this.#held.length > 0) throw corrupt("zstd", "it ends in the middle of a frame")
    if (this.#frames === 0) throw corrupt("zstd", "it is empty")
    return this.#taken()
  }

  #taken(): ReadonlyArray<Uint8Array> {
    const out = this.#out
    this.#out = []
    return out
  }

  #emit(bytes: Uint8Array): void {
    this.#total += bytes.length
    if (this.#total > this.#limit) throw overLimit("zstd", this.#limit)
    if (bytes.length > 0) this.#out.push(bytes)
  }

  #take(length: number): Uint8Array {
    const bytes = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return bytes
  }

  /** Takes one header, block or part from the input. False when that needs more bytes. */
  #step(last: boolean): boolean {
    const state = this.#state
    const held = this.#held
    switch (state.at) {
      case "frame": {
        if (held.length === 0 || (held.length < HEADER_MAXIMUM && !last)) return false
        const header = readHeader(held, 0)
        if (typeof header === "number") {
          this.#take(8)
          this.#state = { at: "skip", left: header }
        } else {
          const { contentSize } = header
          if (contentSize !== undefined && contentSize > this.#limit - this.#total) throw overLimit("zstd", this.#limit)
          const parts = [this.#take(header.length).slice()]
          this.#state = { at: "block", header, parts, bound: 0, meter: undefined, stream: undefined }
        }
        this.#frames++
        return true
      }
      case "skip": {
        if (state.left > 0 && held.length === 0) return false
        state.left -= this.#take(Math.min(held.length, state.left)).length
        if (state.left === 0) this.#state = { at: "frame" }
        return true
      }
      case "block": {
        if (held.length < BLOCK_HEADER) return false
        const block = readBlock(held, 0, state.header.windowSize)
        if (held.length < block.stored) return false
        this.#block(state, this.#take(block.stored), block.bound)
        if (block.last) this.#state = { at: "checksum", frame: state }
        return true
      }
      case "checksum": {
        const { header, parts, stream } = state.frame
        const length = header.checksum ? 4 : 0
        if (held.length < length) return false
        const checksum = this.#take(length)
        if (parts !== undefined) {
          const rest = Math.min(this.#limit - this.#total, state.frame.bound)
          this.#emit(this.#kernel.decode(concat([...parts, checksum]), rest))
        } else if (header.contentSize !== undefined && header.contentSize !== stream?.content) {
          throw wrongSize()
        }
        this.#state = { at: "frame" }
        return true
      }
    }
  }

  #block(frame: Frame, block: Uint8Array, bound: number): void {
    if (frame.stream !== undefined) return this.#decode(frame.stream, block, frame.header.contentSize)
    const parts = frame.parts!
    parts.push(block.slice())
    frame.bound += frame.meter?.measure(block, 0) ?? bound
    if (frame.bound > WHOLE_BYTES && frame.meter === undefined) {
      const meter = frame.meter = new FrameMeter(frame.header.windowSize)
      frame.bound = parts.slice(1).reduce((sum, part) => sum + meter.measure(part, 0), 0)
    }
    if (frame.bound > WHOLE_BYTES || parts.length > WHOLE_BLOCKS) this.#streamFrom(frame, parts)
  }

  /** Starts to decode the frame block by block. */
  #streamFrom(frame: Frame, parts: ReadonlyArray<Uint8Array>): void {
    const { contentSize, windowSize } = frame.header
    // No reference reaches back beyond the start of the content.
    const window = Math.min(windowSize, Math.max(1024, contentSize ?? this.#limit - this.#total))
    if (window > WINDOW_MAXIMUM) throw tooWide(windowSize)
    let log = 10
    while (2 ** log < window) log++
    const decoder = new Decompress((part) => this.#emit(part.slice()))
    const head = new Uint8Array(6)
    new DataView(head.buffer).setUint32(0, ZSTD_MAGIC, true)
    head[5] = (log - 10) << 3
    decoder.push(head)
    frame.parts = undefined
    frame.stream = { decoder, meter: new FrameMeter(windowSize), window: 2 ** log, content: 0, credit: MOVED_AT_ONCE }
    for (const block of parts.slice(1)) this.#decode(frame.stream, block, contentSize)
  }

  #decode(stream: Stream, block: Uint8Array, contentSize: number | undefined): void {
    const size = stream.meter.measure(block, 0)
    stream.content += size
    stream.credit = Math.min(MOVED_AT_ONCE, stream.credit + MOVED_PER_BYTE * (block.length + size)) - stream.window
    // Checked before decoding, because the window has no room for more content than is stated or allowed.
    if (contentSize !== undefined && stream.content > contentSize) throw wrongSize()
    if (size > this.#limit - this.#total) throw overLimit("zstd", this.#limit)
    if (stream.credit < 0) throw tooShort(stream.window)
    try {
      stream.decoder.push(block)
    } catch (error) {
      throw error instanceof KernelError ? error : corrupt("zstd", "a block is damaged")
    }
  }
}

const tooShort = (window: number): KernelError =>
  new KernelError({
    kernel: "zstd",
    reason: "limit",
    message:
      `Cannot decompress zstd data: its blocks are too short for a window of ${window} bytes, so it would take forever`,
  })

const tooWide = (windowSize: number): KernelError =>
  new KernelError({
    kernel: "zstd",
    reason: "limit",
    message: `Cannot decompress zstd data: it needs a window of ${windowSize} bytes, more than ${WINDOW_MAXIMUM}`,
  })
