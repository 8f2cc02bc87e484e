/**
 * Fills the chunk index on the runtime that runs this file: `measure.ts COUNT...`, rising numbers. Prints a line of
 * JSON for each number that is reached.
 *
 * IDs are computed from their number, so none are kept in memory. The cost of that is measured separately and
 * subtracted.
 */
import process from "node:process"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { type Full, GROUP, type Reached } from "./reached.ts"

const LOOKUPS = 1_000_000
const FIRST_PEAK = 100_000
const NOT_THERE = 2 ** 31

const id = new Uint8Array(32)
const words = new Uint32Array(id.buffer, 0, 3)

/** The finaliser of MurmurHash3: a permutation of 32-bit numbers. */
const mix = (x: number): number => {
  x = Math.imul(x ^ x >>> 16, 0x85ebca6b)
  x = Math.imul(x ^ x >>> 13, 0xc2b2ae35)
  return x ^ x >>> 16
}

/** Writes the ID of a number. All numbers below 2^32 have different IDs. */
const name = (n: number): void => {
  words[0] = mix(n)
  words[1] = mix(n + 0x9e3779b9)
  words[2] = mix(n ^ 0x5bd1e995)
}

const resident = (): number => process.memoryUsage().rss

/** The nanoseconds of each of `count` calls. */
const each = (count: number, run: (i: number) => void): number => {
  const start = performance.now()
  for (let i = 0; i < count; i++) run(i)
  return (performance.now() - start) * 1e6 / count
}

const overhead = (): number => {
  each(LOOKUPS, name)
  return each(LOOKUPS, name)
}

/** The nanoseconds of looking up numbers that `pick` chooses: all of them must be found, or none. */
const lookUp = (index: ChunkIndex, there: boolean, pick: (i: number) => number, cost: number): number => {
  let wrong = 0
  const time = each(LOOKUPS, (i) => {
    name(pick(i))
    if ((index.get(id) !== undefined) !== there) wrong++
  })
  if (wrong > 0) throw new Error(`${wrong} of ${LOOKUPS} look-ups gave the wrong answer`)
  return Math.max(0, time - cost)
}

const presized = (count: number): number | null => {
  try {
    return new ChunkIndex(count).bytes
  } catch {
    return null
  }
}

/** Adds chunks, and measures meanwhile. */
class Filling {
  peak = 0
  residentPeak = 0
  longestGrowing = 0
  longestOther = 0
  readonly #before: number
  at = 0

  constructor(before: number) {
    this.#before = before
  }

  /** Adds chunks up to a number. Throws KernelError if the index is full. */
  fill(index: ChunkIndex, count: number): void {
    while (this.at < count) {
      const length = index.bytes
      const start = performance.now()
      for (const end = Math.min(this.at + GROUP, count); this.at < end; this.at++) {
        name(this.at)
        if (!index.claim(id)) throw new Error(`The index had the ID of ${this.at} before`)
      }
      const took = performance.now() - start
      const grew = index.bytes !== length
      if (grew) this.longestGrowing = Math.max(this.longestGrowing, took)
      else this.longestOther = Math.max(this.longestOther, took)
      if (this.at < FIRST_PEAK) continue
      if (grew) this.peak = Math.max(this.peak, index.bytes / this.at)
      if (this.at % (1 << 16) === 0) {
        this.residentPeak = Math.max(this.residentPeak, (resident() - this.#before) / this.at)
      }
    }
  }
}

const measureIndex = (counts: ReadonlyArray<number>, print: (line: Reached | Full) => void): void => {
  const cost = overhead()
  const before = resident()
  let index = new ChunkIndex()
  let [at, grown] = [0, true]
  for (let i = 0; i < counts.length;) {
    const count = counts[i]!
    const filling = new Filling(before)
    filling.at = at
    const start = performance.now()
    try {
      filling.fill(index, count)
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      print({ type: "full", chunks: filling.at, buffer: index.bytes, message: error.message })
      // Again with an index that is made for this number and does not grow, if there can be one.
      if (!grown || presized(count) === null) return
      index = new ChunkIndex(count)
      at = 0
      grown = false
      continue
    }
    const insert = Math.max(0, (performance.now() - start) * 1e6 / (count - at) - cost)
    if (index.size !== count) throw new Error(`The index has ${index.size} chunks, not ${count}`)
    print({
      type: "reached",
      chunks: count,
      grown,
      buffer: index.bytes,
      peakPerChunk: filling.peak,
      resident: resident() - before,
      residentPeakPerChunk: filling.residentPeak,
      presized: presized(count),
      insert,
      hit: lookUp(index, true, (i) => (mix(i) >>> 0) % count, cost),
      miss: lookUp(index, false, (i) => NOT_THERE + i, cost),
      longestGrowing: filling.longestGrowing,
      longestOther: filling.longestOther,
    })
    at = count
    i++
  }
}

measureIndex(process.argv.slice(2).map(Number), (line) => console.log(JSON.stringify(line)))
