/** The gear table of FastCDC: 256 random 64-bit numbers that follow from a seed. */
import { blake3 } from "@noble/hashes/blake3.js"
import { KernelError } from "../kernel/kernel.ts"

const MESSAGE = new TextEncoder().encode("penstock gear table 1")

/** The seed of a table that is not secret: 32 zero bytes. */
export const PUBLIC_SEED: Uint8Array = new Uint8Array(32)

/** The halves of the 64-bit entries: entry `b` is `high[b] * 2^32 + low[b]`, both read as unsigned. */
export interface GearTable {
  readonly high: Int32Array
  readonly low: Int32Array
}

/**
 * Derives the table: 2048 bytes of BLAKE3 output in keyed mode (key: the seed; message: the ASCII text
 * `penstock gear table 1`), read as 256 unsigned 64-bit integers, least significant byte first. Throws KernelError
 * `unsupported` unless the seed has 32 bytes.
 */
export const gearTable = (seed: Uint8Array): GearTable => {
  const length = seed instanceof Uint8Array ? seed.length : 0
  if (length !== 32) {
    throw new KernelError({
      kernel: "fastcdc",
      reason: "unsupported",
      message: `Cannot derive a gear table from a seed of ${length} bytes: it must have 32`,
    })
  }
  const bytes = blake3(MESSAGE, { key: seed, dkLen: 2048 })
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const high = new Int32Array(256)
  const low = new Int32Array(256)
  for (let b = 0; b < 256; b++) {
    low[b] = view.getInt32(8 * b, true)
    high[b] = view.getInt32(8 * b + 4, true)
  }
  return { high, low }
}
