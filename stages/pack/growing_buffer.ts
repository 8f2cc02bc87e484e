/** A buffer that grows in place and that threads can share, and the locks that threads take in it. */
import { KernelError } from "../kernel/kernel.ts"

/** Shared where the runtime has shared memory. */
export type GrowingBuffer = SharedArrayBuffer | ArrayBuffer

/**
 * Address space to reserve, in bytes. The first size that the system grants is taken. Memory is used only as the buffer
 * grows. 4 GiB are about 270 million chunks.
 */
const RESERVATIONS = [2 ** 32, 2 ** 31, 2 ** 30, 2 ** 28]
/** The length is a multiple of this. */
const STEP_BYTES = 1024
/** A buffer grows by at least this much. */
const LEAST_GROWTH_BYTES = 64 << 10
/** After this many tries, which take some seconds, the thread that holds the lock must have died. */
const TRIES = 1e9

/** The KernelError `limit` of a chunk index that cannot go on. */
export const indexLimit = (message: string): KernelError =>
  new KernelError({ kernel: "chunk index", reason: "limit", message })

/** A buffer of zeros. Throws KernelError `limit`. */
export const reserveBuffer = (bytes: number): GrowingBuffer => {
  for (const maxByteLength of RESERVATIONS) {
    try {
      return typeof SharedArrayBuffer === "undefined"
        ? new ArrayBuffer(bytes, { maxByteLength })
        : new SharedArrayBuffer(bytes, { maxByteLength })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw indexLimit("There is no memory for an index of chunks")
}

/** Makes a buffer longer: by a sixteenth, and to at least `bytes`. Throws KernelError `limit`. */
export const growBuffer = (buffer: GrowingBuffer, bytes: number): void => {
  const wanted = Math.max(bytes + LEAST_GROWTH_BYTES, Math.ceil(bytes * 17 / 16))
  const length = Math.min(buffer.maxByteLength, Math.ceil(wanted / STEP_BYTES) * STEP_BYTES)
  try {
    if (length < bytes) throw new RangeError()
    if (buffer instanceof ArrayBuffer) buffer.resize(length)
    else buffer.grow(length)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw indexLimit(`The index of chunks cannot grow beyond ${buffer.byteLength} bytes`)
  }
}

/**
 * Takes the lock in a word, which is 0 while nobody has it. Waits by trying again: locks are held for microseconds.
 * Throws KernelError `limit` when the lock is never given back.
 */
export const lock = (words: Int32Array, at: number): void => {
  for (let tries = 0; Atomics.compareExchange(words, at, 0, 1) !== 0; tries++) {
    if (tries > TRIES) throw indexLimit("The index of chunks is locked by a thread that has died")
  }
}

/** Gives a lock back. */
export const unlock = (words: Int32Array, at: number): void => {
  Atomics.store(words, at, 0)
}
