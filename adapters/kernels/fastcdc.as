// The scan of FastCDC, in AssemblyScript. The definition of the cuts is in stages/chunk/fastcdc.ts.
// `npm run build:wasm` compiles it into fastcdc_wasm.ts.
//
// Memory: the gear table from 0 to 2048 (256 x u64, least significant byte first), then the content at hand.

/**
 * H of the position that was reached. It goes on from one piece of content to the next. After 64 bytes its old value
 * has no effect.
 */
let hash: u64 = 0

// @ts-ignore: a decorator of AssemblyScript
@inline
function gear(byte: u32): u64 {
  return load<u64>(byte << 3)
}

/**
 * Takes the bytes from `at` to `end`. Returns the first position in `(at, end]` whose hash has `bits` leading zeros; 0
 * when there is none.
 */
function scan(at: u32, end: u32, bits: u32): u32 {
  const limit: u64 = 1 << <u64>(64 - bits)
  let g: u64 = 0
  let h = hash
  for (; at + 8 <= end; at += 8) {
    g = (h << 1) + gear(load<u8>(at))
    h = (g << 1) + gear(load<u8>(at, 1))
    if (g < limit) return at + 1
    if (h < limit) return at + 2
    g = (h << 1) + gear(load<u8>(at, 2))
    h = (g << 1) + gear(load<u8>(at, 3))
    if (g < limit) return at + 3
    if (h < limit) return at + 4
    g = (h << 1) + gear(load<u8>(at, 4))
    h = (g << 1) + gear(load<u8>(at, 5))
    if (g < limit) return at + 5
    if (h < limit) return at + 6
    g = (h << 1) + gear(load<u8>(at, 6))
    h = (g << 1) + gear(load<u8>(at, 7))
    if (g < limit) return at + 7
    if (h < limit) return at + 8
  }
  for (; at < end; at++) {
    h = (h << 1) + gear(load<u8>(at))
    if (h < limit) return at + 1
  }
  hash = h
  return 0
}

/**
 * Takes the bytes from `at` to `end`. Positions before `strict` are not looked at, those before `loose` need
 * `strictBits` leading zeros, and the others `looseBits`. Returns the first candidate, as the address behind its last
 * byte; 0 when there is none. `loose` may be any number.
 */
export function find(at: i32, strict: i32, loose: i32, end: i32, strictBits: u32, looseBits: u32): u32 {
  let h = hash
  for (; at < strict; at++) h = (h << 1) + gear(load<u8>(at))
  hash = h
  if (at < loose) {
    const stop = min(loose, end)
    const found = scan(at, stop, strictBits)
    if (found) return found
    at = stop
  }
  return scan(at, end, looseBits)
}
