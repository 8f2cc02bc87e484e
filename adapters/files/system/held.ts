/**
 * Directories that are held open while something is done in them. The system looks up a path anew each time, so another
 * program can lead it elsewhere: it puts a symlink in the place of a directory. A descriptor stays with the directory
 * that it was opened for.
 */
import * as fs from "node:fs"
import { Recent } from "../../../stages/memory/recent.ts"
import { joinPath, parentPath } from "../../../stages/walk/path.ts"
import { HOLD_DIRECTORY } from "./descriptors.ts"
import { Directory, type Identity, isElsewhere, Replaced } from "./directory.ts"
import { isDirectory } from "./metadata.ts"
import { nativePath } from "./native.ts"
import { statsAt, statsOf, statsOfOpen } from "./stats.ts"

const { O_NOFOLLOW = 0 } = fs.constants

/** How to hold directories. */
export interface HeldOptions {
  /** About how many directories are held at once. */
  readonly limit: number
  /** See `DESCRIPTORS`. Undefined: directories are known by their paths only. */
  readonly descriptors?: string | undefined
  /** What the root must be. {@link Replaced} is thrown when it is something else. */
  readonly expected?: Identity
  /** Called before a directory is closed to make room. May throw to prevent it. */
  readonly beforeClosing?: () => void
}

/**
 * The directories beneath a root that were used last. It follows no symlink beneath the root. The root itself may be a
 * symlink. Where descriptors are not available, a directory is checked by its path when it is entered, and not again.
 */
export class Held {
  readonly root: Directory
  readonly #path: string
  readonly #limit: number
  readonly #descriptors: string | undefined
  readonly #beforeClosing: () => void
  /** By path, without the root. */
  readonly #open: Recent<string, Directory>
  #last: Directory
  #closed = false

  /** `root` is absolute. Throws errors of `node:fs`. */
  constructor(root: string, { beforeClosing, descriptors, expected, limit }: HeldOptions) {
    this.#path = root
    this.#limit = limit
    this.#open = new Recent({ limit, bytesOf: () => 1, dropped: (directory) => directory.close() })
    this.#descriptors = descriptors
    this.#beforeClosing = beforeClosing ?? (() => {})
    const native = nativePath(root, "")
    if (descriptors === undefined) {
      const stats = statsOf(native)
      if (!isDirectory(stats)) throw notDirectory()
      this.root = new Directory("", stats, root)
    } else this.root = this.#hold("", fs.openSync(native, HOLD_DIRECTORY))
    this.#last = this.root
    if (expected !== undefined && (this.root.device !== expected.device || this.root.inode !== expected.inode)) {
      this.close()
      throw new Replaced()
    }
  }

  /** Whether {@link close} was called. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * The directory at a path. Only real directories may lead to it. Throws errors of `node:fs`; `ENOTDIR` when one of
   * them is something else.
   */
  at(path: string): Directory {
    if (path === "") return this.root
    if (this.#descriptors === undefined) return this.#look(path)
    const known = this.#open.get(path)
    if (known !== undefined) return this.use(known)
    let above = parentPath(path)
    while (above !== "" && !this.#open.has(above)) above = parentPath(above)
    let directory = above === "" ? this.root : this.#open.get(above)!
    const names = path.slice(above === "" ? 0 : above.length + 1).split("/")
    let passing: Directory | undefined
    try {
      for (const [i, name] of names.entries()) {
        const fd = fs.openSync(directory.child(name), HOLD_DIRECTORY | O_NOFOLLOW)
        const next = this.#hold(joinPath(directory.path, name), fd)
        if (passing !== undefined) passing.close()
        passing = directory = next
        // A long path would push out everything that was used before, so only its end is kept.
        if (names.length - i <= this.#limit / 2) {
          this.room()
          this.#open.set(next.path, next)
          passing = undefined
        }
      }
    } finally {
      if (passing !== undefined) passing.close()
    }
    return this.#last = directory
  }

  /** The directory of this name in one that was just used. Throws as {@link at} does. */
  enter(parent: Directory, name: string): Directory {
    const path = joinPath(parent.path, name)
    this.drop(path)
    if (this.#descriptors !== undefined) {
      this.use(parent)
      return this.at(path)
    }
    const stats = statsAt(parent.child(name))
    if (!isDirectory(stats)) throw notDirectory()
    return new Directory(path, stats, this.#absolute(path))
  }

  /**
   * Opens a directory again that was given out before, unless it still is open. Throws {@link Replaced} when another
   * one has taken its place.
   */
  use(directory: Directory): Directory {
    if (this.#last === directory && directory.isOpen || this.#descriptors === undefined) return directory
    this.#last = directory
    const { path } = directory
    if (path === "") return directory
    if (directory.isOpen) {
      this.#open.set(path, directory)
      return directory
    }
    let found: Directory
    try {
      found = this.at(path)
    } catch (cause) {
      throw isElsewhere(cause) ? new Replaced() : cause
    }
    if (found.device !== directory.device || found.inode !== directory.inode) throw new Replaced()
    directory.take(found)
    this.#open.set(path, directory)
    return this.#last = directory
  }

  /** Closes directories until one more can be held. */
  room(): void {
    if (this.#open.size < this.#limit) return
    this.#beforeClosing()
    this.#open.shrinkTo(this.#limit - 1)
  }

  /** Closes the directory at `path` and those beneath it. */
  drop(path: string): void {
    const beneath = `${path}/`
    for (const other of this.#open.keys()) {
      if (other === path || other.startsWith(beneath)) this.#open.delete(other)?.close()
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.root.close()
    this.#open.clear()
  }

  /** Takes over the descriptor. */
  #hold(path: string, fd: number): Directory {
    try {
      return new Directory(path, statsOfOpen(fd), { descriptors: this.#descriptors!, fd })
    } catch (cause) {
      fs.closeSync(fd)
      throw cause
    }
  }

  #look(path: string): Directory {
    const stats = statsAt(nativePath(this.#path, path))
    if (!isDirectory(stats)) throw notDirectory()
    for (let above = parentPath(path); above !== ""; above = parentPath(above)) {
      if (!isDirectory(statsAt(nativePath(this.#path, above)))) throw notDirectory()
    }
    return new Directory(path, stats, this.#absolute(path))
  }

  #absolute(path: string): string {
    return path === "" ? this.#path : this.#path === "/" ? `/${path}` : `${this.#path}/${path}`
  }
}

const notDirectory = (): Error => Object.assign(new Error("Not a directory"), { code: "ENOTDIR" })
