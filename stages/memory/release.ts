/**
 * Gives memory back at once, instead of when a garbage collector comes by: megabytes of dead buffers make a run large
 * and slow.
 */

/**
 * Smaller buffers are left to the collector: to free them one by one costs more than it gives, and runtimes share them.
 */
const WORTH_BYTES = 64 << 10

/** A codec that stores content as it is puts at most this many bytes before it. */
const SLACK_BYTES = 64

/**
 * Frees the memory of `bytes`, which nobody may read any more: they are empty afterwards. Does nothing when they are a
 * part of something larger, or small, or shared between threads, or where the runtime cannot free memory.
 */
export const release = (bytes: Uint8Array): void => {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < WORTH_BYTES || bytes.byteLength < buffer.byteLength) {
    return
  }
  buffer.transfer?.(0)
}

/**
 * Whether bytes fill their buffer, but for the few that a codec puts before content. Bytes that are much smaller than
 * their buffer may be a slice of a pool, which runtimes use for small outputs.
 */
export const fillsBuffer = (bytes: Uint8Array): boolean => bytes.buffer.byteLength - bytes.byteLength <= SLACK_BYTES

/** Frees all of the buffer that bytes fill, when nothing else has that memory: the caller knows. */
export const releaseBuffer = (bytes: Uint8Array): void => {
  if (fillsBuffer(bytes)) release(new Uint8Array(bytes.buffer))
}
