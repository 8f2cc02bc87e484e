/** What filling the index of chunks shows. */

/** At one number of chunks. */
export interface Reached {
  readonly type: "reached"
  readonly chunks: number
  /** Whether the index grew from nothing; otherwise it was made for this number, because it could not grow so far. */
  readonly grown: boolean
  /** What the index takes, bytes. */
  readonly buffer: number
  /** The most that it was while chunks were added, per chunk that was there; since the last number. */
  readonly peakPerChunk: number
  /** Resident memory more than before the first chunk, bytes. */
  readonly resident: number
  readonly residentPeakPerChunk: number
  /** The same of an index that was told this number when it was made; null when it cannot be made. */
  readonly presized: number | null
  /** Nanoseconds each. Inserts are those since the last number. */
  readonly insert: number
  readonly hit: number
  readonly miss: number
  /** The longest that {@link GROUP} inserts took, milliseconds: those in which the index grew, and all others. */
  readonly longestGrowing: number
  readonly longestOther: number
}

/** The index could not grow any more. */
export interface Full {
  readonly type: "full"
  readonly chunks: number
  readonly buffer: number
  readonly message: string
}

/** Inserts that are timed as one, so that the clock costs little. */
export const GROUP = 16
