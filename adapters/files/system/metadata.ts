/** Turns what `lstat` gives into the kind and metadata of an entry. */
import * as fs from "node:fs"
import type { EntryKind, Metadata } from "../../../stages/walk/entry.ts"
import type { Stats } from "./stats.ts"

const FORMAT = 0o170000
const DIRECTORY = 0o040000
const REGULAR = 0o100000
const kinds: ReadonlyMap<number, EntryKind> = new Map<number, EntryKind>([
  [REGULAR, "file"],
  [DIRECTORY, "directory"],
  [0o120000, "symlink"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
  [0o020000, "character"],
  [0o060000, "block"],
])

/** The kind of what `lstat` or `fstat` described; undefined for kinds that are not known here. */
export const kindOf = (stats: Stats): EntryKind | undefined => kinds.get(Number(stats.mode) & FORMAT)

/** Whether it is a directory, and not a symlink to one. */
export const isDirectory = (stats: Stats): boolean => (Number(stats.mode) & FORMAT) === DIRECTORY

/** Whether it is a regular file, and not a symlink to one. */
export const isRegular = (stats: Stats): boolean => (Number(stats.mode) & FORMAT) === REGULAR

/** Everything that is known of an entry beside its content. */
export const metadataOf = (stats: Stats): Metadata => {
  const { ctimeNs: ctime, dev: device, ino: inode, mtimeNs: mtime } = stats
  const mode = Number(stats.mode) & 0o7777
  const uid = Number(stats.uid)
  const gid = Number(stats.gid)
  const user = users().get(uid)
  const group = groups().get(gid)
  // Nearly all have both names, and spreading objects is slow.
  if (user !== undefined && group !== undefined && mtime !== undefined) {
    return { mode, uid, gid, user, group, mtime, ctime, inode, device }
  }
  return {
    mode,
    uid,
    gid,
    ...(user === undefined ? undefined : { user }),
    ...(group === undefined ? undefined : { group }),
    ...(mtime === undefined ? undefined : { mtime }),
    ctime,
    inode,
    device,
  }
}

/** The major and minor number of a device, unpacked as Linux packs them (`gnu_dev_major` of the C library). */
export const deviceOf = (rdev: bigint): { readonly major: number; readonly minor: number } => ({
  major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
  minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
})

/**
 * Reads names by number from a file such as /etc/passwd (`name:x:number:...`), once for the process: a walk asks for
 * each entry. Gives no names when the file cannot be read.
 */
const names = (file: string): () => ReadonlyMap<number, string> => {
  let found: Map<number, string> | undefined
  return () => {
    if (found !== undefined) return found
    found = new Map()
    try {
      for (const line of fs.readFileSync(file, "utf8").split("\n")) {
        const [name, , number] = line.split(":")
        if (name && number && /^\d+$/.test(number) && !found.has(Number(number))) found.set(Number(number), name)
      }
    } catch {
      // Names are optional: without them owners are numbers.
    }
    return found
  }
}

/** The names of users by their numbers. */
export const users: () => ReadonlyMap<number, string> = names("/etc/passwd")
const groups: () => ReadonlyMap<number, string> = names("/etc/group")
