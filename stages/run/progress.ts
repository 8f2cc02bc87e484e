/**
 * The progress of a backup. It comes from two sides: entries that are recorded are certain, and bytes that were read
 * since then are shown ahead of them. Progress never goes back.
 */
import * as Context from "effect/Context"

/** Is called with the path of an entry when this many bytes of its content were read. */
export type OnRead = (path: string, bytes: number) => void

/** Is called when any executor reads content: for progress within large files. Does nothing by default. */
export const ReadProgress: Context.Reference<OnRead> = Context.Reference("penstock/ReadProgress", {
  defaultValue: (): OnRead => () => {},
})

/** What is recorded so far. */
export interface Counted {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly path: string
}

/** Puts both sides together. */
export interface Meter {
  /** For `RecordOptions.progress`. */
  readonly recorded: (now: Counted) => void
  /** For `ReadProgress`. */
  readonly read: OnRead
}

/** Makes a meter that calls `progress`. */
export const makeMeter = (progress: ((now: Counted) => void) | undefined): Meter => {
  let last: Counted = { files: 0, directories: 0, bytes: 0, path: "" }
  let ahead = 0
  let shown = 0
  const show = (now: Counted): void => {
    // One file is recorded while others, read at the same time, are on their way. What was shown of those stays shown.
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
