/** What is measured while the chunk index is filled. */

/** The index at one number of chunks. */
export interface Reached {
  readonly type: "reached"
  readonly chunks: number
  /** Whether the index grew from nothing. If it could not, it was made for this number. */
  readonly grown: boolean
  /** The size of the index in bytes. */
  readonly buffer: number
  /** Its largest size per chunk since the last number, in bytes. */
  readonly peakPerChunk: number
  /** Growth of resident memory since before the first chunk, in bytes. */
  readonly resident: number
  readonly residentPeakPerChunk: number
  /** The size of an index that is made for this number; null if it cannot be made. */
  readonly presized: number | null
  /** Nanoseconds each. Inserts are counted since the last number. */
  readonly insert: number
  readonly hit: number
  readonly miss: number
  /**
   * The longest time of {@link GROUP} inserts, in milliseconds: of those in which the index grew, and of all others.
   */
  readonly longestGrowing: number
  readonly longestOther: number
}

/** The index could not grow further. */
export interface Full {
  readonly type: "full"
  readonly chunks: number
  readonly buffer: number
  readonly message: string
}

/** Inserts that are timed together, so that the clock costs little. */
export const GROUP = 16
