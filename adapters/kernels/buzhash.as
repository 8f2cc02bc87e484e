// The scan of buzhash, in AssemblyScript. The definition of the cuts is in stages/chunk/buzhash.ts.
// `npm run build:wasm` compiles it into buzhash_wasm.ts.
//
// Memory: the table `enter` from 0 to 1024 (256 x u32, least significant byte first), `leave` to 2048, then the content
// at hand.

// @ts-ignore: a decorator of AssemblyScript
@inline
function entered(byte: u32): u32 {
  return load<u32>(byte << 2)
}

/**
 * The hash of the position after `at`. What the tables say is added up first: that need not wait for the hash before
 * it.
 */
// @ts-ignore: a decorator of AssemblyScript
@inline
function next(h: u32, at: u32, window: u32): u32 {
  return rotl<u32>(h, 1) ^ (load<u32>(<u32>load<u8>(at) << 2, 1024) ^ entered(load<u8>(at + window)))
}

/**
 * Returns the first position in `[at, end)` whose `window` bytes after it have a hash with none of the bits of `mask`;
 * 0 when there is none. The `window` bytes after `end - 1` must be there.
 */
export function find(at: u32, end: u32, window: u32, mask: u32): u32 {
  let h: u32 = 0
  for (let i = at; i < at + window; i++) h = rotl<u32>(h, 1) ^ entered(load<u8>(i))
  let g: u32 = 0
  for (; at + 4 <= end; at += 4) {
    g = next(h, at, window)
    if ((h & mask) == 0) return at
    h = next(g, at + 1, window)
    if ((g & mask) == 0) return at + 1
    g = next(h, at + 2, window)
    if ((h & mask) == 0) return at + 2
    h = next(g, at + 3, window)
    if ((g & mask) == 0) return at + 3
  }
  for (; at < end; at++) {
    if ((h & mask) == 0) return at
    h = next(h, at, window)
  }
  return 0
}
