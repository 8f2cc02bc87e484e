/** The content of a file on disk, as a synchronous reader. */
import * as fs from "node:fs"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { Reader, ReaderContent } from "../../../stages/walk/entry.ts"
import { baseName, parentPath } from "../../../stages/walk/path.ts"
import { errorCode, sourceError } from "../system/errno.ts"
import { DESCRIPTORS, Held, type Identity, Replaced } from "../system/held.ts"
import { isRegular, metadataOf } from "../system/metadata.ts"
import { nativePath } from "../system/native.ts"
import { type Stats, statsOfOpen } from "../system/stats.ts"

/** Plain data that names a file as a walk saw it; may be sent to a worker. */
export interface LocalLocator extends Identity {
  readonly root: LocalRoot
  /** Relative to the root, in the encoding of `stages/walk/path.ts`. */
  readonly path: string
}

/** Plain data that names the directory that a walk began in. */
export interface LocalRoot extends Identity {
  /** Absolute. */
  readonly path: string
  /** Whether directories beneath it are held while something in them is opened; otherwise it goes by paths. */
  readonly held: boolean
}

/** Never follows a symlink and never waits for the writer of a fifo, whatever took the file's place. */
export const READ_SAFELY: number = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) |
  (fs.constants.O_NONBLOCK ?? 0)

/** What of an open file tells that it was changed. */
export interface FileState {
  readonly size: bigint
  readonly mtime: bigint | undefined
  readonly ctime: bigint
}

/** Reads a file from some place on. */
export interface PartReader extends Reader {
  /** As it was when it was opened. */
  readonly state: FileState
  /** As it is now. */
  readonly stateNow: () => FileState
}

/** Directories that one reader holds at once. */
const HELD = 16

/** The directories that are held beneath a root; undefined when none are. Throws a {@link SourceError}. */
export type HeldOf = (root: LocalRoot) => Held | undefined

/**
 * The directories beneath the root of a walk; to be closed. Throws a {@link SourceError} when it is not the same any
 * more.
 */
const holdRoot = (root: LocalRoot): Held => {
  try {
    return new Held(root.path, { limit: HELD, descriptors: root.held ? DESCRIPTORS : undefined, expected: root })
  } catch (cause) {
    throw cause instanceof Replaced ? replaced(root.path) : sourceError(root.path, cause)
  }
}

/** Runs `use` with directories that are held from one file to the next. */
export const holding = async <A>(use: (heldOf: HeldOf) => Promise<A>): Promise<A> => {
  const all = new Map<LocalRoot, Held>()
  try {
    return await use((root) => {
      let held = all.get(root)
      if (held === undefined) all.set(root, held = holdRoot(root))
      return held
    })
  } finally {
    for (const held of all.values()) held.close()
  }
}

/**
 * Content of the file that a locator names, opened by way of the directories that are held, if there are any. `open`
 * throws a {@link SourceError}: `changed` when another file, or something that is not a file, took its place;
 * `not-found`, `denied` or `io`.
 */
export const localContent = (locator: LocalLocator, heldOf?: HeldOf): ReaderContent => new LocalContent(locator, heldOf)

/** The same from an offset on. Throws as `open` does. */
export const openPart = (locator: LocalLocator, from: number): PartReader => openAt(locator, undefined, from)

