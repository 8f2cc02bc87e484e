/** Pseudorandom numbers and bytes from a seed, the same on every machine and runtime. */

export interface Random {
  /** The next number of 32 bits. */
  readonly next: () => number
  /** A whole number from 0 to `below` - 1. */
  readonly int: (below: number) => number
  /**
   * A number from a log-normal distribution: half of them are below `median`, and a larger `sigma` spreads them more.
   */
  readonly spread: (median: number, sigma: number) => number
  /** Fills `out` with bytes that do not compress. */
  readonly fill: (out: Uint8Array) => Uint8Array
}

/** A generator: sfc32 by Chris Doty-Humphrey (PractRand), with the FNV-1a hash of the seed as its first state. */
export const random = (seed: string): Random => {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(seed)) hash = Math.imul(hash ^ byte, 0x01000193)
  let [a, b, c, counter] = [hash, hash ^ seed.length, 0x9e3779b9, 1]
  const next = (): number => {
    const sum = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21 | c >>> 11) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < 15; i++) next()
  const int = (below: number): number => Math.floor(next() / 2 ** 32 * below)
  return {
    next,
    int,
    spread: (median, sigma) => {
      // The sum of twelve uniform numbers is nearly normal, and ten squarings of 1 + x / 1024 give nearly e^x. Only
      // sums and products, because Math.exp and the like may differ between runtimes.
      let normal = -6
      for (let i = 0; i < 12; i++) normal += next() / 2 ** 32
      let power = 1 + sigma * normal / 1024
      for (let i = 0; i < 10; i++) power *= power
      return Math.round(median * power)
    },
    fill: (out) => {
      const words = new Uint32Array((out.length + 3) >> 2)
      for (let i = 0; i < words.length; i++) words[i] = next()
      out.set(new Uint8Array(words.buffer, 0, out.length))
      return out
    },
  }
}

/** Makes text that zstd compresses to about 40 %: words of uneven frequency, numbers, indented lines. */
export const textOf = (from: Random): (out: Uint8Array) => Uint8Array => {
  const letters = "etaoinsrhldcumfpgwybvk_XEQ"
  const words = Array.from({ length: 6000 }, () => {
    const word = Array.from({ length: 2 + from.int(9) }, () => letters[Math.min(from.int(26), from.int(30))]).join("")
    return new TextEncoder().encode(word)
  })
  return (out) => {
    for (let at = 0; at < out.length;) {
      const r = from.next()
      if (r % 9 === 0) {
        out[at++] = 10
        for (let indent = (r >>> 8) % 4 * 2; indent > 0 && at < out.length; indent--) out[at++] = 32
      } else if (r % 13 === 0) {
        for (let digits = 1 + (r >>> 9) % 6; digits > 0 && at < out.length; digits--) out[at++] = 48 + from.int(10)
      } else {
        // The square makes the first words more frequent.
        const word = words[Math.floor(((r >>> 4) / 2 ** 28) ** 2 * words.length)]!
        for (let i = 0; i < word.length && at < out.length; i++) out[at++] = word[i]!
      }
      if (at < out.length) out[at++] = ' (.;,="/'[(r >>> 20) % 29]?.charCodeAt(0) ?? 32
    }
    return out
  }
}
