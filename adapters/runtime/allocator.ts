/** How the C library of Linux treats memory that is freed. */

/** Just below the most that glibc accepts as its thresholds. */
const LARGEST_BYTES = 31 << 20

/**
 * Makes glibc keep memory that is freed, up to 64 MiB at the end of each heap, instead of handing it back to the system at once and
 * asking for it again for the next block: that costs more than encrypting the block. It raises its thresholds by itself when something
 * large is freed for the first time (mallopt(3), `M_MMAP_THRESHOLD`), so that is what happens here. Elsewhere it does nothing.
 */
export const keepFreedMemory = (): void => {
  // Never touched, so no memory is used.
  new ArrayBuffer(LARGEST_BYTES).transfer?.(0)
}
