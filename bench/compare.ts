/** Whether two trees are the same: names, kinds, modes, owners, mtimes, symlink targets and every byte of content. */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from "node:fs"
import { join } from "node:path"

const kindOf = (status: Stats): string =>
  status.isFile() ? "file" : status.isDirectory() ? "directory" : status.isSymbolicLink() ? "symlink" : "other"

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

/**
 * The first difference as a sentence, or undefined. mtimes may differ by 2 ms, because a runtime may keep milliseconds only; the mtime of the
 * top directory and those of symlinks are not compared, because not every tool keeps them.
 */
export const difference = (source: string, restored: string, path = ""): string | undefined => {
  const [a, b] = [join(source, path), join(restored, path)]
  const [one, other] = [lstatSync(a), lstatSync(b)]
  const kind = kindOf(one)
  if (kindOf(other) !== kind) return `${path} is a ${kindOf(other)}, was a ${kind}`
  if (kind === "symlink") return readlinkSync(a) === readlinkSync(b) ? undefined : `${path} points to something else`
  if (path !== "") {
    if (one.mode !== other.mode) return `${path} has another mode`
    if (one.uid !== other.uid || one.gid !== other.gid) return `${path} has another owner`
    if (Math.abs(one.mtimeMs - other.mtimeMs) > 2) return `${path} has another mtime`
  }
  if (kind === "directory") {
    const [names, others] = [readdirSync(a).sort(), readdirSync(b).sort()]
    const odd = names.find((name, i) => others[i] !== name) ?? others[names.length]
    if (odd !== undefined) return `${join(path, odd)} is in one of the trees only`
    for (const name of names) {
      const found = difference(source, restored, join(path, name))
      if (found !== undefined) return found
    }
  }
  return kind !== "file" || (one.size === other.size && sameContent(a, b)) ? undefined : `${path} has other content`
}
