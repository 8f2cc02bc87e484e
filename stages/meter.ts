/** Progress of a backup from two sides: what is recorded is certain, what was read since then is shown ahead of it. */

/** Counts so far. */
export interface Counted {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly path: string
}

/** Takes both sides. */
export interface Meter {
  /** For `RecordOptions.progress`. */
  readonly recorded: (now: Counted) => void
  /** For `OnRead`. */
  readonly read: (path: string, bytes: number) => void
}

export const makeMeter = (progress: ((now: Counted) => void) | undefined): Meter => {
  let last: Counted = { files: 0, directories: 0, bytes: 0, path: "" }
  let ahead = 0
  return {
    recorded: (now) => {
      last = now
      ahead = 0
      progress?.(now)
    },
    read: (path, bytes) => {
      ahead += bytes
      progress?.({ ...last, bytes: last.bytes + ahead, path })
    },
  }
}
