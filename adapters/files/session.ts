/** Writes single entries into a directory of this machine. */
import * as fs from "node:fs"
import { randomBytes } from "node:crypto"
import type { Entry } from "../../stages/walk/entry.ts"
import { isByteName, joinPath, parentPath, pathFromBytes, pathProblem, pathToBytes } from "../../stages/walk/path.ts"
import { TargetError, type TargetOptions, type Written } from "../../stages/walk/target.ts"
import { Batches, Busy } from "./batches.ts"
import { changes, sameAttributes, setAttributes, setNodeAttributes, type Wanted, wantedOf } from "./attributes.ts"
import { Directories, type Level } from "./directories.ts"
import { FileWriter } from "./file_writer.ts"
import { deviceOf, isDirectory, isRegular, kindOf } from "./metadata.ts"
import {
  absoluteRoot,
  asSeconds,
  BYTE_NAMES,
  BYTE_NAMES_MISSING,
  type NativePath,
  nativePath,
  removeQuietly,
} from "./native.ts"
import { makeNode } from "./nodes.ts"

/** A file that waits for its content. */
export interface PendingFile {
  readonly entry: Entry
  readonly native: NativePath
  readonly temp: NativePath
  readonly level: Level
  /** What its entry asks for. */
  readonly want: Wanted
  /** The same for a new file, which has a mode in any case. */
  readonly full: Wanted
  /** The mode that a new file is made with. */
  readonly made: number
  /** What is in its place. In a directory that this session made it is not looked for. */
  readonly existing: fs.BigIntStats | undefined
  /** The hard link to make instead, when the content turns out to be the same. */
  readonly link: { readonly native: NativePath; readonly stats: fs.BigIntStats } | undefined
  readonly writer: FileWriter
}

/** All synchronous; methods throw {@link TargetError} or errors of `node:fs`. */
export class LocalSession {
  readonly #root: string
  readonly #owner: boolean
  readonly #devices: boolean
  readonly #umask: number
  readonly #directories: Directories
  /** Files that another thread writes. Methods throw {@link Busy} when they must wait for it. */
  readonly batches: Batches
  readonly #prefix = `.penstock-${randomBytes(6).toString("hex")}-`
  #temporaries = 0
  /** A file whose inode changed since then was written by this session. On the clock of the file system. */
  readonly #start: bigint