/** One object per file and no closures: a walk makes very many of these. */
class LocalContent implements ReaderContent {
  readonly locator: LocalLocator
  readonly #heldOf: HeldOf | undefined
  constructor(locator: LocalLocator, heldOf: HeldOf | undefined) {
    this.locator = locator
    this.#heldOf = heldOf
  }
  open(): Reader {
    return openAt(this.locator, this.#heldOf, 0)
  }
}

const openFile = ({ path, root }: LocalLocator, heldOf: HeldOf | undefined): number => {
  if (!root.held) return fs.openSync(nativePath(root.path, path), READ_SAFELY)
  const held = heldOf?.(root)
  const here = held ?? holdRoot(root)
  try {
    return fs.openSync(here.at(parentPath(path)).child(baseName(path)), READ_SAFELY)
  } finally {
    if (here !== held) here.close()
  }
}

const openAt = (locator: LocalLocator, heldOf: HeldOf | undefined, from: number): LocalReader => {
  const { path, device, inode } = locator
  let fd: number
  try {
    fd = openFile(locator, heldOf)
  } catch (cause) {
    throw errorCode(cause) === "ELOOP" || errorCode(cause) === "ENXIO" ? replaced(path) : sourceError(path, cause)
  }
  try {
    const stats = statsOfOpen(fd)
    if (!isRegular(stats) || stats.dev !== device || stats.ino !== inode) throw replaced(path)
    return new LocalReader(path, fd, stats, from)
  } catch (cause) {
    fs.closeSync(fd)
    throw sourceError(path, cause)
  }
}

const replaced = (path: string): SourceError =>
  new SourceError({
    reason: "changed",
    path,
    message: "It was replaced by something else while the directory was read",
  })

const NONE: Uint8Array = new Uint8Array(0)
/** Files of size 0 are read in pieces of this length, whole ones, into this memory. */
const unsized: Uint8Array = new Uint8Array(64 << 10)
/** Files of size 0 that are longer are not stored: some have no end. */
const UNSIZED_MAXIMUM = 64 << 20
/** Reads are not made smaller than that. */
const SMALLEST = 4096

class LocalReader implements PartReader {
  readonly #path: string
  readonly #opened: Stats
  readonly #size: number
  #fd: number
  #position: number
  /** What was read of a file of size 0, and not taken yet. */
  #made: Uint8Array = NONE

  constructor(path: string, fd: number, opened: Stats, from: number) {
    this.#path = path
    this.#fd = fd
    this.#opened = opened
    this.#size = Number(opened.size)
    this.#position = from
  }

  get state(): FileState {
    return stateOf(this.#opened)
  }

  stateNow(): FileState {
    try {
      return stateOf(statsOfOpen(this.#fd))
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
  }

  /** Ends at the size that the file had when it was opened, so a file that grows without end has an end. */
  read(into: Uint8Array): number {
    let filled = 0
    try {
      while (filled < into.length) {
        const count = this.#size === 0
          ? this.#readUnsized(into, filled)
          : this.#readSized(into, filled, Math.min(into.length - filled, this.#size - this.#position))
        if (count === 0) break
        filled += count
        this.#position += count
      }
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
    return filled
  }

  #readSized(into: Uint8Array, at: number, length: number): number {
    for (let piece = length;; piece = Math.ceil(piece / 2)) {
      try {
        return piece <= 0 ? 0 : fs.readSync(this.#fd, into, at, piece, this.#position)
      } catch (cause) {
        // What the system makes up on reading, it may have no memory to make up at once.
        if (errorCode(cause) !== "ENOMEM" || piece <= SMALLEST) throw cause
      }
    }
  }

  /**
   * Of size 0 are empty files, and those of which the system makes the content up when it is read (/proc), often once,
   * from the start only.
   */
  #readUnsized(into: Uint8Array, at: number): number {
    if (this.#made.length === 0) {
      const count = fs.readSync(this.#fd, unsized, 0, unsized.length, this.#position)
      if (this.#position + count > UNSIZED_MAXIMUM) {
        throw new SourceError({
          reason: "io",
          path: this.#path,
          message: `It does not say its size, and does not end within ${UNSIZED_MAXIMUM >> 20} MiB`,
        })
      }
      // Copied, as other files are read before the rest of it is taken.
      this.#made = count > into.length - at ? unsized.slice(0, count) : unsized.subarray(0, count)
    }
    const part = this.#made.subarray(0, into.length - at)
    into.set(part, at)
    this.#made = this.#made.subarray(part.length)
    return part.length
  }

  /**
   * `size` is what was read. A size that is not true (/sys) is no change: the file ends where it ended, and all that is
   * known of it is as it was.
   */
  finish(): ReturnType<Reader["finish"]> {
    try {
      const now = statsOfOpen(this.#fd)
      const ended = this.#position >= this.#size || fs.readSync(this.#fd, unsized, 0, 1, this.#position) === 0
      return {
        changed: !ended || !sameState(stateOf(now), this.state),
        size: this.#position,
        metadata: metadataOf(now),
      }
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
  }

  close(): void {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) fs.closeSync(fd)
  }
}

const stateOf = ({ size, mtimeNs, ctimeNs }: Stats): FileState => ({ size, mtime: mtimeNs, ctime: ctimeNs })

/** Whether nothing was changed from one to the other. */
export const sameState = (a: FileState, b: FileState): boolean =>
  a.size === b.size && a.mtime === b.mtime && a.ctime === b.ctime
