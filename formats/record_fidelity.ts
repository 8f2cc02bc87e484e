/** What formats keep of the record of a snapshot, beside its entries. */

/** What a format keeps of the record of a snapshot. */
export interface RecordFidelity {
  /** Whether tags are kept. */
  readonly tags: boolean
  /** Whether the name of the machine is kept. */
  readonly hostname: boolean
  /** Whether the name of the user is kept. */
  readonly username: boolean
  /** Whether the paths that were backed up are kept. */
  readonly paths: boolean
  /** Resolution of the time in milliseconds; undefined when it is not kept. */
  readonly time: number | undefined
}

/**
 * Keeps all of a record.
 *
 * @example Declare a format that keeps all but the time below a second
 * ```ts
 * import type { RecordFidelity } from "@penstock/penstock"
 * import { wholeRecord } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const seconds: RecordFidelity = { ...wholeRecord, time: 1000 }
 * assert.equal(seconds.tags, true)
 * ```
 */
export const wholeRecord: RecordFidelity = { tags: true, hostname: true, username: true, paths: true, time: 1 }

/** The members of a record in words for people. */
export const RECORD_WORDS: Readonly<Record<keyof RecordFidelity, string>> = {
  tags: "tags",
  hostname: "host name",
  username: "user name",
  paths: "paths",
  time: "time",
}

/** Whether any of a member is kept. */
export const keepsOfRecord = (fidelity: RecordFidelity, what: keyof RecordFidelity): boolean =>
  fidelity[what] !== false && fidelity[what] !== undefined

/**
 * Lists what `to` does not keep of a record that `from` keeps, in words for people. The list is empty when nothing is
 * lost.
 */
export const recordLossesBetween = (from: RecordFidelity, to: RecordFidelity): ReadonlyArray<string> => [
  ...(Object.keys(RECORD_WORDS) as ReadonlyArray<keyof RecordFidelity>)
    .filter((what) => keepsOfRecord(from, what) && !keepsOfRecord(to, what)).map((what) => RECORD_WORDS[what]),
  ...(from.time !== undefined && to.time !== undefined && from.time < to.time ? ["fractions of a second of time"] : []),
]
