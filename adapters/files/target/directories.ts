/** The directories above the entry that is written. Each is known to be a real directory beneath the root. */
import * as fs from "node:fs"
import { type Directory, isElsewhere } from "../system/directory.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { baseName, displayPath, joinPath, parentPath } from "../../../stages/walk/path.ts"
import type { Overwrite } from "../../../stages/walk/overwrite.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { sameAttributes, setAttributes, type Wanted, wantedOf, withUnset } from "./attributes.ts"
import { IN_ITS_PLACE } from "./admit.ts"
import { type Batches, Busy } from "./batches.ts"
import { targetError } from "../system/errno.ts"
import { withDirectory } from "../system/handle.ts"
import { Held } from "../system/held.ts"
import { isDirectory, kindOf } from "../system/metadata.ts"
import { judgeLocal } from "./in_place.ts"
import { NewFiles } from "./new_files.ts"
import { type Stats, statsIfAny } from "../system/stats.ts"

/** How many directories are held at once. */
const HELD = 128

/** A directory that is being written in. */
export interface Level {
  readonly path: string
  readonly directory: Directory
  /** Whether this session made it. Then everything in it is from this session, too. */
  readonly fresh: boolean
  readonly newFiles: NewFiles
  readonly want: Wanted
}

/**
 * A stack of directories. Each was checked or made in this session. Nothing that this session writes can replace it,
 * because all directories that are not above an entry are left before the entry is written.
 *
 * Other programs may put something else in the place of a directory. Where directories can be held (see {@link Held}),
 * that changes nothing. Elsewhere, entries may then be written to another place.
 */
export class Directories {
  readonly #held: Held
  readonly #overwrite: Overwrite
  readonly #owner: boolean
  readonly #umask: number
  readonly #levels: Array<Level>
  readonly #batches: Batches
  #problems: Array<Written> = []

  /** `root` must be a directory. `fresh`: this session made it. `descriptors`: see `DESCRIPTORS`. */
  constructor(
    root: string,
    { batches, descriptors, fresh, overwrite, owner, umask }: {
      readonly batches: Batches
      readonly descriptors: string | undefined
      readonly fresh: boolean
      readonly overwrite: Overwrite
      readonly owner: boolean
      readonly umask: number
    },
  ) {
    this.#batches = batches
    this.#overwrite = overwrite
    this.#owner = owner
    this.#umask = umask
    // The other thread uses the descriptors of this one.
    const beforeClosing = (): void => {
      if (batches.any) throw new Busy()
    }
    this.#held = new Held(root, { limit: HELD, descriptors, beforeClosing })
    this.#levels = [{ path: "", directory: this.#held.root, fresh, newFiles: new NewFiles(umask), want: {} }]
  }

  get root(): Directory {
    return this.#held.root
  }

  /**
   * Enters the directory at `path`, and leaves all directories that are not above it. Missing directories are made with
   * mode 0700. Throws {@link TargetError}; with the reason `refused` when a component is a symlink, or anything else
   * but a directory.
   */
  enter(path: string): Level {
    this.#leaveTo(path)
    const { path: top } = this.#top
    if (top !== path) {
      for (const name of (top === "" ? path : path.slice(top.length + 1)).split("/")) {
        const parent = this.#use(this.#top)
        const at = joinPath(parent.path, name)
        this.#batches.check(at)
        this.#held.room()
        const native = parent.child(name)
        const have = statsIfAny(native)
        if (have === undefined) fs.mkdirSync(native, 0o700)
        else if (!isDirectory(have)) {
          throw refused(path, at, kindOf(have) === "symlink" ? "is a symbolic link" : "is not a directory")
        }
        const { directory, stats } = this.#open(parent, name)
        const want = have === undefined ? {} : { mode: Number(stats.mode & 0o7777n), mtime: stats.mtimeNs }
        this.#levels.push(this.#level(directory, have === undefined, want))
      }
    }
    this.#use(this.#top)
    return this.#top
  }

