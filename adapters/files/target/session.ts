/** Writes single entries into a directory of this machine. */
import * as fs from "node:fs"
import { randomBytes } from "node:crypto"
import { type Directory, sameFile } from "../system/directory.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { baseName, isByteName, parentPath, pathToBytes } from "../../../stages/walk/path.ts"
import type { TargetOptions, Written } from "../../../stages/walk/target.ts"
import { admit, FULL_DIRECTORY, isSameNode, pathWrong, refuse } from "./admit.ts"
import { Batches, Busy } from "./batches.ts"
import { changes, isFar, sameAttributes, setAttributes, type Wanted, wantedOf, withUnset } from "./attributes.ts"
import { Directories, type Level } from "./directories.ts"
import { FileWriter } from "./file_writer.ts"
import { openedFile, withNode } from "../system/handle.ts"
import { isDirectory, isRegular } from "../system/metadata.ts"
import { absoluteRoot, asSeconds, BYTE_NAMES, type NativePath, nativePath, removeQuietly } from "../system/native.ts"
import { makeNode } from "./nodes.ts"
import { type Stats, statsAt, statsIfAny, statsOfOpen } from "../system/stats.ts"

/**
 * A file that waits for its content. Nothing else may be asked of the session until it has it: its directory is held
 * until then.
 */
export interface PendingFile extends Place {
  /** What its entry asks for. */
  readonly want: Wanted
  /** The same for a new file, which has a mode in any case. */
  readonly full: Wanted
  /** The mode that a new file is made with. */
  readonly made: number
  /** The hard link to make instead, when the content turns out to be the same. */
  readonly link: Link | undefined
  readonly writer: FileWriter
}

/** What a hard link may be made to. */
interface Link {
  readonly native: NativePath
  readonly stats: Stats
}

/** A place for an entry, and what is in it. */
interface Place {
  readonly entry: Entry
  readonly native: NativePath
  readonly temp: NativePath
  readonly level: Level
  /** In a directory that this session made it is not looked for. */
  readonly existing: Stats | undefined
}

/** All synchronous; methods throw {@link TargetError} or errors of `node:fs`. */
export class LocalSession {
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

