/**
 * Directories that are held open while something is done in them. A path is looked up anew each time, so another
 * program can lead it elsewhere by putting a symlink in the place of a directory; a descriptor stays with the directory
 * that it was opened for.
 */
import * as fs from "node:fs"
import { Recent } from "../../../stages/memory/recent.ts"
import { joinPath, parentPath } from "../../../stages/walk/path.ts"
import { errorCode } from "./errno.ts"
import { isDirectory } from "./metadata.ts"
import { type NativePath, nativePath } from "./native.ts"
import { type Stats, statsAt, statsOf, statsOfOpen } from "./stats.ts"

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants
/**
 * Opens nothing, only stands for what is there: needs no permission to read it. `node:fs` has no name for this flag of
 * Linux.
 */
export const O_PATH = 0o10000000
const PLACE = O_RDONLY | O_PATH | O_DIRECTORY

/**
 * Where the descriptors of this process are: paths that begin with one are looked up from what it holds
 * (proc_pid_fd(5)). Undefined where there is no such thing: not on Linux, no /proc, or Deno without `--allow-all`.
 */
export const DESCRIPTORS: string | undefined = (() => {
  if (process.platform !== "linux" || !mayLook()) return undefined
  try {
    const descriptors = `/proc/${fs.readlinkSync("/proc/self")}/fd/`
    const fd = fs.openSync("/", PLACE | O_NOFOLLOW)
    try {
      const found = statsAt(`${descriptors}${fd}/.`)
      return sameFile(found, statsOfOpen(fd)) ? descriptors : undefined
    } finally {
      fs.closeSync(fd)
    }
  } catch {
    return undefined
  }
})()

/** Deno would ask at the terminal for what it was not allowed. */
function mayLook(): boolean {
  interface Permissions {
    readonly querySync: (what: { readonly name: "read"; readonly path: string }) => { readonly state: string }
  }
  const { Deno } = globalThis as { readonly Deno?: { readonly permissions: Permissions } }
  return Deno === undefined || Deno.permissions.querySync({ name: "read", path: "/proc/self" }).state === "granted"
}

/** What tells files apart. */
export interface Identity {
  readonly device: bigint
  readonly inode: bigint
}

/** Whether two looks were at the same file. */
export function sameFile(a: Pick<Stats, "dev" | "ino">, b: Pick<Stats, "dev" | "ino">): boolean {
  return a.dev === b.dev && a.ino === b.ino
}

/**
 * A directory beneath a root. Made by {@link Held}, which must be asked for it again (`use`) after it was asked for
 * another one, as it may have been closed then.
 */
export class Directory implements Identity {
  /** Relative to the root. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
  /** Where descriptors are, see {@link DESCRIPTORS}; undefined where it goes by paths. */
  readonly descriptors: string | undefined
  #fd = -1
  #self: string | undefined

  constructor(path: string, stats: Stats, at: { readonly descriptors: string; readonly fd: number } | string) {
    this.path = path
    this.device = stats.dev
    this.inode = stats.ino
    if (typeof at === "string") this.#self = at
    else {
      this.descriptors = at.descriptors
      this.#fd = at.fd
      this.#self = `${at.descriptors}${at.fd}`
    }
  }

  get isOpen(): boolean {
    return this.#self !== undefined
  }

  /** The directory itself, to be looked at, listed or changed. */
  get self(): NativePath {
    return nativePath(this.#place, "")
  }

  /** The path of what has this name in it. */
  child(name: string): NativePath {
    return nativePath(this.#place, name)
  }

  /** As it is now. */
  stats(): Stats {
    return this.#fd >= 0 ? statsOfOpen(this.#fd) : (this.path === "" ? statsOf : statsAt)(this.self)
  }

  /** Takes the descriptor of another one, which is the same directory. */
  take(other: Directory): void {
    this.#fd = other.#fd
    this.#self = other.#self
    other.#fd = -1
    other.#self = undefined
  }

  close(): void {
    const fd = this.#fd
    this.#fd = -1
    this.#self = undefined
    if (fd >= 0) fs.closeSync(fd)
  }

  get #place(): string {
    if (this.#self === undefined) throw new Error(`The directory "${this.path}" is not held`)
    return this.#self
  }
}

/** Thrown where another directory is in the place of one that was seen before, or was to be there. */
export class Replaced extends Error {
  constructor() {
    super("It was replaced by something else meanwhile")
  }
}

/** Whether a path does not lead, by real directories, to the directory that it should. */
export const isElsewhere = (cause: unknown): boolean =>
  cause instanceof Replaced || ["ENOENT", "ENOTDIR", "ELOOP"].includes(errorCode(cause))

/** How to hold directories. */
export interface HeldOptions {
  /** So many are held at once, or a few more. */
  readonly limit: number
  /** See {@link DESCRIPTORS}; undefined to go by paths. */
  readonly descriptors?: string | undefined
  /** What the root must be. Otherwise {@link Replaced} is thrown. */
  readonly expected?: Identity
  /** Called before a directory is closed that was not dropped; may throw to prevent it. */
  readonly beforeClosing?: () => void
}

/**
 * The directories beneath a root that were used last. Beneath the root no symlink is followed; the root itself may be
 * one. Where nothing can be held, it goes by paths: a directory is then looked at when it is entered, and no more.
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
    } else this.root = this.#held("", fs.openSync(native, PLACE))
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

  /** The directory at a path, through real directories only. Throws errors of `node:fs`: `ENOTDIR` where one is not. */
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
        const next = this.#held(joinPath(directory.path, name), fs.openSync(directory.child(name), PLACE | O_NOFOLLOW))
        if (passing !== undefined) passing.close()
        passing = directory = next
        // Of a long way only the end is kept, so that what was used before stays.
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

  /** A directory that was given out before, held again. Throws {@link Replaced} when another one is in its place. */
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

  /** Makes sure that one more can be held. */
  room(): void {
    if (this.#open.size < this.#limit) return
    this.#beforeClosing()
    this.#open.shrinkTo(this.#limit - 1)
  }

  /** Holds what is at `path` and beneath it no longer. */
  drop(path: string): void {
    const beneath = `${path}/`
    for (const [other] of this.#open) {
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
  #held(path: string, fd: number): Directory {
    try {
      return new Directory(path, statsOfOpen(fd), { descriptors: this.#descriptors!, fd })
    } catch (cause) {
      fs.closeSync(fd)
      throw cause
    }
  }

  #look(path: string): Directory {
    for (let at = path;; at = parentPath(at)) {
      const stats = statsAt(nativePath(this.#path, at))
      if (!isDirectory(stats)) throw notDirectory()
      if (parentPath(at) === "") return new Directory(path, stats, this.#absolute(path))
    }
  }

  #absolute(path: string): string {
    return path === "" ? this.#path : this.#path === "/" ? `/${path}` : `${this.#path}/${path}`
  }
}

const notDirectory = (): Error => Object.assign(new Error("Not a directory"), { code: "ENOTDIR" })
