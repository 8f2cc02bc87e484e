/** What formats keep of the record of a snapshot, beside its entries. */

/** What a format keeps of a snapshot's record. */
export interface RecordFidelity {
  /** Whether tags are kept. */
  readonly tags: boolean
  /** Whether the name of the machine is kept. */
  readonly hostname: boolean
  /** Whether the name of the user is kept. */
  readonly username: boolean
  /** Whether the paths that were backed up are kept. */
  readonly paths: boolean
  /** Resolution in milliseconds; undefined: not kept. */
  readonly time: number | undefined
}

/** Keeps all of it. */
export const wholeRecord: RecordFidelity = { tags: true, hostname: true, username: true, paths: true, time: 1 }

/** What each is to people. */
export const RECORD_WORDS: Readonly<Record<keyof RecordFidelity, string>> = {
  tags: "tags",
  hostname: "host name",
  username: "user name",
  paths: "paths",
  time: "time",
}

/** Whether any of it is kept. */
export const keepsOfRecord = (fidelity: RecordFidelity, what: keyof RecordFidelity): boolean =>
  fidelity[what] !== false && fidelity[what] !== undefined

/** What the second does not keep of a record that the first keeps: clauses, none when it keeps all. */
export const recordLossesBetween = (from: RecordFidelity, to: RecordFidelity): ReadonlyArray<string> => [
  ...(Object.keys(RECORD_WORDS) as ReadonlyArray<keyof RecordFidelity>)
    .filter((what) => keepsOfRecord(from, what) && !keepsOfRecord(to, what)).map((what) => RECORD_WORDS[what]),
  ...(from.time !== undefined && to.time !== undefined && from.time < to.time ? ["fractions of a second of time"] : []),
]