  /** `threadAfter`: see `LocalTargetOptions`; `descriptors`: see `held.ts`. */
  constructor(
    root: string,
    options: TargetOptions,
    threadAfter: number | undefined,
    descriptors: string | undefined,
  ) {
    const native = nativePath(absoluteRoot(root), "")
    const fresh = fs.mkdirSync(native, { recursive: true }) !== undefined
    const real = fs.realpathSync(native)
    this.#owner = options.owner ?? process.getuid?.() === 0
    this.#devices = options.devices ?? false
    this.#umask = process.umask()
    this.batches = new Batches(this.#prefix, threadAfter)
    this.#directories = new Directories(real.includes("\ufffd") ? absoluteRoot(root) : real, {
      batches: this.batches,
      descriptors,
      fresh,
      owner: this.#owner,
      umask: this.#umask,
    })
    const probe = this.#temporary(this.#directories.root)
    const fd = fs.openSync(probe, "wx", 0o600)
    try {
      this.#start = statsOfOpen(fd).ctimeNs
    } finally {
      fs.closeSync(fd)
      fs.unlinkSync(probe)
    }
  }

  /** Everything but the content of files: a result, or a file that waits for its content and must be closed. */
  begin(entry: Entry): Written | PendingFile {
    const { path } = entry
    const notWritten = admit(entry, this.#devices)
    if (notWritten !== undefined) return notWritten
    if (entry.kind === "directory") return this.#directories.make(entry)
    this.batches.check(path)
    const level = this.#directories.enter(parentPath(path))
    const native = level.directory.child(baseName(path))
    const temp = this.#temporary(level.directory)
    const existing = entry.kind === "file" && level.fresh ? undefined : this.#existing(path, native)
    const place: Place = { entry, native, temp, level, existing }
    return entry.kind === "file" ? this.#beginFile(place) : this.#node(place)
  }

  /**
   * Gives a file to another thread, when that may write it; else returns false, and it is to be written by `begin` and
   * `commit`.
   */
  hand(entry: Entry): boolean {
    const { content, metadata, path, size } = entry
    if (
      entry.kind !== "file" || !(content instanceof Uint8Array) || entry.linkTo !== undefined ||
      entry.sparse === true ||
      size !== undefined && size !== content.length || path === "" || !this.batches.takes(content.length)
    ) return false
    refuse(path, "path", pathWrong(path))
    this.batches.check(path)
    const level = this.#directories.enter(parentPath(path))
    // Elsewhere there may be something in its place.
    if (!level.fresh) return false
    const want = this.#full(wantedOf("file", metadata, this.#owner), undefined)
    const made = level.newFiles.modeFor(want)
    const have = level.newFiles.known(made)
    const native = level.directory.child(baseName(path))
    if (
      have === undefined || typeof native !== "string" ||
      want.mtime !== undefined && (want.mtime < 0n || isFar(want.mtime))
    ) return false
    this.batches.add(path, native, content, {
      temporary: this.#temporaries++,
      made,
      ...changes(have, want),
      time: want.mtime === undefined ? NaN : asSeconds(want.mtime) as number,
    })
    return true
  }

  #full(want: Wanted, existing: Stats | undefined): Wanted {
    return want.mode !== undefined ? want : {
      ...want,
      mode: existing !== undefined && isRegular(existing) ? Number(existing.mode & 0o777n) : 0o666 & ~this.#umask,
    }
  }

  /** What is at a path, when it may be replaced. */
  #existing(path: string, native: NativePath): Stats | undefined {
    const existing = statsIfAny(native)
    if (existing !== undefined && isDirectory(existing)) {
      // It is full when files in it are under way.
      if (this.batches.any) throw new Busy()
      if (fs.readdirSync(native).length > 0) {
        throw new TargetError({ reason: "refused", path, message: FULL_DIRECTORY })
      }
    }
    return existing
  }

  /** After all content was given to `file.writer`: gives the file its metadata and its name. */
  commit(file: PendingFile): Written {
    const { entry, full, level, link, made, native, temp, want, writer } = file
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
      } else {
        // The file that was compared, which may be another by now than the one that was there before.
        const same = openedFile(writer.fd, native)
        const have = same.stats()
        if (sameAttributes(have, want)) return { path, outcome: "unchanged" }
        if (have.nlink === 1n) return withUnset({ path, outcome: "written" }, setAttributes(same, want, have))
      }
      writer.separate()
    }
    const unset = setAttributes(openedFile(writer.fd, temp), full, level.newFiles.look(writer.fd, made))
    writer.seal()
    this.#giveName(file)
    writer.named()
    return withUnset({ path, outcome: "written" }, unset)
  }

  /** See `TargetSession.finish`. */
  finish(): ReadonlyArray<Written> {
    return this.#directories.finish()
  }

  #beginFile(place: Place): Written | PendingFile {
    const { entry, existing, level, native, temp } = place
    const want = wantedOf("file", entry.metadata, this.#owner)
    const full = this.#full(want, existing)
    const made = level.newFiles.modeFor(full)
    const pending = { ...place, want, full, made }
    const link = this.#linkSource(entry)
    if (link !== undefined) {
      // Written or changed by this session: it has the content that the entry has.
      const known = link.stats.ctimeNs > this.#start
      const linked = known ? this.#link(place, link) : undefined
      if (linked !== undefined) return linked
      return { ...pending, link, writer: new FileWriter(entry, temp, made, link.native) }
    }
    const comparable = existing !== undefined && isRegular(existing) &&
      (entry.size === undefined || Number(existing.size) === entry.size)
    const writer = new FileWriter(entry, temp, made, comparable ? native : undefined)
    return { ...pending, link, writer }
  }

  /**
   * What `linkTo` names, when it may be the same as the entry: of its kind, in real directories beneath the root, with
   * its size and metadata. So no link ever leads out of the target, and metadata set on one name never changes what was
   * there before under another.
   */
  #linkSource(entry: Entry): Link | undefined {
    const { linkTo } = entry
    if (linkTo === undefined) return undefined
    refuse(entry.path, "link", linkTo === "" ? "it is the root" : pathWrong(linkTo))
    if (!BYTE_NAMES && isByteName(linkTo) || linkTo === entry.path) return undefined
    this.batches.check(linkTo)
    const directory = this.#directories.find(parentPath(linkTo))
    if (directory === undefined) return undefined
    const native = directory.child(baseName(linkTo))
    const stats = statsIfAny(native)
    if (stats === undefined) return undefined
    const same = entry.kind === "file"
      ? isRegular(stats) && (entry.size === undefined || entry.size === Number(stats.size))
      : isSameNode(entry, native, stats)
    return same && sameAttributes(stats, wantedOf(entry.kind, entry.metadata, this.#owner))
      ? { native, stats }
      : undefined
  }

  /** Undefined when they cannot be linked: then the entry is made anew. */
  #link(place: Place, { native, stats }: Link): Written | undefined {
    const { entry: { path }, existing, temp } = place
    if (existing !== undefined && sameFile(existing, stats)) return { path, outcome: "unchanged" }
    try {
      fs.linkSync(native, temp)
    } catch {
      return undefined
    }
    try {
      // Another program may have put something else there since it was looked at.
      if (!sameFile(statsAt(temp), stats)) return undefined
      this.#giveName(place)
    } finally {
      removeQuietly(temp)
    }
    return { path, outcome: "written" }
  }

  /** Symlinks, fifos, device nodes. */
  #node(place: Place): Written {
    const { entry, existing, level: { directory }, native, temp } = place
    const { kind, path, target } = entry
    const want = wantedOf(kind, entry.metadata, this.#owner)
    const link = this.#linkSource(entry)
    const linked = link && this.#link(place, link)
    if (linked !== undefined) return linked
    if (existing !== undefined && isSameNode(entry, native, existing)) {
      if (sameAttributes(existing, want)) return { path, outcome: "unchanged" }
      // With more names than one, what changes here would change elsewhere.
      if (existing.nlink === 1n) {
        const unset = withNode(directory, baseName(path), { kind, alone: true }, (node) => setAttributes(node, want))
        return withUnset({ path, outcome: "written" }, unset)
      }
    }
    const name = temporaryName(temp)
    try {
      if (kind === "symlink") {
        fs.symlinkSync(target!.isWellFormed() ? target! : Buffer.from(pathToBytes(target!)), temp)
      } else {
        const missing = makeNode(entry, directory, name)
        if (missing !== undefined) return { path, outcome: "skipped", message: missing }
      }
      const unset = withNode(directory, name, { kind, alone: true }, (node) => setAttributes(node, want))
      this.#rename(temp, native, existing)
      return withUnset({ path, outcome: "written" }, unset)
    } catch (cause) {
      removeQuietly(temp)
      throw cause
    }
  }

  /** Gives what is at `temp` its name. */
  #giveName({ entry, existing, level, native, temp }: Place): void {
    try {
      this.#rename(temp, native, existing)
    } catch (cause) {
      if (!level.fresh) throw cause
      // Nothing but what this session made can be in its place: an empty directory gives way, a full one is told of.
      this.#rename(temp, native, this.#existing(entry.path, native))
    }
  }

  /** Gives what is at `temp` its name. A directory goes only when it is empty. */
  #rename(temp: NativePath, native: NativePath, existing: Stats | undefined): void {
    if (existing !== undefined && isDirectory(existing)) fs.rmdirSync(native)
    fs.renameSync(temp, native)
  }

  #temporary(directory: Directory): NativePath {
    return directory.child(`${this.#prefix}${this.#temporaries++}`)
  }
}

const temporaryName = (temp: NativePath): string => baseName(String(temp))
