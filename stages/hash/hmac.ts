/** HMAC (RFC 2104) over any hasher: with an accelerated hasher it is accelerated, too. */
import type { Hasher } from "../kernel/kernel.ts"

/** Bytes of a block of SHA-256. */
const BLOCK_BYTES = 64

/** Makes authentication codes of 32 bytes under a key. `hasher`: SHA-256, or another hasher with blocks of 64 bytes. */
export const hmac = (hasher: Hasher, key: Uint8Array): Hasher["create"] => {
  const short = key.length > BLOCK_BYTES ? hasher.digest(key) : key
  const pad = (byte: number): Uint8Array => {
    const block = new Uint8Array(BLOCK_BYTES).fill(byte)
    for (const [i, value] of short.entries()) block[i]! ^= value
    return block
  }
  const inner = pad(0x36)
  const outer = pad(0x5c)
  return () => {
    const state = hasher.create()
    state.update(inner)
    return {
      update: state.update,
      digest: () => {
        const last = hasher.create()
        last.update(outer)
        last.update(state.digest())
        return last.digest()
      },
    }
  }
}
