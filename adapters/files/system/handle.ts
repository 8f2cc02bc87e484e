/** Looks at and changes one thing on disk, through a descriptor where that is possible. */
import * as fs from "node:fs"
import { O_PATH } from "./descriptors.ts"
import { type Directory, Replaced } from "./directory.ts"
import type { EntryKind } from "../../../stages/walk/entry.ts"
import { kindOf } from "./metadata.ts"
import { type NativePath, setLinkTime, setPathTime, setTime } from "./native.ts"
import { type Stats, statsAt, statsOfOpen } from "./stats.ts"

/** A file, directory, symlink, fifo or device node. All methods throw errors of `node:fs`. */
export interface Handle {
  readonly stats: () => Stats
  readonly setOwner: (uid: number, gid: number) => void
  readonly setMode: (mode: number) => void
  /** Sets the modification time, in nanoseconds since 1970. */
  readonly setTime: (time: bigint) => void
}

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants

/** The file that is open as `fd`, at `path`. */
export const fileHandle = (fd: number, path: NativePath): Handle => ({
  stats: () => statsOfOpen(fd),
  setOwner: (uid, gid) => fs.fchownSync(fd, uid, gid),
  setMode: (mode) => fs.fchmodSync(fd, mode),
  setTime: (time) => setTime(fd, path, time),
})

/** What a path through a descriptor leads to. It is what the descriptor holds, even when that is a symlink. */
const heldHandle = (path: NativePath, stats: () => Stats): Handle => ({
  stats,
  setOwner: (uid, gid) => fs.chownSync(path, uid, gid),
  setMode: (mode) => fs.chmodSync(path, mode),
  setTime: (time) => setPathTime(path, time),
})

/** What is at a path at the time of each call. */
const pathHandle = (path: NativePath): Handle => ({
  stats: () => statsAt(path),
  setOwner: (uid, gid) => fs.lchownSync(path, uid, gid),
  setMode: (mode) => fs.chmodSync(path, mode),
  setTime: (time) => setLinkTime(path, time),
})

/** Calls `use` with the handle of a directory. */
export const withDirectory = <A>(directory: Directory, use: (handle: Handle) => A): A => {
  if (directory.descriptors !== undefined) return use(heldHandle(directory.self, () => directory.stats()))
  const fd = fs.openSync(directory.self, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    return use(fileHandle(fd, directory.self))
  } finally {
    fs.closeSync(fd)
  }
}

/**
 * Calls `use` with the handle of a symlink, fifo or device node in a directory. Throws {@link Replaced} when it is not
 * of this kind. With `alone`, and where directories are held, also when it has another name, which may be anywhere.
 */
export const withNode = <A>(
  directory: Directory,
  name: string,
  { alone, kind }: { readonly alone: boolean; readonly kind: EntryKind },
  use: (handle: Handle) => A,
): A => {
  const path = directory.child(name)
  const { descriptors } = directory
  const check = (handle: Handle): Handle => {
    const stats = handle.stats()
    if (kindOf(stats) !== kind || alone && descriptors !== undefined && stats.nlink !== 1n) throw new Replaced()
    return handle
  }
  if (descriptors === undefined) return use(check(pathHandle(path)))
  const fd = fs.openSync(path, O_RDONLY | O_PATH | O_NOFOLLOW)
  try {
    return use(check(heldHandle(`${descriptors}${fd}`, () => statsOfOpen(fd))))
  } finally {
    fs.closeSync(fd)
  }
}
