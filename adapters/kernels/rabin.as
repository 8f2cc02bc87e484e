// The scan of the Rabin fingerprint, in AssemblyScript. The definition of the cuts is in stages/chunk/rabin.ts.
// `npm run build:wasm` compiles it into rabin_wasm.ts.
//
// Memory: the table `leave` from 0 to 2048 (256 x u64, least significant byte first), `fold` to 4096, then the content
// at hand.

/** The fingerprint with another byte. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function entered(h: u64, at: u32): u64 {
  return (h << 8 | load<u8>(at)) ^ load<u64>(<u32>(h >> 45) << 3, 2048)
}

/** The fingerprint of the position after `at`. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function next(h: u64, at: u32): u64 {
  return entered(h, at) ^ load<u64>(<u32>load<u8>(at - 64) << 3)
}

/** The fingerprint of a position. */
function fingerprint(at: u32): u64 {
  let h: u64 = 0
  for (let i = at - 64; i < at; i++) h = entered(h, i)
  return h
}

/**
 * Returns the first position in `[at, end)` whose 64 bytes before it have a fingerprint with none of the bits of
 * `mask`; 0 when there is none. The 64 bytes before `at` must be there.
 *
 * A fingerprint waits for the one before it. So the second half is looked at in the same loop as the first.
 */
export function find(at: u32, end: u32, mask: u64): u32 {
  const middle = at + (end - at >> 1)
  let a = at
  let b = middle
  let g = fingerprint(a)
  let h = fingerprint(b)
  for (; a < middle; a++, b++) {
    if ((g & mask) == 0) return a
    if ((h & mask) == 0) break
    g = next(g, a)
    h = next(h, b)
  }
  for (; a < middle; a++) {
    if ((g & mask) == 0) return a
    g = next(g, a)
  }
  for (; b < end; b++) {
    if ((h & mask) == 0) return b
    h = next(h, b)
  }
  return 0
}
