/**
 * A catalog in frames that are encrypted one by one. A frame cannot be reordered or moved to another catalog, and a
 * catalog that was cut off is noticed: each frame begins with a byte 0, and the last one consists of a byte 1.
 */
import { frames, type Transform, unframes } from "../kernel/frames.ts"
import { type Cipher, KernelError } from "../kernel/kernel.ts"

/** The additional data of frame `n`, which ties the frame to its place. */
const additionalData = (name: string, n: number): Uint8Array =>
  new TextEncoder().encode(`penstock catalog ${name} ${n}`)

/** Encrypts the bytes of the catalog `name`. */
export const startEncryption = (cipher: Cipher, name: string): Transform => {
  let n = 0
  const seal = (flag: number, bytes: Uint8Array): Uint8Array => {
    const plain = new Uint8Array(1 + bytes.length)
    plain[0] = flag
    plain.set(bytes, 1)
    return cipher.seal(plain, additionalData(name, n++))
  }
  const inner = frames("catalog", (frame) => seal(0, frame))
  return {
    push: inner.push,
    end: () => {
      const rest = inner.end()
      const last = seal(1, new Uint8Array(0))
      const head = new Uint8Array(4)
      new DataView(head.buffer).setUint32(0, last.length, true)
      return [...rest.slice(0, -1), head, last, rest.at(-1)!]
    },
  }
}

/** The inverse of {@link startEncryption}. Throws {@link KernelError}. */
export const startDecryption = (cipher: Cipher, name: string): Transform => {
  let n = 0
  let ended = false
  const corrupt = (message: string) => new KernelError({ kernel: "catalog", reason: "corrupt", message })
  const inner = unframes("catalog", (frame) => {
    const plain = cipher.open(frame, additionalData(name, n++))
    if (ended) throw corrupt(`The catalog ${name} has more after its end`)
    if (plain[0] === 1) ended = true
    return plain.subarray(1)
  })
  return {
    push: inner.push,
    end: () => {
      const rest = inner.end()
      if (!ended) throw corrupt(`The catalog ${name} is truncated`)
      return rest
    },
  }
}
