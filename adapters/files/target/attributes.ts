/** Sets the owner, mode and time of what is restored. */
import type { EntryKind, Metadata } from "../../../stages/walk/entry.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { errorSentence } from "../system/errno.ts"
import type { Handle } from "../system/handle.ts"
import { READ_TIME_RESOLUTION, WRITE_TIME_RESOLUTION } from "../system/native.ts"
import type { Stats } from "../system/stats.ts"

/** The metadata to set. An absent field is left as it is. */
export interface Wanted {
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly mtime?: bigint | undefined
}

/**
 * The metadata that a restore sets. `owner`: whether owners are restored.
 *
 * With the setuid or setgid bit, a program runs as its owner or group. These bits are kept only when the file gets the
 * recorded owner or group. Otherwise somebody else's program would run as the user who restores it.
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

/** The metadata that a file or directory has now. */
export type Have = Pick<Stats, "mode" | "uid" | "gid" | "mtimeNs">

/** Whether a time is the wanted one, as far as this runtime can tell. */
export const sameTime = (have: Pick<Have, "mtimeNs">, time: bigint | undefined): boolean =>
  time === undefined || have.mtimeNs !== undefined && distance(time, have.mtimeNs) < resolutionAt(time)

/** Times are set as doubles of seconds with 53 bits: the farther from 1970, the less of the fraction they hold. */
const resolutionAt = (time: bigint): bigint => {
  const steps = isFar(time) ? distance(time, 0n) >> 50n : 0n
  return steps > timeResolution ? steps : timeResolution
}

const distance = (a: bigint, b: bigint): bigint => a > b ? a - b : b - a

/** Whether some file systems cannot hold a time: it is more than 2^31 seconds from 1970. */
export const isFar = (time: bigint): boolean => time >= 2_147_483_648_000_000_000n || time < -2_147_483_648_000_000_000n

const sameOwner = (have: Have, want: Wanted): boolean =>
  (want.uid === undefined || want.uid === Number(have.uid)) && (want.gid === undefined || want.gid === Number(have.gid))

const sameMode = (have: Have, mode: number | undefined): boolean =>
  mode === undefined || mode === Number(have.mode & 0o7777n)

/** Whether there is nothing to set. Times count as equal when this runtime cannot tell them apart. */
export const sameAttributes = (have: Have, want: Wanted): boolean =>
  sameMode(have, want.mode) && sameOwner(have, want) && sameTime(have, want.mtime)

/** What could not be set. `problem`: a failure, `lost`: what the file system cannot hold; one sentence each. */
export interface Unset {
  readonly problem?: string
  readonly lost?: string
}

/** The result of an entry after its attributes were set. */
export const withUnset = (written: Written, { lost, problem }: Unset): Written =>
  problem !== undefined
    ? { path: written.path, outcome: "failed", message: problem }
    : lost !== undefined && !("message" in written)
    ? { ...written, lost }
    : written

/**
 * Sets what differs from `have`. The owner comes first, because setting it clears setuid and setgid. When the owner
 * cannot be set, setuid and setgid are not set either.
 */
export const setAttributes = (handle: Handle, want: Wanted, have: Have = handle.stats()): Unset => {
  let what = "owner"
  let problem: string | undefined
  let mode = want.mode
  const set = (name: string, change: () => void): void => {
    what = name
    try {
      change()
    } catch (cause) {
      problem ??= `Its ${what} could not be set: ${errorSentence(cause)}`
    }
  }
  const chown = !sameOwner(have, want)
  if (chown) set("owner", () => handle.setOwner(want.uid ?? Number(have.uid), want.gid ?? Number(have.gid)))
  if (problem !== undefined && mode !== undefined) mode &= ~0o6000
  if (mode !== undefined && (chown || !sameMode(have, mode))) set("mode", () => handle.setMode(mode))
  const { mtime } = want
  if (!sameTime(have, mtime)) {
    set("modification time", () => handle.setTime(mtime!))
    // A file system sets the nearest time that it can hold, and does not report that.
    if (isFar(mtime!) && problem === undefined && !sameTime(handle.stats(), mtime)) {
      return { lost: "The file system cannot hold its modification time, and took the nearest one that it can" }
    }
  }
  return problem === undefined ? {} : { problem }
}

/** The owner and mode to set so that `have` becomes `want`; -1 for each that need not be set. */
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
