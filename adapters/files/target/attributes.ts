/** Owner, mode and time of what is restored. */
import type { EntryKind, Metadata } from "../../../stages/walk/entry.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { errorSentence } from "../system/errno.ts"
import type { Handle } from "../system/handle.ts"
import { READ_TIME_RESOLUTION, WRITE_TIME_RESOLUTION } from "../system/native.ts"
import type { Stats } from "../system/stats.ts"

/** What of an entry's metadata is to be set. Absent: left as it is. */
export interface Wanted {
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly mtime?: bigint | undefined
}

/**
 * What a restore sets. The setuid and setgid bits of a file mean "as its owner", so they are kept only where the file
 * gets the owner that is recorded: a program of somebody else must not become one that runs as whoever restores it.
 */
export const wantedOf = (kind: EntryKind, metadata: Metadata, owner: boolean): Wanted => {
  let mode = kind === "symlink" ? undefined : metadata.mode
  if (mode !== undefined && kind === "file" && (mode & 0o6000) !== 0) {
    if (metadata.uid === undefined || !(owner || metadata.uid === process.getuid?.())) mode &= ~0o4000
    if (metadata.gid === undefined || !(owner || metadata.gid === process.getgid?.())) mode &= ~0o2000
  }
  return {
    mode: mode === undefined ? undefined : mode & 0o7777,
    uid: owner ? metadata.uid : undefined,
    gid: owner ? metadata.gid : undefined,
    mtime: metadata.mtime,
  }
}

const timeResolution = BigInt(Math.max(READ_TIME_RESOLUTION, WRITE_TIME_RESOLUTION))

/** What a file or directory is like now. */
export type Have = Pick<Stats, "mode" | "uid" | "gid" | "mtimeNs">

const sameTime = (have: Have, time: bigint | undefined): boolean =>
  time === undefined || have.mtimeNs !== undefined && distance(time, have.mtimeNs) < resolutionAt(time)

/** Doubles of seconds have 53 bits: the farther a time, the less of its fraction they hold. */
const resolutionAt = (time: bigint): bigint => {
  const steps = isFar(time) ? distance(time, 0n) >> 50n : 0n
  return steps > timeResolution ? steps : timeResolution
}

const distance = (a: bigint, b: bigint): bigint => a > b ? a - b : b - a

/** Whether there are file systems that do not have a time: more than 2^31 seconds from 1970. */
export const isFar = (time: bigint): boolean => time >= 2_147_483_648_000_000_000n || time < -2_147_483_648_000_000_000n

const sameOwner = (have: Have, want: Wanted): boolean =>
  (want.uid === undefined || want.uid === Number(have.uid)) && (want.gid === undefined || want.gid === Number(have.gid))

const sameMode = (have: Have, mode: number | undefined): boolean =>
  mode === undefined || mode === Number(have.mode & 0o7777n)

/** Whether there is nothing to set, as far as this runtime can tell times apart. */
export const sameAttributes = (have: Have, want: Wanted): boolean =>
  sameMode(have, want.mode) && sameOwner(have, want) && sameTime(have, want.mtime)

/** What could not be set, a sentence each: it should have been, or the file system cannot hold it. */
export interface Unset {
  readonly problem?: string
  readonly lost?: string
}

/** The result for an entry whose attributes were set. */
export const withUnset = (written: Written, { lost, problem }: Unset): Written =>
  problem !== undefined
    ? { path: written.path, outcome: "failed", message: problem }
    : lost !== undefined && !("message" in written)
    ? { ...written, lost }
    : written

/**
 * Sets what differs: the owner first, as that clears setuid and setgid. When the owner cannot be set, setuid and setgid
 * are not set either.
 */
export const setAttributes = (handle: Handle, want: Wanted, have: Have = handle.stats()): Unset => {
  let what = "owner"
  let problem: string | undefined
  let mode = want.mode
  const attempt = (name: string, change: () => void): void => {
    what = name
    try {
      change()
    } catch (cause) {
      problem ??= `Its ${what} could not be set: ${errorSentence(cause)}`
    }
  }
  const chown = !sameOwner(have, want)
  if (chown) attempt("owner", () => handle.setOwner(want.uid ?? Number(have.uid), want.gid ?? Number(have.gid)))
  if (problem !== undefined && mode !== undefined) mode &= ~0o6000
  if (mode !== undefined && (chown || !sameMode(have, mode))) attempt("mode", () => handle.setMode(mode))
  const { mtime } = want
  if (!sameTime(have, mtime)) {
    attempt("modification time", () => handle.setTime(mtime!))
    // File systems set the nearest time that they have, and say nothing.
    if (isFar(mtime!) && problem === undefined && !sameTime(handle.stats(), mtime)) {
      return { lost: "The file system cannot hold its modification time, and took the nearest one that it can" }
    }
  }
  return problem === undefined ? {} : { problem }
}

/** The owner and mode that are to be set so that `have` becomes `want`; -1 where nothing is. */
export const changes = (
  have: Have,
  want: Wanted,
): { readonly uid: number; readonly gid: number; readonly mode: number } => {
  const chown = !sameOwner(have, want)
  return {
    uid: chown ? want.uid ?? Number(have.uid) : -1,
    gid: chown ? want.gid ?? Number(have.gid) : -1,
    mode: want.mode !== undefined && (chown || !sameMode(have, want.mode)) ? want.mode : -1,
  }
}
