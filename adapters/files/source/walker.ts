/**
 * Walks a directory tree in batches, synchronously. On a warm cache, system calls are faster than waiting for their
 * results.
 */
import * as fs from "node:fs"
import type { Entry } from "../../../stages/walk/entry.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import { CACHE_TAG, CACHE_TAG_BYTES, type Excludes, isCacheTag, makeExcludes } from "../../../stages/walk/ignore.ts"
import { sortNames } from "../../../stages/walk/order.ts"
import { baseName, depthProblem, displayPath, joinPath, pathFromBytes } from "../../../stages/walk/path.ts"
import type { WalkOptions } from "../../../stages/walk/source.ts"
import type { Directory } from "../system/directory.ts"
import { errorCode, errorSentence, sourceError } from "../system/errno.ts"
import { Held } from "../system/held.ts"
import { isDirectory, isRegular, kindOf } from "../system/metadata.ts"
import { absoluteRoot, BYTE_NAMES, BYTE_NAMES_MISSING, type NativePath, nativePath } from "../system/native.ts"
import { READ_SAFELY } from "../system/open.ts"
import { type Stats, statsAt, statsIfAny, statsOf, statsOfOpen } from "../system/stats.ts"
import { directoryEntry, EntryMaker, unreadable } from "./entries.ts"

/** A batch is given out when it has at least this many entries. */
const BATCH = 256
/** How many directories are held at once. */
const HELD = 64

/**
 * A directory under way. First its names are visited, then its sub-directories, one after the other. It keeps names and
 * not entries, to save memory.
 */
interface Level {
  readonly path: string
  readonly directory: Directory
  names: ReadonlyArray<string>
  nextName: number
  readonly directories: Array<string>
  nextDirectory: number
}

/** One walk. To be closed. The contents that it gave out can be read after that, too. */
export class Walker {
  readonly #root: string
  readonly #excludes: Excludes | undefined
  readonly #options: WalkOptions
  readonly #descriptors: string | undefined
  readonly #levels: Array<Level> = []
  #held: Held | undefined
  #device: bigint | undefined
  #entries: EntryMaker | undefined
  #started = false

  /** `descriptors`: see `DESCRIPTORS`. */
  constructor(root: string, options: WalkOptions, descriptors: string | undefined) {
    this.#root = absoluteRoot(root)
    this.#options = options
    this.#excludes = makeExcludes(options.ignore)
    this.#descriptors = descriptors
  }

  close(): void {
    this.#held?.close()
  }

  /** The next entries; none at the end. Throws {@link SourceError} when the root cannot be read. */
  next(): ReadonlyArray<Entry> {
    const out: Array<Entry> = []
    if (!this.#started) {
      this.#started = true
      this.#start(out)
    }
    const levels = this.#levels
    while (out.length < BATCH && levels.length > 0) {
      const level = levels[levels.length - 1]!
      if (level.nextName < level.names.length) this.#visit(level, level.names[level.nextName++]!, out)
      else {
        level.names = []
        if (level.nextDirectory < level.directories.length) {
          this.#descend(level, level.directories[level.nextDirectory++]!, out)
        } else levels.pop()
      }
    }
    return out
  }

