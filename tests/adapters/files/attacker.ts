/** A thread that swaps directories for symlinks and back as fast as it can, until it is stopped. */
import * as fs from "node:fs"
import { workerData } from "node:worker_threads"

const { aside, inside, outside, stop, swaps } = workerData as {
  /** The directory whose directories are swapped, and the place where they are put meanwhile. */
  readonly inside: string
  readonly aside: string
  readonly outside: string
  readonly stop: Int32Array
  readonly swaps: Int32Array
}

const attempt = (change: () => void): boolean => {
  try {
    change()
    return true
  } catch {
    return false
  }
}

while (Atomics.load(stop, 0) === 0) {
  for (const name of fs.readdirSync(inside)) {
    const at = `${inside}/${name}`
    if (name.startsWith(".") || !attempt(() => fs.renameSync(at, `${aside}/${name}`))) continue
    if (attempt(() => fs.symlinkSync(outside, at))) {
      Atomics.add(swaps, 0, 1)
      // Long enough for some system calls.
      for (const until = performance.now() + 0.2; performance.now() < until;);
      attempt(() => fs.unlinkSync(at))
    }
    attempt(() => fs.renameSync(`${aside}/${name}`, at))
  }
}
