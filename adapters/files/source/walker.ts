/**
 * Walks a directory tree in batches, synchronously: system calls on a warm cache are faster than waiting for their
 * results.
 */
import * as fs from "node:fs"
import { READ_SAFELY } from "../system/open.ts"
import type { Directory } from "../system/directory.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { CACHE_TAG, CACHE_TAG_BYTES, type Excludes, isCacheTag, makeExcludes } from "../../../stages/walk/ignore.ts"
import { sortNames } from "../../../stages/walk/order.ts"
import { baseName, depthProblem, displayPath, joinPath, pathFromBytes } from "../../../stages/walk/path.ts"
import type { WalkOptions } from "../../../stages/walk/source.ts"
import { localContent, type LocalRoot } from "./content.ts"
import { errorCode, errorSentence, sourceError } from "../system/errno.ts"
import { Held } from "../system/held.ts"
import { deviceOf, isDirectory, isRegular, kindOf, metadataOf } from "../system/metadata.ts"
import { absoluteRoot, BYTE_NAMES, BYTE_NAMES_MISSING, type NativePath, nativePath } from "../system/native.ts"
import { type Stats, statsAt, statsIfAny, statsOf, statsOfOpen, UNTOLD } from "../system/stats.ts"

/** A batch is given out when it has at least so many entries. */
const BATCH = 256
/** Directories held at once. */
const HELD = 64

/**
 * A directory whose names are being visited; then its sub-directories, one after the other. Names only: not their
 * entries.
 */
interface Level {
  readonly path: string
  readonly directory: Directory
  names: ReadonlyArray<string>
  nextName: number
  readonly directories: Array<string>
  nextDirectory: number
}

/** The state of one walk. To be closed; what it gave out can be read later all the same. */
export class Walker {
  readonly #root: string
  readonly #excludes: Excludes | undefined
  readonly #options: WalkOptions
  readonly #descriptors: string | undefined
  readonly #levels: Array<Level> = []
  /** Of files with several links: the path of the first, and how many links are still to come. */
  readonly #links: Map<string, { readonly path: string; left: number }> = new Map()
  #held: Held | undefined
  #place: LocalRoot | undefined
  /** For content: as long as the walk goes on. */
  readonly #heldOf = (): Held | undefined => this.#held?.closed === false ? this.#held : undefined
  #device: bigint | undefined
  #started = false

  /** `descriptors`: see `held.ts`. */
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
        const { root } = this.#hold(this.#root)
        const now = root.stats()
        this.#device = now.dev
        const names = this.#names(root)
        out.push(directory("", now))
        this.#push(root, names)
      } else {
        const slash = this.#root.lastIndexOf("/")
        const { root } = this.#hold(this.#root.slice(0, slash) || "/")
        const name = baseName(this.#root)
        const stats = statsAt(root.child(name))
        const entry = complete(this.#entry(name, stats, root, name), stats)
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

  #hold(path: string): Held {
    const held = new Held(path, { limit: HELD, descriptors: this.#descriptors })
    this.#held = held
    this.#place = { path, device: held.root.device, inode: held.root.inode, held: this.#descriptors !== undefined }
    return held
  }

  #visit(level: Level, name: string, out: Array<Entry>): void {
    const path = joinPath(level.path, name)
    let stats: Stats | undefined
    let problem = vanished
    try {
      stats = statsIfAny(this.#held!.use(level.directory).child(name))
    } catch (cause) {
      problem = errorSentence(cause)
    }
    // Without byte names, two names may look like one, and only one of them is what lstat finds.
    const ambiguous = !BYTE_NAMES && level.names[level.nextName - 2] === name
    if (stats !== undefined && isDirectory(stats) && !ambiguous) {
      if (!this.#ignores(path, true)) level.directories.push(name)
      return
    }
    if (this.#ignores(path, false)) return
    if (stats === undefined || ambiguous) {
      out.push(unreadable(path, !BYTE_NAMES && name.includes("\ufffd") ? BYTE_NAMES_MISSING : problem))
    } else out.push(complete(this.#entry(path, stats, level.directory, name), stats))
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
    out.push(directory(path, stats))
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
   * Strings first, as they are faster; a name that is not UTF-8 shows as U+FFFD and makes us read the directory again
   * as bytes.
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

  /** `name` in `directory`. */
  #entry(path: string, stats: Stats, directory: Directory, name: string): Entry {
    const kind = kindOf(stats)
    const metadata = metadataOf(stats)
    if (kind === "file") {
      const size = Number(stats.size)
      const content = localContent({ root: this.#place!, path, device: stats.dev, inode: stats.ino }, this.#heldOf)
      const linkTo = stats.nlink > 1n ? this.#link(path, stats) : undefined
      // Same order of fields for all files: one shape makes walks faster.
      const sparse = stats.blocks * 512n < stats.size
      if (linkTo === undefined && !sparse) return { path, kind, metadata, size, content }
      return {
        path,
        kind,
        metadata,
        size,
        content,
        ...(linkTo === undefined ? undefined : { linkTo }),
        ...(sparse ? { sparse } : undefined),
      }
    }
    if (kind === undefined) return unreadable(path, "It is of a kind that is not known")
    const link = kind !== "socket" && stats.nlink > 1n ? { linkTo: this.#link(path, stats) } : undefined
    const linked = link?.linkTo === undefined ? undefined : link as { readonly linkTo: string }
    if (kind === "character" || kind === "block") {
      return { path, kind, metadata, size: 0, rdev: deviceOf(stats.rdev), ...linked }
    }
    if (kind !== "symlink") return { path, kind, metadata, size: 0, ...linked }
    try {
      const target = pathFromBytes(fs.readlinkSync(directory.child(name), { encoding: "buffer" }))
      return { path, kind, metadata, size: 0, target, ...linked }
    } catch (cause) {
      return unreadable(path, errorSentence(cause))
    }
  }

  /**
   * Path of the first link to the same file, if this is not the first. Forgets the file once all its links were seen.
   */
  #link(path: string, stats: Stats): string | undefined {
    const key = `${stats.dev}:${stats.ino}`
    const known = this.#links.get(key)
    if (known === undefined) {
      this.#links.set(key, { path, left: Number(stats.nlink) - 1 })
      return undefined
    }
    if (--known.left <= 0) this.#links.delete(key)
    return known.path
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
    // Not readable: then it is walked like any other directory, and the tag is reported.
    return false
  } finally {
    if (fd !== undefined) fs.closeSync(fd)
  }
}

const vanished = "No such file or directory: it vanished while the directory was read"

const REPLACED = "It was replaced by something else while the directory was read"

const directory = (path: string, stats: Stats): Entry =>
  complete({ path, kind: "directory", metadata: metadataOf(stats), size: 0 }, stats)

/** Says of an entry what the runtime does not tell. */
const complete = (entry: Entry, stats: Stats): Entry =>
  stats.mtimeNs === undefined && entry.kind !== "unreadable" ? { ...entry, lost: UNTOLD } : entry

const unreadable = (path: string, problem: string): Entry => ({
  path,
  kind: "unreadable",
  metadata: {},
  size: 0,
  problem,
})

const leadsToDirectory = (path: NativePath): boolean => {
  try {
    return isDirectory(statsOf(path))
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false
    throw cause
  }
}
