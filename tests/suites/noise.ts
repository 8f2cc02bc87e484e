/** Bytes for tests. */

/** Deterministic bytes that do not compress. */
export const noise = (length: number, seed: number): Uint8Array => {
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
