/**
 * Gives memory back at once, instead of when a collector comes by: megabytes of dead buffers are what makes a run large
 * and slow.
 */

/**
 * Smaller buffers are left to the collector: freeing them one by one costs more than it gives, and runtimes share them.
 */
const WORTH_BYTES = 64 << 10

/**
 * Frees the memory of `bytes`, which nobody reads any more: they are empty afterwards. Does nothing when they are a
 * part of something larger, or small, or shared between threads, or where the runtime cannot.
 */
export const release = (bytes: Uint8Array): void => {
  const { buffer } = bytes
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < WORTH_BYTES || bytes.byteLength < buffer.byteLength) {
    return
  }
  buffer.transfer?.(0)
}
