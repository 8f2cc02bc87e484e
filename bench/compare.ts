/** Compares two trees: names, kinds, modes, owners, mtimes, symlink targets and every byte of content. */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from "node:fs"
import { join } from "node:path"
import { type Fidelity, wholeFidelity } from "../stages/walk/fidelity.ts"
import type { EntryKind } from "../stages/walk/entry.ts"

/** What a program keeps of a tree. */
export interface Kept extends Fidelity {
  /** Whether directories have their own mtime after a restore; true by default. */
  readonly directoryMtimes?: boolean
}

/** What is compared but not kept, in words. */
export const lostOf = (kept: Kept): ReadonlyArray<string> => [
  ...wholeFidelity.kinds.filter((kind) => !kept.kinds.includes(kind)).map((kind) => `entries of kind ${kind}`),
  ...(kept.mode === true ? [] : [kept.mode === "execute" ? "modes except the execute bit" : "modes"]),
  ...(kept.owner ? [] : ["owners"]),
  ...(kept.mtime === undefined ? ["mtimes"] : kept.mtime >= 1e9 ? ["fractions of a second of mtimes"] : []),
  ...(kept.directoryMtimes === false ? ["mtimes of directories"] : []),
]

const kindOf = (status: Stats): EntryKind =>
  status.isFile()
    ? "file"
    : status.isDirectory()
    ? "directory"
    : status.isSymbolicLink()
    ? "symlink"
    : status.isFIFO()
    ? "fifo"
    : status.isSocket()
    ? "socket"
    : status.isBlockDevice()
    ? "block"
    : "character"

const buffers = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)] as const

const sameContent = (a: string, b: string): boolean => {
  const [one, other] = [openSync(a, "r"), openSync(b, "r")]
  try {
    for (;;) {
      const read = readSync(one, buffers[0])
      if (readSync(other, buffers[1]) !== read) return false
      if (read === 0) return true
      if (buffers[0].compare(buffers[1], 0, read, 0, read) !== 0) return false
    }
  } finally {
    closeSync(one)
    closeSync(other)
  }
}

const OWNER_EXECUTES = 0o100
/** The tolerance: a runtime may keep only milliseconds. */
const MTIME_MS = 2

const metadataDiffers = (one: Stats, other: Stats, kept: Kept): string | undefined => {
  const compared = kept.mode === true ? ~0 : kept.mode === "execute" && one.isFile() ? OWNER_EXECUTES : 0
  if ((one.mode & compared) !== (other.mode & compared)) return "mode"
  if (kept.owner && (one.uid !== other.uid || one.gid !== other.gid)) return "owner"
  if (kept.mtime === undefined || (one.isDirectory() && kept.directoryMtimes === false)) return undefined
  return Math.abs(one.mtimeMs - other.mtimeMs) > Math.max(MTIME_MS, kept.mtime / 1e6) ? "mtime" : undefined
}

/**
 * The first difference in what is `kept`, as a sentence; undefined if there is none. The mtimes of the top directory
 * and of symlinks are not compared, because not every tool keeps them.
 */
export const difference = (
  source: string,
  restored: string,
  kept: Kept = wholeFidelity,
  path = "",
): string | undefined => {
  const [a, b] = [join(source, path), join(restored, path)]
  const [one, other] = [lstatSync(a), lstatSync(b)]
  const kind = kindOf(one)
  if (kindOf(other) !== kind) return `${path} is a ${kindOf(other)}, was a ${kind}`
  if (kind === "symlink") return readlinkSync(a) === readlinkSync(b) ? undefined : `${path} points to something else`
  const odd = path === "" ? undefined : metadataDiffers(one, other, kept)
  if (odd !== undefined) return `${path} has another ${odd}`
  if (kind === "directory") {
    const hasKind = (name: string): boolean => kept.kinds.includes(kindOf(lstatSync(join(a, name))))
    const [names, others] = [readdirSync(a).filter(hasKind).sort(), readdirSync(b).sort()]
    const odd = names.find((name, i) => others[i] !== name) ?? others[names.length]
    if (odd !== undefined) return `${join(path, odd)} is in one of the trees only`
    for (const name of names) {
      const found = difference(source, restored, kept, join(path, name))
      if (found !== undefined) return found
    }
  }
  return kind !== "file" || (one.size === other.size && sameContent(a, b)) ? undefined : `${path} has other content`
}
