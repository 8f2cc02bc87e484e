/**
 * Codecs over a whole content, in bounded memory: the content is cut into frames of 1 MiB, each encoded by itself and
 * preceded by its length (u32, little endian); a frame of length 0 ends it, so a cut is noticed.
 *
 * This is how a compressor or cipher that comes before `chunk` works on content of any size.
 */
import { KernelError } from "./kernel.ts"

/** Bytes of content in a frame; the last may be shorter. */
export const FRAME_BYTES: number = 1 << 20
/** An encoded frame may be longer than its content, but not by more than this. */
const MAXIMUM_GROWTH = 64 << 10
/** An encoded frame is no longer than this. */
export const LONGEST_FRAME: number = FRAME_BYTES + MAXIMUM_GROWTH

/** Takes pieces of any size; returns what is ready. `push` does not keep its argument. */
export interface Transform {
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>
  /** The rest. Throws KernelError when the content is not complete. */
  readonly end: () => ReadonlyArray<Uint8Array>
}

/**
 * Content to frames. `name` is that of the kernel, for errors: an encoder that makes a frame which cannot be read back
 * throws KernelError `limit`.
 */
export const frames = (name: string, encode: (frame: Uint8Array) => Uint8Array): Transform => {
  const held = new Uint8Array(FRAME_BYTES)
  let length = 0
  const flush = (out: Array<Uint8Array>): void => {
    const body = encode(held.subarray(0, length))
    if (body.length === 0 || body.length > LONGEST_FRAME) {
      throw new KernelError({
        kernel: name,
        reason: "limit",
        message: `${name} made ${body.length} bytes of ${length}, which must be 1 to ${LONGEST_FRAME}`,
      })
    }
    const frame = new Uint8Array(4 + body.length)
    new DataView(frame.buffer).setUint32(0, body.length, true)
    frame.set(body, 4)
    out.push(frame)
    length = 0
  }
  return {
    push: (bytes) => {
      const out: Array<Uint8Array> = []
      for (let at = 0; at < bytes.length;) {
        const take = Math.min(bytes.length - at, FRAME_BYTES - length)
        held.set(bytes.subarray(at, at + take), length)
        length += take
        at += take
        if (length === FRAME_BYTES) flush(out)
      }
      return out
    },
    end: () => {
      const out: Array<Uint8Array> = []
      if (length > 0) flush(out)
      out.push(new Uint8Array(4))
      return out
    },
  }
}

/** Frames to content. `name` is that of the kernel, for errors. */
export const unframes = (name: string, decode: (frame: Uint8Array) => Uint8Array): Transform => {
  const corrupt = (message: string): KernelError => new KernelError({ kernel: name, reason: "corrupt", message })
  const head = new Uint8Array(4)
  let headLength = 0
  let body: Uint8Array | undefined
  let bodyLength = 0
  let ended = false
  return {
    push: (bytes) => {
      const out: Array<Uint8Array> = []
      for (let at = 0; at < bytes.length;) {
        if (ended) throw corrupt("There is more content after its last frame")
        if (body === undefined) {
          head[headLength++] = bytes[at++]!
          if (headLength < 4) continue
          const length = new DataView(head.buffer).getUint32(0, true)
          headLength = 0
          if (length === 0) ended = true
          else if (length > LONGEST_FRAME) throw corrupt(`A frame claims ${length} bytes`)
          else {
            body = new Uint8Array(length)
            bodyLength = 0
          }
          continue
        }
        const take = Math.min(bytes.length - at, body.length - bodyLength)
        body.set(bytes.subarray(at, at + take), bodyLength)
        bodyLength += take
        at += take
        if (bodyLength === body.length) {
          out.push(decode(body))
          body = undefined
        }
      }
      return out
    },
    end: () => {
      if (!ended) throw corrupt("The content ends before its last frame")
      return []
    },
  }
}
