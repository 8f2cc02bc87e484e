/** New files that are written together by another thread: what it is told of them, and how it writes them. */
import * as fs from "node:fs"
import { removeQuietly } from "../system/native.ts"
import { createNew, putAll } from "../system/open.ts"

/** Numbers about each file: see {@link FileFacts}. */
export const FACTS = 8

/** What the thread is told of a file beside its name. */
export interface FileFacts {
  /** Where its content is in the memory that the threads share. */
  readonly offset: number
  readonly length: number
  /** Number of its temporary name. */
  readonly temporary: number
  /** The mode to make it with. */
  readonly made: number
  /** Owner to give it; -1 when it has that already. */
  readonly uid: number
  readonly gid: number
  /** Mode to give it; -1 when it has that already. */
  readonly mode: number
  /** Modification time in seconds; NaN when there is none to set. */
  readonly time: number
}

/** Some files. */
export interface Batch {
  /** Absolute paths. */
  readonly names: ReadonlyArray<string>
  /** `FACTS` for each, in the order of {@link FileFacts}. */
  readonly facts: Float64Array
}

/** What a thread starts with. */
export interface BatchStart {
  readonly shared: SharedArrayBuffer
  /** Temporary names are this and a number. */
  readonly prefix: string
}

/**
 * Writes the files, each under a temporary name beside its own one first. Returns the places of those that it could
 * not.
 */
export const writeBatch = ({ facts, names }: Batch, { prefix, shared }: BatchStart): ReadonlyArray<number> => {
  const failed: Array<number> = []
  for (const [i, name] of names.entries()) {
    const [offset, length, temporary, made, uid, gid, mode, time] = facts.subarray(i * FACTS, (i + 1) * FACTS)
    const temp = `${name.slice(0, name.lastIndexOf("/") + 1)}${prefix}${temporary}`
    let ours = false
    try {
      const fd = createNew(temp, made!)
      ours = true
      try {
        putAll(fd, new Uint8Array(shared, offset, length), 0, length!, null)
        if (uid !== -1) fs.fchownSync(fd, uid!, gid!)
        if (mode !== -1) fs.fchmodSync(fd, mode!)
        if (!Number.isNaN(time)) fs.futimesSync(fd, time!, time!)
      } finally {
        fs.closeSync(fd)
      }
      fs.renameSync(temp, name)
    } catch {
      if (ours) removeQuietly(temp)
      failed.push(i)
    }
  }
  return failed
}
