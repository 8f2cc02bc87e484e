/** The progress line: what is done, how fast, and how long it may take. */
import type { Progress } from "../../formats/repository.ts"
import { displayPath } from "../../stages/walk/path.ts"
import type { Output } from "./output.ts"
import { plural, showBytes, showDuration } from "./quantity.ts"

/** At most ten lines a second: more cannot be read. */
const INTERVAL = 100

/** Shows the progress of a backup; `total` is how many bytes the snapshot before had, when there was one. */
export const backupMeter = (out: Output, total: number | undefined): (progress: Progress) => void => {
  const show = meter(out)
  return ({ files, bytes, path }) => show(() => ({ done: bytes, total, left: plural(files, "file"), path }))
}

/** What a progress line shows. */
export interface Shown {
  /** Bytes. */
  readonly done: number
  /** Bytes, when known or likely. */
  readonly total?: number | undefined
  /** First on the line. */
  readonly left: string
  readonly path?: string
}

/** Shows progress now and then: `shown` is called only when a line is due. */
export const meter = (out: Output): (shown: () => Shown) => void => {
  const start = performance.now()
  let last = 0
  return (shown) => {
    const now = performance.now()
    if (!out.live || now - last < INTERVAL) return
    last = now
    const { done, total, left, path } = shown()
    const rate = done / Math.max(0.001, (now - start) / 1000)
    const eta = total !== undefined && total > done && rate > 0 ? `, ETA ${showDuration((total - done) / rate)}` : ""
    const of = total !== undefined && total >= done ? ` of ${showBytes(total)}` : ""
    out.status(
      `${left}, ${showBytes(done)}${of}, ${showBytes(Math.round(rate))}/s${eta}${path ? `  ${displayPath(path)}` : ""}`,
    )
  }
}
