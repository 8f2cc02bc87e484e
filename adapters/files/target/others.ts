/** Finds what is in a directory and not among the entries of a snapshot, and deletes it. */
import * as fs from "node:fs"
import type { Entry, EntryKind } from "../../../stages/walk/entry.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import { baseName, joinPath, parentPath, pathFromBytes } from "../../../stages/walk/path.ts"
import { type Directory, isElsewhere, Replaced, sameFile } from "../system/directory.ts"
import { errorCode, targetError } from "../system/errno.ts"
import { withDirectory } from "../system/handle.ts"
import { Held } from "../system/held.ts"
import { isDirectory, kindOf } from "../system/metadata.ts"
import { absoluteRoot, BYTE_NAMES, type NativePath, nativePath } from "../system/native.ts"
import { type Stats, statsAt, statsIfAny, statsOf } from "../system/stats.ts"
import { setAttributes } from "./attributes.ts"

/** How many directories are held at once. */
const HELD = 64

/** What to delete. */
export interface DeleteOptions {
  /**
   * Whether what is at a path may be deleted; everything by default. It is asked for what is in a directory that is
   * deleted, too: what it spares stays, and the directories above it.
   */
  readonly selected?: (path: string, kind: EntryKind) => boolean
  /** Paths of this machine that stay, with all that is in them: such as that of the repository. */
  readonly spare?: ReadonlyArray<string>
  /** Delete nothing, and only tell what would be deleted. */
  readonly dryRun?: boolean
  /** Called for each thing after it was deleted. */
  readonly deleted?: (path: string, kind: EntryKind) => void
  /** False: go by paths even where directories can be held. For tests. */
  readonly hold?: boolean
}

/** What was deleted. */
export interface DeleteSummary {
  /** How many files, directories and other things. */
  readonly deleted: number
  /** What could not be deleted, and why, in one sentence without the path. */
  readonly problems: ReadonlyArray<{ readonly path: string; readonly message: string }>
}

/** A directory of the snapshot whose entries come. */
interface Level {
  readonly path: string
  /** The names that the snapshot has in it. */
  readonly names: Set<string>
  /** Whether it is selected, or anything beneath it is. */
  touched: boolean
}

/** Names that may be the same file on this system. */
const comparable: (name: string) => string = process.platform === "win32" || process.platform === "darwin"
  ? (name) => name.normalize("NFC").toLowerCase()
  : (name) => name

/** One deletion under way: {@link take} each entry, then {@link end}, then {@link delete}. */
export class Others {
  /** Undefined when the root does not exist. */
  readonly #held: Held | undefined
  readonly #selected: (path: string, kind: EntryKind) => boolean
  readonly #spared: ReadonlyArray<Pick<Stats, "dev" | "ino">>
  readonly #dryRun: boolean
  readonly #tell: ((path: string, kind: EntryKind) => void) | undefined
  readonly #levels: Array<Level> = []
  /** Directories that were left. None may come again: what is in it would seem to be missing. */
  readonly #left = new Set<string>()
  readonly #found: Array<{ readonly directory: Directory; readonly names: ReadonlyArray<string> }> = []
  readonly problems: Array<DeleteSummary["problems"][number]> = []
  deleted = 0

