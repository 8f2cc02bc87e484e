/** Batches of new files that another thread writes: what it is told of them, and how it writes them. */
import * as fs from "node:fs"
import { removeQuietly } from "../system/native.ts"
import { createNew, putAll } from "../system/open.ts"

/** How many numbers there are about each file; see {@link FileFacts}. */
export const FACTS = 8

/** What the thread is told of a file, beside its name. */
export interface FileFacts {
  /** Where its content is in the memory that the threads share, in bytes. */
  readonly offset: number
  /** The length of its content in bytes. */
  readonly length: number
  /** The number in its temporary name. */
  readonly temporary: number
  /** The mode to make the file with. */
  readonly made: number
  /** The owner to give it; -1 when a new file has it anyway. */
  readonly uid: number
  readonly gid: number
  /** The mode to give it at the end; -1 when it has it already. */
  readonly mode: number
  /** The modification time to set, in seconds since 1970; NaN when there is none. */
  readonly time: number
}

/** Files that are sent to the thread together. */
export interface Batch {
  /** Absolute paths. */
  readonly names: ReadonlyArray<string>
  /** {@link FACTS} numbers for each file, in the order of {@link FileFacts}. */
  readonly facts: Float64Array
}

/** What the thread is told at its start. */
export interface BatchStart {
  /** The memory with the contents. */
  readonly shared: SharedArrayBuffer
  /** A temporary name is this and a number. */
  readonly prefix: string
}

/**
 * Writes the files. Each is written under a temporary name in its directory and then renamed. Returns the positions of
 * the files that could not be written.
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
