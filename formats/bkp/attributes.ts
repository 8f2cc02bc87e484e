/** From the metadata of an entry to the attributes of an object and back. SPEC.md, "Attributes". */
import type { Metadata } from "../../stages/walk/entry.ts"
import type { Attributes } from "./objects.ts"

const SECOND = 1_000_000_000n
const PERMISSIONS = 0o7777
/**
 * Set with any of the flags, so that they are never taken for the type bits of `st_mode`, of which no value is odd and
 * above 1.
 */
const FLAGGED = 0x1000
const NO_MODE = 0x2000
const NO_MTIME = 0x4000
const IMPLIED = 0x8000

/** Seconds from nanoseconds; what is before 1970 becomes that. */
const seconds = (time: bigint): bigint => time < 0n ? 0n : time / SECOND

/** `implied`: the directory was not in what was stored, and stands only for what is beneath it. */
export const toAttributes = ({ ctime, mode, mtime }: Metadata, usual: number, implied = false): Attributes => {
  const flags = (mode === undefined ? NO_MODE : 0) | (mtime === undefined ? NO_MTIME : 0) | (implied ? IMPLIED : 0)
  const time = seconds(mtime ?? 0n)
  return {
    mtime: time,
    // Entries do not have it: no later access is known than that which wrote the content.
    atime: time,
    ctime: seconds(ctime ?? 0n),
    mode: (mode === undefined ? usual : mode & PERMISSIONS) | (flags === 0 ? 0 : FLAGGED | flags),
  }
}

/** With the time of access that an earlier object of the same file has, unless the file was written since. */
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

/** Whether a directory stands only for what is beneath it. */
export const isImplied = ({ mode }: Attributes): boolean => (flagsOf(mode) & IMPLIED) !== 0