  /** `descriptors`: see `DESCRIPTORS`. */
  constructor(root: string, options: DeleteOptions, descriptors: string | undefined) {
    this.#selected = options.selected ?? (() => true)
    this.#dryRun = options.dryRun ?? false
    this.#tell = options.deleted
    this.#spared = (options.spare ?? []).flatMap((path) => {
      try {
        const native = nativePath(absoluteRoot(path), "")
        return [statsAt(native), statsOf(native)]
      } catch {
        return []
      }
    })
    try {
      this.#held = new Held(absoluteRoot(root), { limit: HELD, descriptors })
    } catch (cause) {
      if (errorCode(cause) !== "ENOENT") throw cause
    }
    this.#push("")
  }

  close(): void {
    this.#held?.close()
  }

  /** Takes the next entry. Throws {@link TargetError} when it is out of order. */
  take({ kind, path }: Entry): void {
    if (path !== "") {
      this.#enter(parentPath(path))
      this.#levels.at(-1)!.names.add(comparable(baseName(path)))
      if (kind === "directory") this.#push(path)
    }
    if (!this.#selected(path, kind)) return
    for (let i = this.#levels.length - 1; i >= 0 && !this.#levels[i]!.touched; i--) this.#levels[i]!.touched = true
  }

  /** To be called after the last entry. */
  end(): void {
    while (this.#levels.length > 0) this.#leave(this.#levels.pop()!)
  }

  /** Deletes what was found. It pauses after each thing. */
  *delete(): Generator<undefined, void> {
    const held = this.#held
    if (held === undefined) return
    for (const { directory, names } of this.#found) {
      try {
        const have = held.use(directory).stats()
        yield* this.#deleteIn(directory, names, have)
        this.#closeAgain(directory, have)
      } catch (cause) {
        this.#fail(directory.path, cause)
      }
    }
  }

  #enter(path: string): void {
    for (;;) {
      const top = this.#levels.at(-1)!.path
      if (top === "" || path === top || path.startsWith(`${top}/`)) break
      this.#leave(this.#levels.pop()!)
    }
    const top = this.#levels.at(-1)!.path
    if (path === top) return
    for (const name of (top === "" ? path : path.slice(top.length + 1)).split("/")) {
      const above = this.#levels.at(-1)!
      above.names.add(comparable(name))
      this.#push(joinPath(above.path, name))
    }
  }

  #push(path: string): void {
    if (this.#left.has(path)) {
      const message = "The snapshot does not list its files in order, so nothing is deleted"
      throw new TargetError({ reason: "refused", path, message })
    }
    this.#levels.push({ path, names: new Set(), touched: false })
  }

  #leave({ names, path, touched }: Level): void {
    this.#left.add(path)
    if (!touched || this.#held === undefined) return
    try {
      const directory = this.#held.at(path)
      const others = namesIn(directory).filter((name) => {
        if (names.has(comparable(name)) || !BYTE_NAMES && name.includes("\ufffd")) return false
        const stats = statsIfAny(directory.child(name))
        return stats !== undefined && this.#selected(joinPath(path, name), kindOf(stats) ?? "file")
      })
      if (others.length > 0) this.#found.push({ directory, names: others })
    } catch (cause) {
      // The directory was not restored, which is known already.
      if (!isElsewhere(cause)) this.#fail(path, cause)
    }
  }

  /** Deletes one thing and what is in it. Returns whether it is gone. */
  *#delete(parent: Directory, name: string): Generator<undefined, boolean> {
    const held = this.#held!
    const path = joinPath(parent.path, name)
    const native = (): NativePath => held.use(parent).child(name)
    try {
      const stats = statsIfAny(native())
      if (stats === undefined) return true
      const kind = kindOf(stats) ?? "file"
      if (this.#spared.some((one) => sameFile(one, stats)) || !this.#selected(path, kind)) return false
      if (isDirectory(stats)) {
        if (stats.dev !== parent.device) return this.#fail(path, new Error(OTHER_FILE_SYSTEM))
        const inner = held.enter(held.use(parent), name)
        if (inner.device !== stats.dev || inner.inode !== stats.ino) throw new Replaced()
        const empty = yield* this.#deleteIn(inner, undefined, stats)
        if (!empty) {
          this.#closeAgain(inner, stats)
          return false
        }
        held.drop(path)
        if (!this.#dryRun) fs.rmdirSync(native())
      } else if (!this.#dryRun) fs.unlinkSync(native())
      this.deleted++
      this.#tell?.(path, kind)
    } catch (cause) {
      return this.#fail(path, cause)
    }
    yield
    return true
  }

  /** Deletes these names in a directory, or all. Returns whether they are gone. The owner can then write in it. */
  *#deleteIn(
    directory: Directory,
    names: ReadonlyArray<string> | undefined,
    have: Stats,
  ): Generator<undefined, boolean> {
    if (!this.#dryRun) openUp(directory, Number(have.mode & 0o7777n))
    let gone = true
    for (const name of names ?? namesIn(directory)) gone = (yield* this.#delete(directory, name)) && gone
    return gone
  }

  /** Gives a directory the mode and time that it had. */
  #closeAgain(directory: Directory, { mode, mtimeNs }: Stats): void {
    if (this.#dryRun) return
    const want = { mode: Number(mode & 0o7777n), mtime: mtimeNs }
    const { problem } = withDirectory(this.#held!.use(directory), (handle) => setAttributes(handle, want))
    if (problem !== undefined) this.#fail(directory.path, new Error(problem))
  }

  #fail(path: string, cause: unknown): false {
    this.problems.push({ path, message: targetError(path, cause).message })
    return false
  }
}

const OTHER_FILE_SYSTEM = "It is on another file system, and stays: delete it by hand, or leave it out"

/** Lets the owner list and change a directory. */
const openUp = (directory: Directory, mode: number): void => {
  if ((mode & 0o700) === 0o700) return
  try {
    fs.chmodSync(directory.self, mode | 0o700)
  } catch {
    // It belongs to somebody else. Deleting in it shows whether that matters.
  }
}

const namesIn = (directory: Directory): ReadonlyArray<string> => {
  const names = fs.readdirSync(directory.self)
  return BYTE_NAMES && names.some((name) => name.includes("\ufffd"))
    ? fs.readdirSync(directory.self, { encoding: "buffer" }).map(pathFromBytes)
    : names
}
