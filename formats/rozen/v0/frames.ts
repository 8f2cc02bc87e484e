/**
 * Frames. The sections and the data of an object are compressed and sealed piece by piece, so that an object of any
 * size is written and read in little memory. Each frame is authenticated with its number and whether it is the last
 * ("STREAM", Hoang, Reyhanitabar, Rogaway and Vizár, https://eprint.iacr.org/2015/189), so that none can be left out,
 * moved, repeated, or brought in from another object.
 */
import { FRAME_BYTES } from "../../../stages/kernel/frames.ts"
import { KernelError } from "../../../stages/kernel/kernel.ts"
import type { RepositoryError } from "../../error.ts"
import { corrupt } from "../errors.ts"
import { COMPRESSION, ENCRYPTION, type ObjectHeader } from "../header.ts"
import type { Layout, ObjectMagic } from "./layout.ts"

/** The longest section, in bytes. */
export const SECTION_BYTES: number = 16 << 20
/** The bytes that sealing and compressing may add to a frame. */
const GROWTH = 64 << 10

/** The longest stored frame: of a section, or of the data. */
export const maximumFrame = (section: boolean): number => (section ? SECTION_BYTES : FRAME_BYTES) + GROWTH

/** Encodes and decodes the frames of one object. */
export interface FrameCodec {
  /** False when the data is stored as it is, without frames, because it is neither compressed nor encrypted. */
  readonly framed: boolean
  /** The stored form of frame `number`. */
  readonly encode: (bytes: Uint8Array, number: number, last: boolean) => Uint8Array
  /** The inverse. Throws RepositoryError `corrupt`. */
  readonly decode: (stored: Uint8Array, number: number, last: boolean, limit: number) => Uint8Array
}

/** Makes the codec of an object. `headerBytes` is the header as it is stored. */
export const frameCodec = (
  layout: Layout,
  magic: ObjectMagic,
  name: string,
  header: Pick<ObjectHeader, "encryption" | "compression">,
  headerBytes: Uint8Array,
): FrameCodec => {
  const compressor = layout.compressors[header.compression.method]!
  if (header.encryption.method === ENCRYPTION.none) {
    return {
      framed: header.compression.method !== COMPRESSION.none,
      encode: (bytes) => compressor.encode(bytes),
      decode: (stored, number, _last, limit) => unlessBroken(() => compressor.decode(stored, limit), name, number),
    }
  }
  const cipher = layout.ciphers[magic]
  const text = new TextEncoder().encode(name)
  const aad = (number: number, last: boolean): Uint8Array => {
    const out = new Uint8Array(headerBytes.length + text.length + 5)
    out.set(headerBytes)
    out.set(text, headerBytes.length)
    new DataView(out.buffer).setUint32(out.length - 5, number, true)
    out[out.length - 1] = last ? 1 : 0
    return out
  }
  const openAs = (stored: Uint8Array, number: number, last: boolean): Uint8Array | undefined => {
    try {
      return cipher.open(stored, aad(number, last))
    } catch (error) {
      if (error instanceof KernelError && error.reason === "forged") return undefined
      throw error
    }
  }
  return {
    framed: true,
    encode: (bytes, number, last) => cipher.seal(compressor.encode(bytes), aad(number, last)),
    decode: (stored, number, last, limit) => {
      const bytes = openAs(stored, number, last)
      if (bytes === undefined) {
        if (openAs(stored, number, !last) === undefined) throw altered(name, number)
        throw corrupt(
          name,
          last ? `${name} is truncated: nothing follows frame ${number}` : `${name} goes on after its end`,
        )
      }
      return unlessBroken(() => compressor.decode(bytes, limit), name, number)
    },
  }
}

const altered = (name: string, number: number): RepositoryError =>
  corrupt(name, `${name} was altered or is damaged: frame ${number} is not as it was written`)

/** Turns a KernelError into the error about the object. */
const unlessBroken = (run: () => Uint8Array, name: string, number: number): Uint8Array => {
  try {
    return run()
  } catch (error) {
    throw error instanceof KernelError ? altered(name, number) : error
  }
}
