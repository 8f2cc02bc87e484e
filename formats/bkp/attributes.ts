/** Converts the metadata of an entry to the attributes of an object and back. SPEC.md, "Attributes". */
import type { Metadata } from "../../stages/walk/entry.ts"
import type { Attributes } from "./objects.ts"

/** Nanoseconds. */
export const SECOND = 1_000_000_000n
const PERMISSIONS = 0o7777
/**
 * Set together with any of the flags below, which tells them from the type bits of `st_mode`: no file type has this bit
 * and another.
 */
const FLAGGED = 0x1000
const NO_MODE = 0x2000
const NO_MTIME = 0x4000
const IMPLIED = 0x8000

/** Seconds from nanoseconds. Times before 1970 become 1970. */
const seconds = (time: bigint): bigint => time < 0n ? 0n : time / SECOND

/**
 * `usual` is the mode if none is known. `implied` marks a directory that was not itself backed up, and is only there to
 * hold what is beneath it.
 */
export const toAttributes = ({ ctime, mode, mtime }: Metadata, usual: number, implied = false): Attributes => {
  const flags = (mode === undefined ? NO_MODE : 0) | (mtime === undefined ? NO_MTIME : 0) | (implied ? IMPLIED : 0)
  const time = seconds(mtime ?? 0n)
  return {
    mtime: time,
    // Entries have no time of access. The last access that is known for certain wrote the content.
    atime: time,
    ctime: seconds(ctime ?? 0n),
    mode: (mode === undefined ? usual : mode & PERMISSIONS) | (flags === 0 ? 0 : FLAGGED | flags),
  }
}

/** Attributes with the time of access of an earlier object of the same file, unless the file was written since. */
export const withAccess = (attributes: Attributes, earlier: Attributes | undefined): Attributes =>
  earlier === undefined || earlier.mtime !== attributes.mtime ? attributes : { ...attributes, atime: earlier.atime }

const flagsOf = (mode: number): number => (mode & FLAGGED) === 0 ? 0 : mode

export const toMetadata = ({ ctime, mode, mtime }: Attributes): Metadata => {
  const flags = flagsOf(mode)
  return {
    ...((flags & NO_MODE) === 0 ? { mode: mode & PERMISSIONS } : {}),
    ...((flags & NO_MTIME) === 0 ? { mtime: mtime * SECOND } : {}),
    ...(ctime === 0n ? {} : { ctime: ctime * SECOND }),
  }
}

/** Whether a directory was not itself backed up, and is only there to hold what is beneath it. */
export const isImplied = ({ mode }: Attributes): boolean => (flagsOf(mode) & IMPLIED) !== 0
