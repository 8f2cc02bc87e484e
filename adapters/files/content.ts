/** The content of a file on disk, as a synchronous reader. */
import * as fs from "node:fs"
import type { Reader, ReaderContent } from "../../stages/walk/entry.ts"
import { SourceError } from "../../stages/walk/source.ts"
import { errorCode, sourceError } from "./errno.ts"
import { isRegular, metadataOf } from "./metadata.ts"
import { nativePath } from "./native.ts"

/** Plain data that names a file as a walk saw it; may be sent to a worker. */
export interface LocalLocator {
  /** Absolute, in the encoding of `stages/walk/path.ts`. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
}

/** Never follows a symlink and never waits for the writer of a fifo, whatever took the file's place. */
export const READ_SAFELY: number = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) |
  (fs.constants.O_NONBLOCK ?? 0)

/**
 * Content of the file that a locator names. `open` throws a {@link SourceError}: `changed` when another file, or something
 * that is not a file, took its place; `not-found`, `denied` or `io`.
 */
export const localContent = (locator: LocalLocator): ReaderContent => new LocalContent(locator)

/** One object per file and no closures: a walk makes very many of these. */
class LocalContent implements ReaderContent {
  readonly locator: LocalLocator
  constructor(locator: LocalLocator) {
    this.locator = locator
  }
  readonly open = (): Reader => {
    const { path, device, inode } = this.locator
    let fd: number
    try {
      fd = fs.openSync(nativePath(path, ""), READ_SAFELY)
    } catch (cause) {
      throw errorCode(cause) === "ELOOP" || errorCode(cause) === "ENXIO" ? replaced(path) : sourceError(path, cause)
    }
    try {
      const stats = fs.fstatSync(fd, { bigint: true })
      if (!isRegular(stats) || stats.dev !== device || stats.ino !== inode) throw replaced(path)
      return new LocalReader(path, fd, stats)
    } catch (cause) {
      fs.closeSync(fd)
      throw sourceError(path, cause)
    }
  }
}

const replaced = (path: string): SourceError =>
  new SourceError({
    reason: "changed",
    path,
    message: "It was replaced by something else while the directory was read",
  })

class LocalReader implements Reader {
  readonly #path: string
  readonly #opened: fs.BigIntStats
  readonly #size: number
  #fd: number
  #position = 0

  constructor(path: string, fd: number, opened: fs.BigIntStats) {
    this.#path = path
    this.#fd = fd
    this.#opened = opened
    this.#size = Number(opened.size)
  }

  /** Ends at the size that the file had when it was opened, so a file that grows without end has an end. Size 0 may mean "unknown" (/proc). */
  readonly read = (into: Uint8Array): number => {
    let filled = 0
    try {
      while (filled < into.length) {
        const rest = this.#size === 0 ? Infinity : this.#size - this.#position
        const wanted = Math.min(into.length - filled, rest)
        if (wanted === 0) break
        const count = fs.readSync(this.#fd, into, filled, wanted, null)
        if (count === 0) break
        filled += count
        this.#position += count
      }
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
    return filled
  }

  /** `size` is what was read. */
  readonly finish = (): ReturnType<Reader["finish"]> => {
    try {
      const now = fs.fstatSync(this.#fd, { bigint: true })
      const opened = this.#opened
      return {
        changed: now.size !== opened.size || now.mtimeNs !== opened.mtimeNs || now.ctimeNs !== opened.ctimeNs ||
          BigInt(this.#position) !== now.size,
        size: this.#position,
        metadata: metadataOf(now),
      }
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
  }

  readonly close = (): void => {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) fs.closeSync(fd)
  }
}
