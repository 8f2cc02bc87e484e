/** Bytes for tests. */

/** Pseudo-random bytes, which do not compress. They are the same for the same arguments. */
export const noise = (length: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(length)
  const words = new Uint32Array(bytes.buffer, 0, length >>> 2)
  let state = (seed * 2654435761 + 1) >>> 0 || 1
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  for (let i = 0; i < words.length; i++) words[i] = next()
  for (let i = words.length * 4; i < length; i++) bytes[i] = next()
  return bytes
}

/** Bytes that compress: words of noise, repeated at random. They are the same for the same arguments. */
export const prose = (length: number, seed = 1): Uint8Array => {
  const words = noise(4096, seed)
  const choice = noise(length, seed + 1)
  const out = new Uint8Array(length)
  for (let at = 0, i = 0; at < length; i += 2) {
    const size = 2 + (choice[i]! & 15)
    out.set(words.subarray(choice[i + 1]! * 16, choice[i + 1]! * 16 + size).subarray(0, length - at), at)
    at += size
  }
  return out
}
