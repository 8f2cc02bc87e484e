/**
 * Zeros. Disk images and preallocated files have gigabytes of them, in chunks that are all the same. Such a chunk is
 * named, decoded and written once, however often it occurs.
 */

/** Longer runs of zeros are treated like other content, in bytes: the longest chunk with the default options. */
const LONGEST = 8 << 20

/** The buffer is longer, so that nobody takes zeros for a whole buffer that could be freed or handed to a thread. */
const SPARE = 4096

let shared: Uint8Array | undefined

/**
 * Zeros that all callers share: nobody may change or free them. Undefined when `length` (in bytes) is too large. The
 * state of the module is one buffer, made when it is first wanted, that is never written to.
 */
export const sharedZeros = (length: number): Uint8Array | undefined =>
  length > LONGEST ? undefined : (shared ??= new Uint8Array(LONGEST + SPARE)).subarray(0, length)

/** Whether these bytes are {@link sharedZeros}. Other bytes may be zeros, too. */
export const areSharedZeros = (bytes: Uint8Array): boolean => shared !== undefined && bytes.buffer === shared.buffer

/** Whether all of these bytes are 0. Content that is not zeros is mostly told by its first byte. */
export const areZeros = (bytes: Uint8Array): boolean => {
  const { buffer, byteOffset, length } = bytes
  if (length === 0 || bytes[0] !== 0 || bytes[length - 1] !== 0 || bytes[length >>> 1] !== 0) return length === 0
  let at = 0
  for (; at < length && (byteOffset + at & 3) !== 0; at++) if (bytes[at] !== 0) return false
  if (at === length) return true
  const words = new Int32Array(buffer, byteOffset + at, length - at >>> 2)
  let i = 0
  for (const last = words.length - 8; i <= last; i += 8) {
    const any = words[i]! | words[i + 1]! | words[i + 2]! | words[i + 3]! | words[i + 4]! | words[i + 5]! |
      words[i + 6]! | words[i + 7]!
    if (any !== 0) return false
  }
  for (; i < words.length; i++) if (words[i] !== 0) return false
  for (at += words.length * 4; at < length; at++) if (bytes[at] !== 0) return false
  return true
}
