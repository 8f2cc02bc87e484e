/** CRC-32 as in gzip (RFC 1952, section 8), four bytes at a time: table `k` is for a byte with `k` bytes after it. */
const TABLES = /* @__PURE__ */ ((): ReadonlyArray<Int32Array> => {
  const tables = [0, 1, 2, 3].map(() => new Int32Array(256))
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1
    tables[0]![n] = c
  }
  for (let k = 1; k < 4; k++) {
    for (let n = 0; n < 256; n++) {
      const c = tables[k - 1]![n]!
      tables[k]![n] = tables[0]![c & 255]! ^ (c >>> 8)
    }
  }
  return tables
})()

/** The CRC-32 of `bytes`, unsigned. `before`: the CRC-32 of the bytes that precede them. */
export const crc32 = (bytes: Uint8Array, before = 0): number => {
  const [t0, t1, t2, t3] = TABLES as [Int32Array, Int32Array, Int32Array, Int32Array]
  let c = ~before
  let i = 0
  for (const last = bytes.length - 3; i < last; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    c = t3[c & 255]! ^ t2[(c >>> 8) & 255]! ^ t1[(c >>> 16) & 255]! ^ t0[c >>> 24]!
  }
  for (; i < bytes.length; i++) c = t0[(c ^ bytes[i]!) & 255]! ^ (c >>> 8)
  return ~c >>> 0
}