  constructor(root: string, options: TargetOptions, threadAfter?: number) {
    const native = nativePath(absoluteRoot(root), "")
    const fresh = fs.mkdirSync(native, { recursive: true }) !== undefined
    const real = fs.realpathSync(native)
    this.#root = real.includes("\ufffd") ? absoluteRoot(root) : real
    this.#owner = options.owner ?? process.getuid?.() === 0
    this.#devices = options.devices ?? false
    this.#umask = process.umask()
    this.batches = new Batches(this.#prefix, threadAfter)
    this.#directories = new Directories(this.#root, fresh, this.#owner, this.#umask, this.batches)
    const probe = this.#temporary("")
    const fd = fs.openSync(probe, "wx", 0o600)
    try {
      this.#start = fs.fstatSync(fd, { bigint: true }).ctimeNs
    } finally {
      fs.closeSync(fd)
      fs.unlinkSync(probe)
    }
  }

  /** Everything but the content of files: a result, or a file that waits for its content and must be closed. */
  begin(entry: Entry): Written | PendingFile {
    const { path } = entry
    refuse(path, "path", pathProblem(path) ?? nameProblem(path))
    if (!BYTE_NAMES && isByteName(path)) return { path, outcome: "skipped", message: BYTE_NAMES_MISSING }
    if (entry.kind === "directory") return this.#directories.make(entry)
    if (entry.kind === "unreadable") {
      return { path, outcome: "skipped", message: entry.problem ?? "It was not readable" }
    }
    if (entry.kind === "socket") return { path, outcome: "skipped", message: "Sockets are made by their programs" }
    if ((entry.kind === "character" || entry.kind === "block") && !this.#devices) {
      return { path, outcome: "skipped", message: "Device nodes are made only when asked for" }
    }
    if (path === "") refuse(path, "path", "only a directory can be the root")
    this.batches.check(path)
    const level = this.#directories.enter(parentPath(path))
    const native = nativePath(this.#root, path)
    if (entry.kind !== "file") return this.#node(entry, native, this.#existing(path, native))
    return this.#beginFile(entry, native, level, level.fresh ? undefined : this.#existing(path, native))
  }

  /** Gives a file to another thread, when that may write it; else returns false, and it is to be written by `begin` and `commit`. */
  hand(entry: Entry): boolean {
    const { content, metadata, path, size } = entry
    if (
      entry.kind !== "file" || !(content instanceof Uint8Array) || entry.linkTo !== undefined ||
      entry.sparse === true ||
      size !== undefined && size !== content.length || path === "" || !this.batches.takes(content.length)
    ) return false
    refuse(path, "path", pathProblem(path) ?? nameProblem(path))
    this.batches.check(path)
    const level = this.#directories.enter(parentPath(path))
    // Elsewhere there may be something in its place.
    if (!level.fresh) return false
    const want = this.#full(wantedOf("file", metadata, this.#owner), undefined)
    const made = level.newFiles.modeFor(want)
    const have = level.newFiles.known(made)
    const native = nativePath(this.#root, path)
    if (have === undefined || typeof native !== "string" || want.mtime !== undefined && want.mtime < 0n) return false
    this.batches.add(path, native, content, {
      temporary: this.#temporaries++,
      made,
      ...changes(have, want),
      time: want.mtime === undefined ? NaN : asSeconds(want.mtime) as number,
    })
    return true
  }

  #full(want: Wanted, existing: fs.BigIntStats | undefined): Wanted {
    return want.mode !== undefined ? want : {
      ...want,
      mode: existing !== undefined && isRegular(existing) ? Number(existing.mode & 0o777n) : 0o666 & ~this.#umask,
    }
  }

  /** What is at a path, when it may be replaced. */
  #existing(path: string, native: NativePath): fs.BigIntStats | undefined {
    const existing = fs.lstatSync(native, { bigint: true, throwIfNoEntry: false })
    if (existing !== undefined && isDirectory(existing)) {
      // It is full when files in it are under way.
      if (this.batches.any) throw new Busy()
      if (fs.readdirSync(native).length > 0) {
        throw new TargetError({
          reason: "refused",
          path,
          message: "A directory that is not empty is in its place; move that away and restore again",
        })
      }
    }
    return existing
  }

  /** After all content was given to `file.writer`: gives the file its metadata and its name. */
  commit(file: PendingFile): Written {
    const { entry, existing, full, level, link, made, native, temp, want, writer } = file
    const { path, size } = entry
    if (size !== undefined && writer.position !== size) {
      throw new TargetError({
        reason: "io",
        path,
        message: `Its content is ${writer.position} bytes long instead of ${size}`,
      })
    }
    if (writer.end()) {
      if (link !== undefined) {
        const linked = this.#link(file, link)
        if (linked !== undefined) return linked
      } else if (existing!.nlink === 1n || sameAttributes(existing!, want)) {
        return withProblem({ path, outcome: "unchanged" }, setAttributes(writer.fd, native, want))
      }
      writer.separate()
    }
    const problem = setAttributes(writer.fd, temp, full, level.newFiles.look(writer.fd, made))
    writer.seal()
    this.#nameFile(file)
    writer.named()
    return withProblem({ path, outcome: "written" }, problem)
  }

  /** See `TargetSession.finish`. */
  finish(): ReadonlyArray<Written> {
    return this.#directories.finish()
  }

  #beginFile(
    entry: Entry,
    native: NativePath,
    level: Level,
    existing: fs.BigIntStats | undefined,
  ): Written | PendingFile {
    const { linkTo } = entry
    const temp = this.#temporary(level.path)
    const want = wantedOf("file", entry.metadata, this.#owner)
    const full = this.#full(want, existing)
    const made = level.newFiles.modeFor(full)
    const pending = { entry, native, temp, level, want, full, made, existing }
    if (linkTo !== undefined) {
      const link = this.#linkSource(entry, linkTo)
      if (link !== undefined) {
        // Written or changed by this session: it has the content that the entry has.
        const known = link.stats.ctimeNs > this.#start
        const file = { ...pending, link }
        const linked = known ? this.#link(file, link) : undefined
        if (linked !== undefined) return linked
        return { ...file, writer: new FileWriter(entry, temp, made, link.native) }
      }
    }
    const comparable = existing !== undefined && isRegular(existing) &&
      (entry.size === undefined || Number(existing.size) === entry.size)
    const writer = new FileWriter(entry, temp, made, comparable ? native : undefined)
    return { ...pending, link: undefined, writer }
  }

  /**
   * The file that `linkTo` names, when it may be the same file: a regular file in real directories beneath the root that has
   * the size and metadata of the entry. So no link ever leads out of the target, and metadata set on one name never
   * changes a file that was there before under another.
   */
  #linkSource(entry: Entry, linkTo: string): PendingFile["link"] {
    refuse(entry.path, "link", linkTo === "" ? "it is the root" : pathProblem(linkTo) ?? nameProblem(linkTo))
    if (!BYTE_NAMES && isByteName(linkTo) || linkTo === entry.path) return undefined
    this.batches.check(linkTo)
    if (!this.#directories.isReal(parentPath(linkTo))) return undefined
    const native = nativePath(this.#root, linkTo)
    const stats = fs.lstatSync(native, { bigint: true, throwIfNoEntry: false })
    return stats !== undefined && isRegular(stats) &&
        (entry.size === undefined || entry.size === Number(stats.size)) &&
        sameAttributes(stats, wantedOf("file", entry.metadata, this.#owner))
      ? { native, stats }
      : undefined
  }

  /** Undefined when the file system cannot link them: then the content is written. */
  #link(file: Omit<PendingFile, "writer">, link: NonNullable<PendingFile["link"]>): Written | undefined {
    const { path } = file.entry
    if (file.existing !== undefined && link.stats.dev === file.existing.dev && link.stats.ino === file.existing.ino) {
      return { path, outcome: "unchanged" }
    }
    try {
      fs.linkSync(link.native, file.temp)
    } catch {
      return undefined
    }
    try {
      this.#nameFile(file)
    } finally {
      removeQuietly(file.temp)
    }
    return { path, outcome: "written" }
  }

  /** Symlinks, fifos, device nodes. */
  #node(entry: Entry, native: NativePath, existing: fs.BigIntStats | undefined): Written {
    const { path, target } = entry
    const want = wantedOf(entry.kind, entry.metadata, this.#owner)
    if (entry.kind === "symlink") {
      refuse(path, "link target", target === undefined || target === "" ? "it is empty" : nulProblem(target))
      if (!BYTE_NAMES && isByteName(target!)) return { path, outcome: "skipped", message: BYTE_NAMES_MISSING }
    } else if (entry.kind !== "fifo" && entry.rdev === undefined) {
      return { path, outcome: "failed", message: "Its device numbers are not known" }
    }
    if (existing !== undefined && this.#sameNode(entry, native, existing)) {
      return withProblem({ path, outcome: "unchanged" }, setNodeAttributes(native, want))
    }
    const beside = this.#temporary(parentPath(path))
    // The tools take names that are UTF-8 only: elsewhere it is made in the root and moved.
    const temp = entry.kind === "symlink" || typeof beside === "string" ? beside : this.#temporary("")
    try {
      if (entry.kind === "symlink") {
        fs.symlinkSync(target!.isWellFormed() ? target! : Buffer.from(pathToBytes(target!)), temp)
      } else {
        const missing = makeNode(entry, String(temp))
        if (missing !== undefined) return { path, outcome: "skipped", message: missing }
      }
      const problem = setNodeAttributes(temp, want)
      this.#rename(temp, native, existing)
      return withProblem({ path, outcome: "written" }, problem)
    } catch (cause) {
      removeQuietly(temp)
      throw cause
    }
  }

  #sameNode(entry: Entry, native: NativePath, existing: fs.BigIntStats): boolean {
    // More names than one: what changes here would change elsewhere.
    if (kindOf(existing) !== entry.kind || existing.nlink > 1n) return false
    if (entry.kind === "symlink") {
      return pathFromBytes(fs.readlinkSync(native, { encoding: "buffer" })) === entry.target
    }
    if (entry.kind === "fifo") return true
    const have = deviceOf(existing.rdev)
    return have.major === entry.rdev!.major && have.minor === entry.rdev!.minor
  }

  /** Gives a file its name. */
  #nameFile({ entry, existing, level, native, temp }: Omit<PendingFile, "writer">): void {
    try {
      this.#rename(temp, native, existing)
    } catch (cause) {
      if (!level.fresh) throw cause
      // Nothing but what this session made can be in its place: an empty directory gives way, a full one is told of.
      this.#rename(temp, native, this.#existing(entry.path, native))
    }
  }

  /** Gives what is at `temp` its name. A directory goes only when it is empty. */
  #rename(temp: NativePath, native: NativePath, existing: fs.BigIntStats | undefined): void {
    if (existing !== undefined && isDirectory(existing)) fs.rmdirSync(native)
    fs.renameSync(temp, native)
  }

  #temporary(directory: string): NativePath {
    return nativePath(this.#root, joinPath(directory, `${this.#prefix}${this.#temporaries++}`))
  }
}

const refuse = (path: string, what: string, problem: string | undefined): void => {
  if (problem === undefined) return
  throw new TargetError({ reason: "refused", path, message: `Refused because of its ${what}: ${problem}` })
}

const withProblem = (written: Written, problem: string | undefined): Written =>
  problem === undefined ? written : { path: written.path, outcome: "failed", message: problem }

const nulProblem = (text: string): string | undefined =>
  text.includes("\0") ? "it contains a NUL byte" : nameProblem(text)

/** Why a path cannot be written on this machine, beside what `pathProblem` finds. */
const nameProblem = (path: string): string | undefined => {
  if (process.platform === "win32" && /[\\:]/.test(path)) return "it has a character that Windows gives a meaning"
  // With the flag `u`, surrogates that are part of a pair do not match.
  return path.isWellFormed() || path.replace(/[\udc80-\udcff]/gu, "").isWellFormed()
    ? undefined
    : "it is not the encoding of any bytes"
}
