/** Owner, mode and time of what is restored. */
import type * as fs from "node:fs"
import type { EntryKind, Metadata } from "../../stages/walk/entry.ts"
import { errorSentence } from "./errno.ts"
import type { Handle } from "./handle.ts"
import { READ_TIME_RESOLUTION, WRITE_TIME_RESOLUTION } from "./native.ts"

/** What of an entry's metadata is to be set. Absent: left as it is. */
export interface Wanted {
  readonly mode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  readonly mtime?: bigint | undefined
}

/**
 * What a restore sets. The setuid and setgid bits of a file mean "as its owner", so they are kept only where the file gets the
 * owner that is recorded: a program of somebody else must not become one that runs as whoever restores it.
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
export type Have = Pick<fs.BigIntStats, "mode" | "uid" | "gid" | "mtimeNs">

const sameTime = (have: Have, time: bigint | undefined): boolean =>
  time === undefined || (time > have.mtimeNs ? time - have.mtimeNs : have.mtimeNs - time) < timeResolution

const sameOwner = (have: Have, want: Wanted): boolean =>
  (want.uid === undefined || want.uid === Number(have.uid)) && (want.gid === undefined || want.gid === Number(have.gid))

const sameMode = (have: Have, mode: number | undefined): boolean =>
  mode === undefined || mode === Number(have.mode & 0o7777n)

/** Whether there is nothing to set, as far as this runtime can tell times apart. */
export const sameAttributes = (have: Have, want: Wanted): boolean =>
  sameMode(have, want.mode) && sameOwner(have, want) && sameTime(have, want.mtime)

/**
 * Sets what differs: the owner first, as that clears setuid and setgid. Returns a sentence about what could not be set;
 * when that is the owner, setuid and setgid are not set either.
 */
export const setAttributes = (handle: Handle, want: Wanted, have: Have = handle.stats()): string | undefined => {
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
  if (!sameTime(have, want.mtime)) attempt("modification time", () => handle.setTime(want.mtime!))
  return problem
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
