/** A directory of the file system that is held open. */
import * as fs from "node:fs"
import { errorCode } from "./errno.ts"
import { type NativePath, nativePath } from "./native.ts"
import { type Stats, statsAt, statsOf, statsOfOpen } from "./stats.ts"

/** What tells one file from another on this machine. */
export interface Identity {
  readonly device: bigint
  readonly inode: bigint
}

/** Whether both are the same file. */
export const sameFile = (a: Pick<Stats, "dev" | "ino">, b: Pick<Stats, "dev" | "ino">): boolean =>
  a.dev === b.dev && a.ino === b.ino

/**
 * A directory beneath a root. `Held` makes it and may close it when it is asked for another directory, so call
 * `Held.use` before each use.
 */
export class Directory implements Identity {
  /** Relative to the root. */
  readonly path: string
  readonly device: bigint
  readonly inode: bigint
  /** See `DESCRIPTORS`. Undefined where the directory is known by its path only. */
  readonly descriptors: string | undefined
  #fd = -1
  #self: string | undefined

  /** `at`: its descriptor, which this object then owns; or its absolute path. */
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

  /** A path of the directory itself, for `node:fs`. */
  get self(): NativePath {
    return nativePath(this.#place, "")
  }

  /** A path of the entry with this name in the directory, for `node:fs`. */
  child(name: string): NativePath {
    return nativePath(this.#place, name)
  }

  /** The directory as it is now. */
  stats(): Stats {
    return this.#fd >= 0 ? statsOfOpen(this.#fd) : (this.path === "" ? statsOf : statsAt)(this.self)
  }

  /** Takes the descriptor of another object that stands for the same directory. */
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

/** Thrown when another directory has taken the place of the expected one. */
export class Replaced extends Error {
  constructor() {
    super("It was replaced by something else meanwhile")
  }
}

/** Whether an error says that a path does not lead to the expected directory through real directories. */
export const isElsewhere = (cause: unknown): boolean =>
  cause instanceof Replaced || ["ENOENT", "ENOTDIR", "ELOOP"].includes(errorCode(cause))
