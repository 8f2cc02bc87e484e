/**
 * Codecs over a whole content, in bounded memory. The content is cut into frames of 1 MiB. Each frame is encoded by
 * itself, and its length comes before it (u32, little endian). A frame of length 0 ends the content, so that a
 * truncated content is noticed.
 *
 * This is how a compressor or cipher that comes before `chunk` works on content of any size.
 */
import { KernelError } from "./kernel.ts"

/** Bytes of content in a frame. The last frame may be shorter. */
export const FRAME_BYTES: number = 1 << 20
/** An encoded frame may be longer than its content by this many bytes. */
const MAXIMUM_GROWTH = 64 << 10
/** An encoded frame is no longer than this. */
export const LONGEST_FRAME: number = FRAME_BYTES + MAXIMUM_GROWTH

/** Transforms a content that comes in pieces of any size. */
export interface Transform {
  /** Takes the next piece, and returns what is ready. Does not keep the piece. */
  readonly push: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>
  /** Ends the content, and returns the rest. Throws KernelError when the content is not complete. */
  readonly end: () => ReadonlyArray<Uint8Array>
}

/**
 * From content to frames. `name` is the kernel's name, for errors. Throws KernelError `limit` when the encoder makes a
 * frame that is too long to be read back.
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
        message: `${name} made ${body.length} bytes of ${length}; it must be 1 to ${LONGEST_FRAME} bytes`,
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

/** From frames to content. `name` is the kernel's name, for errors. Throws KernelError `corrupt`. */
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
        if (ended) throw corrupt("The content goes on after its last frame")
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
