/** Entries of snapshots as rows of `--json`, and as lines for people. */
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath } from "../../stages/walk/path.ts"
import { showBytes, showMode, showPath, showTime } from "./show.ts"

/** What a row tells of an entry. */
export const entryMembers = (
  { kind, linkTo, metadata, path, rdev, size, target }: Entry,
): Readonly<Record<string, unknown>> => {
  const { gid, group, mode, mtime, uid, user } = metadata
  return { path, kind, size, mode, uid, gid, user, group, mtime, target, linkTo, rdev }
}

/** A time of a file: `2026-11-21 00:41:03`, or `?` where the format keeps none. */
export const showFileTime = (mtime: bigint | undefined): string =>
  mtime === undefined ? "?" : showTime(Number(mtime / 1_000_000n))

/** Everything about an entry, as `ls -l` shows it. With `human`, its size as people read it. */
export const longLine = ({ kind, metadata, path, rdev, size, target }: Entry, human = false): string => {
  const { mode, uid, gid, user, group, mtime } = metadata
  const owner = `${displayPath(user ?? String(uid ?? "?"))} ${displayPath(group ?? String(gid ?? "?"))}`
  const bytes = size === undefined ? "?" : human ? showBytes(size) : String(size)
  const bulk = rdev === undefined ? bytes : `${rdev.major}, ${rdev.minor}`
  const arrow = target === undefined ? "" : ` -> ${displayPath(target)}`
  const time = showFileTime(mtime).padEnd(19)
  return `${showMode(kind, mode)} ${owner.padEnd(16)} ${bulk.padStart(12)} ${time} ${showPath(path)}${arrow}`
}
