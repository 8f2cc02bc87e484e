/**
 * Settings that keep the memory of a process small. They concern the whole process, so only the owner of the process
 * makes them: the command does, the library never.
 */
import { createRequire } from "node:module"
import v8 from "node:v8"

/** Just below the largest value that glibc accepts for its thresholds. */
const LARGEST_BYTES = 31 << 20

/**
 * Makes glibc keep memory that is freed, up to 64 MiB at the end of each heap. Otherwise it hands freed memory back to
 * the system at once, and asks for it again for the next block, which costs more than to encrypt the block. glibc
 * raises its thresholds when something large is freed for the first time (mallopt(3), `M_MMAP_THRESHOLD`). That is what
 * this does. Elsewhere it has no effect.
 */
const keepFreedMemory = (): void => {
  // Nothing writes to this buffer, so it uses no memory.
  new ArrayBuffer(LARGEST_BYTES).transfer?.(0)
}

/**
 * Lets V8 collect young objects early. Otherwise they may grow to 48 MB in each thread, although objects on their way
 * from stage to stage are soon dead. Costs 2 % of the time and saves a third of the memory. A collection of so little
 * is done by the thread itself: to share it with V8's helper threads costs more than they do, 5 % of the time of a
 * restore.
 */
const collectEarly = (): void => {
  if ("Bun" in globalThis) return
  v8.setFlagsFromString("--semi-space-growth-factor=1")
  v8.setFlagsFromString("--no-parallel-scavenge")
}

/** Entries whose garbage, about 8 MB, is worth a collection. */
const COLLECT_ENTRIES = 8192

/**
 * What this thread has set so far. This is state of the module because the settings of a runtime are, too: there is one
 * of each for all code on the thread.
 */
const settings = {
  /** Whether `leanMemory` was called. */
  lean: false,
  /** Entries since the last collection; -Infinity when there is nothing more to set. */
  entries: 0,
}

/** Whether this thread is lean. */
export const isLean = (): boolean => settings.lean

/** Makes this thread lean, once. The main thread tells its threads to do the same. */
export const leanMemory = (): void => {
  if (settings.lean) return
  settings.lean = true
  keepFreedMemory()
  collectEarly()
}

/**
 * Tells that this thread is done with some entries. Does nothing unless the thread is lean.
 *
 * Entries that wait for the next stage grow old, and are dead soon after. So after a few thousand of them, V8 is told
 * to collect old objects when there are 30 % more of them than were alive, instead of up to four times as many.
 * JavaScriptCore has no such setting while it runs: it collects then, and after each further few thousand. A run over
 * few entries does nothing, because that would cost more than it saves.
 */
export const collectAfter = (entries: number): void => {
  if (!settings.lean || (settings.entries += entries) < COLLECT_ENTRIES) return
  if ("Bun" in globalThis) {
    settings.entries = 0
    createRequire(import.meta.url)("bun:jsc").fullGC()
  } else {
    settings.entries = -Infinity
    v8.setFlagsFromString("--heap-growing-percent=30")
  }
}
