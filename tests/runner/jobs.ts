/** What runs in one process, and in what order. */
import type { Runtime } from "../runtimes/command.ts"
import type { TestFile } from "./files.ts"

/** Files that run in one process. */
export interface Job {
  readonly runtime: Runtime
  readonly files: ReadonlyArray<TestFile>
  readonly seconds: number
}

/** A file that runs for less shares a process with its neighbours. */
const LIGHT_SECONDS = 3
/** A batch is no longer than this. */
const BATCH_SECONDS = 10

/** The folder of a file below `tests/`; those of one folder may share a process. */
const roomOf = ({ label }: TestFile): string => label.split("/").length > 2 ? label.split("/")[1]! : ""

/**
 * The jobs that run each file on its runtimes, the longest first. Without batches, each file has a process of its own.
 */
export const jobsOf = (
  places: ReadonlyMap<TestFile, ReadonlyArray<Runtime>>,
  batches: boolean,
): ReadonlyArray<Job> => {
  const jobs: Array<Job> = []
  const open = new Map<string, { runtime: Runtime; files: Array<TestFile>; seconds: number }>()
  for (const [file, on] of places) {
    for (const runtime of on) {
      if (!batches || file.alone || file.seconds >= LIGHT_SECONDS) {
        jobs.push({ runtime, files: [file], seconds: file.seconds })
        continue
      }
      const key = `${runtime} ${roomOf(file)}`
      const batch = open.get(key)
      if (batch === undefined || batch.seconds + file.seconds > BATCH_SECONDS) {
        const fresh = { runtime, files: [file], seconds: file.seconds }
        open.set(key, fresh)
        jobs.push(fresh)
      } else {
        batch.files.push(file)
        batch.seconds += file.seconds
      }
    }
  }
  return jobs.sort((a, b) => b.seconds - a.seconds)
}
