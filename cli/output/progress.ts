/** The progress line: the amount done, the rate, and the time left. */
import type { Progress } from "../../formats/repository.ts"
import { displayPath } from "../../stages/walk/path.ts"
import type { Output } from "./output.ts"
import { plural, showBytes, showDuration } from "./show.ts"

/** Time between two progress lines, in milliseconds. */
const INTERVAL_MS = 100

/** Shows the progress of a backup. `total` is the size of the snapshot before, in bytes, if there is one. */
export const makeBackupMeter = (out: Output, total: number | undefined): (progress: Progress) => void => {
  const show = makeMeter(out)
  return ({ files, bytes, path }) => show(() => ({ done: bytes, total, left: plural(files, "file"), path }))
}

/** The content of a progress line. */
export interface Shown {
  /** Bytes. */
  readonly done: number
  /** Bytes. Absent if unknown. It may be an estimate. */
  readonly total?: number | undefined
  /** The beginning of the line. */
  readonly left: string
  readonly path?: string
}

/** Makes a function that shows progress. It calls its argument only when a line is due. */
export const makeMeter = (out: Output): (shown: () => Shown) => void => {
  const start = performance.now()
  let last = 0
  return (shown) => {
    const now = performance.now()
    if (!out.live || now - last < INTERVAL_MS) return
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