  /**
   * Makes the directory of an entry, or uses the one that is there. Anything else in its place is removed; when
   * `overwrite` forbids that, it throws {@link TargetError}.
   */
  make(entry: Entry): Written {
    const { path } = entry
    const wanted = wantedOf("directory", entry.metadata, this.#owner)
    if (path === "") {
      this.#leaveTo("")
      this.#batches.check("")
      const { directory, fresh, newFiles } = this.#top
      const have = directory.stats()
      this.#openUp(directory, have)
      const want = { ...wanted, mode: wanted.mode ?? Number(have.mode & 0o7777n) }
      this.#levels[0] = { path, directory, fresh, newFiles, want }
      return { path, outcome: "unchanged" }
    }
    const parent = this.enter(parentPath(path)).directory
    this.#batches.check(path)
    this.#held.room()
    const native = parent.child(baseName(path))
    let have = statsIfAny(native)
    if (have !== undefined && !isDirectory(have)) {
      if (judgeLocal(this.#overwrite, entry, have) === "keep") {
        throw new TargetError({ reason: "refused", path, message: IN_ITS_PLACE })
      }
      fs.unlinkSync(native)
      have = undefined
    }
    if (have === undefined) fs.mkdirSync(native, 0o700)
    const { directory, stats } = this.#open(parent, baseName(path))
    const mode = wanted.mode ?? (have === undefined ? 0o777 & ~this.#umask : Number(stats.mode & 0o7777n))
    this.#levels.push(this.#level(directory, have === undefined, { ...wanted, mode }))
    return { path, outcome: have !== undefined && sameAttributes(have, wanted) ? "unchanged" : "written" }
  }

  /** The directory at `path`; undefined when a component is not a real directory. Makes and leaves nothing. */
  find(path: string): Directory | undefined {
    try {
      return this.#held.at(path)
    } catch (cause) {
      if (isElsewhere(cause)) return undefined
      throw cause
    }
  }

  get #top(): Level {
    return this.#levels[this.#levels.length - 1]!
  }

  /** A directory in the last one. A new directory inherits group and access lists, so new files in it do, too. */
  #level(directory: Directory, fresh: boolean, want: Wanted): Level {
    const newFiles = fresh ? this.#top.newFiles : new NewFiles(this.#umask)
    return { path: directory.path, directory, fresh, newFiles, want }
  }

  #use({ directory, path }: Level): Directory {
    try {
      return this.#held.use(directory)
    } catch (cause) {
      throw isElsewhere(cause) ? refused(path, path, WAS_REPLACED) : cause
    }
  }

  /** Opens a directory that was just checked or made, and gives its metadata. */
  #open(parent: Directory, name: string): { readonly directory: Directory; readonly stats: Stats } {
    const path = joinPath(parent.path, name)
    let directory: Directory
    try {
      directory = this.#held.enter(parent, name)
    } catch (cause) {
      throw isElsewhere(cause) ? refused(path, path, WAS_REPLACED) : cause
    }
    const stats = directory.stats()
    this.#openUp(directory, stats)
    return { directory, stats }
  }

  /**
   * Leaves all directories. Returns the directories of the whole session whose metadata could not be set completely.
   * Nothing can be written after that.
   */
  finish(): ReadonlyArray<Written> {
    while (this.#levels.length > 0) this.#leave(this.#levels.pop()!)
    this.#held.close()
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

  /** Lets the owner write in an existing directory, until it is left. */
  #openUp(directory: Directory, have: Stats): void {
    const mode = Number(have.mode & 0o7777n)
    if ((mode & 0o700) === 0o700) return
    try {
      fs.chmodSync(directory.self, mode | 0o700)
    } catch {
      // It belongs to somebody else. Writing in it shows whether that matters.
    }
  }

  #leave(level: Level): void {
    const { directory, path, want } = level
    const nothing = want.mode === undefined && want.uid === undefined && want.gid === undefined &&
      want.mtime === undefined
    try {
      if (!nothing) {
        const unset = withDirectory(this.#use(level), (handle) => setAttributes(handle, want))
        const result = withUnset({ path, outcome: "written" }, unset)
        if (result.outcome === "failed" || "lost" in result) this.#problems.push(result)
      }
    } catch (cause) {
      this.#problems.push({ path, outcome: "failed", message: targetError(path, cause).message })
    }
    if (directory !== this.#held.root) this.#held.drop(path)
  }
}

const WAS_REPLACED = "was replaced by something else meanwhile"

const refused = (path: string, at: string, why: string): TargetError =>
  new TargetError({ reason: "refused", path, message: `"${displayPath(at)}" ${why}: nothing is written through it` })
