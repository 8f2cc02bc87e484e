/** The directories on the way to the entry that is written, each known to be a real directory beneath the root. */
import * as fs from "node:fs"
import type { Entry } from "../../stages/walk/entry.ts"
import { displayPath, joinPath, parentPath } from "../../stages/walk/path.ts"
import { TargetError, type Written } from "../../stages/walk/target.ts"
import { setAttributes, type Wanted, wantedOf } from "./attributes.ts"
import { NewFiles } from "./new_files.ts"
import type { Batches } from "./batches.ts"
import { targetError } from "./errno.ts"
import { isDirectory } from "./metadata.ts"
import { nativePath } from "./native.ts"

/** A directory that is being written in. */
export interface Level {
  readonly path: string
  /** Whether this session made it: what is in it is by this session, too. */
  readonly fresh: boolean
  readonly newFiles: NewFiles
  readonly want: Wanted
}

/**
 * A stack. A directory that is on it was looked at or made in this session, and nothing that this session writes can put
 * something else in its place, since an entry is written only after all directories that are not above it have been left.
 *
 * It does not defend against other programs that move directories about while a restore runs: `node:fs` has no calls that
 * work relative to an open directory.
 */
export class Directories {
  readonly #root: string
  readonly #owner: boolean
  readonly #umask: number
  readonly #levels: Array<Level>
  readonly #batches: Batches
  #problems: Array<Written> = []

  /** `root` must be a directory; `fresh` when this session made it. */
  constructor(root: string, fresh: boolean, owner: boolean, umask: number, batches: Batches) {
    this.#batches = batches
    this.#root = root
    this.#owner = owner
    this.#umask = umask
    this.#levels = [{ path: "", fresh, newFiles: new NewFiles(umask), want: {} }]
  }

  /**
   * Makes sure that `path` is a directory that can be written in, and leaves those that are not above it. One that is absent is
   * made with mode 0700. Throws {@link TargetError}, `refused` when a component is a symlink or anything else but a directory.
   */
  enter(path: string): Level {
    this.#leaveTo(path)
    const { path: top } = this.#top
    if (top === path) return this.#top
    let at = top
    for (const name of (top === "" ? path : path.slice(top.length + 1)).split("/")) {
      at = joinPath(at, name)
      this.#batches.check(at)
      const native = nativePath(this.#root, at)
      const have = fs.lstatSync(native, { bigint: true, throwIfNoEntry: false })
      if (have === undefined) fs.mkdirSync(native, 0o700)
      else if (!isDirectory(have)) {
        throw new TargetError({
          reason: "refused",
          path,
          message: `"${displayPath(at)}" is ${
            have.isSymbolicLink() ? "a symbolic link" : "not a directory"
          }: nothing is written through it`,
        })
      } else this.#open(at, have)
      const want = have === undefined ? {} : { mode: Number(have.mode & 0o7777n), mtime: have.mtimeNs }
      this.#levels.push(this.#level(at, have === undefined, want))
    }
    return this.#top
  }

  /** Makes the directory of an entry, or takes the one that is there. What is there and not a directory is removed. */
  make(entry: Entry): Written {
    const { path } = entry
    if (path === "") this.#leaveTo("")
    else this.enter(parentPath(path))
    this.#batches.check(path)
    const native = nativePath(this.#root, path)
    let have = fs.lstatSync(native, { bigint: true, throwIfNoEntry: false })
    if (have !== undefined && !isDirectory(have)) {
      fs.unlinkSync(native)
      have = undefined
    }
    if (have === undefined) fs.mkdirSync(native, 0o700)
    else this.#open(path, have)
    const wanted = wantedOf("directory", entry.metadata, this.#owner)
    const mode = wanted.mode ?? (have === undefined ? 0o777 & ~this.#umask : Number(have.mode & 0o7777n))
    const level = this.#level(path, path === "" ? this.#top.fresh : have === undefined, { ...wanted, mode })
    if (path === "") this.#levels[0] = level
    else this.#levels.push(level)
    return { path, outcome: have === undefined ? "written" : "unchanged" }
  }

  get #top(): Level {
    return this.#levels[this.#levels.length - 1]!
  }

  /** A directory within the last. Systems give one that was made owners and access lists by those of that. */
  #level(path: string, fresh: boolean, want: Wanted): Level {
    return { path, fresh, newFiles: fresh ? this.#top.newFiles : new NewFiles(this.#umask), want }
  }

  /** Whether every component of `path` is a real directory; nothing is made or left. */
  isReal(path: string): boolean {
    for (let at = path; at !== ""; at = parentPath(at)) {
      if (this.#levels.some((level) => level.path === at)) return true
      const have = fs.lstatSync(nativePath(this.#root, at), { bigint: true, throwIfNoEntry: false })
      if (have === undefined || !isDirectory(have)) return false
    }
    return true
  }

  /** Leaves all directories. Returns those, of the whole session, whose metadata could not be set. */
  finish(): ReadonlyArray<Written> {
    while (this.#levels.length > 0) this.#leave(this.#levels.pop()!)
    const problems = this.#problems
    this.#problems = []
    return problems
  }

  #leaveTo(path: string): void {
    for (;;) {
      const top = this.#top
      if (top.path === "" || top.path === path || path.startsWith(`${top.path}/`)) return
      this.#levels.pop()
      this.#batches.leave(top.path, () => this.#leave(top))
    }
  }

  /** An existing directory that its owner cannot write in is opened up until it is left. */
  #open(path: string, have: fs.BigIntStats): void {
    const mode = Number(have.mode & 0o7777n)
    if ((mode & 0o700) === 0o700) return
    try {
      fs.chmodSync(nativePath(this.#root, path), mode | 0o700)
    } catch {
      // Not ours to change: writing in it tells whether that matters.
    }
  }

  #leave(level: Level): void {
    const { path, want } = level
    if (want.mode === undefined && want.uid === undefined && want.gid === undefined && want.mtime === undefined) return
    const native = nativePath(this.#root, path)
    let problem: string | undefined
    let fd: number | undefined
    try {
      const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants
      fd = fs.openSync(native, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      problem = setAttributes(fd, native, want)
    } catch (cause) {
      problem = targetError(path, cause).message
    } finally {
      if (fd !== undefined) fs.closeSync(fd)
    }
    if (problem !== undefined) this.#problems.push({ path, outcome: "failed", message: problem })
  }
}
