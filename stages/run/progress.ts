/**
 * Progress of a backup from two sides: what is recorded is certain, what was read since then is shown ahead of it. It
 * never goes back.
 */

import * as Context from "effect/Context"

/** Told of content bytes as they are read. */
export type OnRead = (path: string, bytes: number) => void

/** Told of content as it is read, by any executor: for progress within large files. */
export const ReadProgress: Context.Reference<OnRead> = Context.Reference("penstock/ReadProgress", {
  defaultValue: (): OnRead => () => {},
})

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
  /** For `ReadProgress`. */
  readonly read: OnRead
}

export const makeMeter = (progress: ((now: Counted) => void) | undefined): Meter => {
  let last: Counted = { files: 0, directories: 0, bytes: 0, path: "" }
  let ahead = 0
  let shown = 0
  const show = (now: Counted): void => {
    // Of files that are read at once one is recorded while others are on their way; what was shown of them stays shown.
    shown = Math.max(shown, now.bytes)
    progress?.({ ...now, bytes: shown })
  }
  return {
    recorded: (now) => {
      last = now
      ahead = 0
      show(now)
    },
    read: (path, bytes) => {
      ahead += bytes
      show({ ...last, bytes: last.bytes + ahead, path })
    },
  }
}
