/**
 * Settings that make runs lean: how the whole process keeps its memory. So only who owns the process makes them: the
 * command does, the library does not, whatever of it is used.
 */
import { createRequire } from "node:module"
import v8 from "node:v8"

/** Just below the most that glibc accepts as its thresholds. */
const LARGEST_BYTES = 31 << 20

/**
 * Makes glibc keep memory that is freed, up to 64 MiB at the end of each heap, instead of handing it back to the system
 * at once and asking for it again for the next block: that costs more than encrypting the block. It raises its
 * thresholds by itself when something large is freed for the first time (mallopt(3), `M_MMAP_THRESHOLD`), so that is
 * what happens here. Elsewhere it does nothing.
 */
const keepFreedMemory = (): void => {
  // Never touched, so no memory is used.
  new ArrayBuffer(LARGEST_BYTES).transfer?.(0)
}

/**
 * Lets V8 collect young objects early, instead of letting them grow to 48 MB in each thread: they are on their way from
 * stage to stage, and soon dead. Costs 2 % of the time and saves a third of the memory.
 */
const collectEarly = (): void => {
  if (!("Bun" in globalThis)) v8.setFlagsFromString("--semi-space-growth-factor=1")
}

let lean = false

/** Whether this process is lean. */
export const isLean = (): boolean => lean

/** Makes this process lean, once. */
export const leanMemory = (): void => {
  if (lean) return
  lean = true
  keepFreedMemory()
  collectEarly()
}

/** Entries whose garbage is worth a collection: some 8 MB of it. */
const COLLECT_ENTRIES = 8192
let entries = 0

/**
 * Tells that this thread is done with so many entries; nothing happens unless the process is lean. What waits for its
 * stage grows old, and is dead soon after; so after some thousands, V8 is told to collect old objects when there are 30
 * % more of them than were alive, instead of up to four times as many. JavaScriptCore, which has no such setting while
 * it runs, collects then and each time again. A run over few entries does without: it would pay and get nothing.
 */
export const collectAfter = (count: number): void => {
  if (!lean || entries < 0 || (entries += count) < COLLECT_ENTRIES) return
  if ("Bun" in globalThis) {
    entries = 0
    createRequire(import.meta.url)("bun:jsc").fullGC()
  } else {
    entries = -Infinity
    v8.setFlagsFromString("--heap-growing-percent=30")
  }
}