  #start(out: Array<Entry>): void {
    try {
      const path = nativePath(this.#root, "")
      const own = statsAt(path)
      if (isDirectory(own) || kindOf(own) === "symlink" && leadsToDirectory(path)) {
        const root = this.#hold(this.#root)
        const now = root.stats()
        this.#device = now.dev
        const names = this.#names(root)
        out.push(directoryEntry("", now))
        this.#push(root, names)
      } else {
        const slash = this.#root.lastIndexOf("/")
        const root = this.#hold(this.#root.slice(0, slash) || "/")
        const name = baseName(this.#root)
        const entry = this.#entries!.entry(name, statsAt(root.child(name)), root, name)
        if (entry.kind === "unreadable") {
          throw new SourceError({ reason: "io", path: this.#root, message: entry.problem! })
        }
        out.push(entry)
      }
    } catch (cause) {
      const error = sourceError(this.#root, cause)
      throw new SourceError({
        reason: error.reason,
        path: this.#root,
        message: `${error.message}: ${displayPath(this.#root)}`,
        cause,
      })
    }
  }

  /** Holds the directory that all paths are relative to. */
  #hold(path: string): Directory {
    const held = new Held(path, { limit: HELD, descriptors: this.#descriptors })
    this.#held = held
    const { device, inode } = held.root
    // Contents use the directories of the walk as long as it goes on.
    this.#entries = new EntryMaker(
      { path, device, inode, held: this.#descriptors !== undefined },
      () => held.closed ? undefined : held,
    )
    return held.root
  }

  #visit(level: Level, name: string, out: Array<Entry>): void {
    const path = joinPath(level.path, name)
    let stats: Stats | undefined
    let problem = VANISHED
    try {
      stats = statsIfAny(this.#held!.use(level.directory).child(name))
    } catch (cause) {
      problem = errorSentence(cause)
    }
    // Without byte names, two names may look alike, and lstat finds only one of the two.
    const ambiguous = !BYTE_NAMES && level.names[level.nextName - 2] === name
    if (stats !== undefined && isDirectory(stats) && !ambiguous) {
      if (!this.#ignores(path, true)) level.directories.push(name)
      return
    }
    if (this.#ignores(path, false)) return
    if (stats === undefined || ambiguous) {
      out.push(unreadable(path, !BYTE_NAMES && name.includes("\ufffd") ? BYTE_NAMES_MISSING : problem))
    } else out.push(this.#entries!.entry(path, stats, level.directory, name))
  }

  #ignores(path: string, directory: boolean): boolean {
    if (this.#excludes?.(path, directory) !== true) return false
    this.#options.leftOut?.(path, "ignored", directory)
    return true
  }

  #descend(level: Level, name: string, out: Array<Entry>): void {
    const path = joinPath(level.path, name)
    let inner: Directory
    let stats: Stats
    try {
      inner = this.#held!.enter(level.directory, name)
      stats = inner.stats()
    } catch (cause) {
      const code = errorCode(cause)
      out.push(unreadable(path, code === "ENOTDIR" || code === "ELOOP" ? REPLACED : errorSentence(cause)))
      return
    }
    out.push(directoryEntry(path, stats))
    if (this.#options.oneFileSystem === true && stats.dev !== this.#device) {
      this.#options.leftOut?.(path, "file-system", true)
      return
    }
    try {
      const names = this.#names(inner)
      const deep = names.length > 0 ? depthProblem(joinPath(path, names[0]!)) : undefined
      if (deep === undefined) this.#push(inner, names)
      else out.push(unreadable(path, `What is in it is left out: ${deep}`))
    } catch (cause) {
      out.push(unreadable(path, errorSentence(cause)))
    }
  }

  #push(directory: Directory, names: ReadonlyArray<string>): void {
    this.#levels.push({ path: directory.path, directory, names, nextName: 0, directories: [], nextDirectory: 0 })
  }

  /**
   * The names to visit in a directory, sorted. They are read as strings, which is faster than as bytes. A name that is
   * not UTF-8 then shows a U+FFFD, and the directory is read again as bytes.
   */
  #names(directory: Directory): ReadonlyArray<string> {
    const native = directory.self
    let names: Array<string> = fs.readdirSync(native)
    if (BYTE_NAMES && names.some((name) => name.includes("\ufffd"))) {
      names = fs.readdirSync(native, { encoding: "buffer" }).map(pathFromBytes)
    }
    if (this.#options.excludeCaches === true && names.includes(CACHE_TAG) && isCache(directory)) {
      this.#options.leftOut?.(directory.path, "cache", true)
      return [CACHE_TAG]
    }
    return sortNames(names)
  }
}

const isCache = (directory: Directory): boolean => {
  let fd: number | undefined
  try {
    fd = fs.openSync(directory.child(CACHE_TAG), READ_SAFELY)
    const start = new Uint8Array(CACHE_TAG_BYTES)
    return isRegular(statsOfOpen(fd)) &&
      fs.readSync(fd, start, 0, start.length, 0) === start.length && isCacheTag(start)
  } catch {
    // The tag cannot be read. The directory is then walked like any other, and the tag is reported.
    return false
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
  }
}

const VANISHED = "No such file or directory: it vanished while the directory was read"

const REPLACED = "It was replaced by something else while the directory was read"

const leadsToDirectory = (path: NativePath): boolean => {
  try {
    return isDirectory(statsOf(path))
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false
    throw cause
  }
}
