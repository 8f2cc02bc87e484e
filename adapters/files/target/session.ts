/** Writes single entries into a directory of this machine. */
import { type Hash, randomBytes } from "node:crypto"
import * as fs from "node:fs"
import type { Entry } from "../../../stages/walk/entry.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Overwrite } from "../../../stages/walk/overwrite.ts"
import { baseName, parentPath, pathToBytes } from "../../../stages/walk/path.ts"
import type { TargetOptions, Written } from "../../../stages/walk/target.ts"
import { type Directory, Replaced, sameFile } from "../system/directory.ts"
import { fileHandle, withNode } from "../system/handle.ts"
import { isRegular } from "../system/metadata.ts"
import { absoluteRoot, asSeconds, type NativePath, nativePath, removeQuietly } from "../system/native.ts"
import { type Stats, statsIfAny, statsOfOpen } from "../system/stats.ts"
import { admit, isSameNode, pathWrong, refuse } from "./admit.ts"
import { changes, isFar, sameAttributes, setAttributes, type Wanted, wantedOf, withUnset } from "./attributes.ts"
import { Batches } from "./batches.ts"
import { Directories } from "./directories.ts"
import { FileWriter } from "./file_writer.ts"
import { judgeLocal } from "./in_place.ts"
import { type Link, LinkWriter } from "./link_writer.ts"
import { makeNode } from "./nodes.ts"
import { giveName, type Place, replaceableAt } from "./place.ts"
import { newDigest, readBack } from "./read_back.ts"

/**
 * A file that waits for its content. Until it is committed or closed, nothing else may be asked of the session: its
 * directory must stay held.
 */
export interface PendingFile extends Place {
  /** What its entry asks for. */
  readonly want: Wanted
  /** The same for a new file, which always gets a mode. */
  readonly full: Wanted
  /** The mode that a new file is made with. */
  readonly made: number
  /** The hard link to make instead, when the content turns out to be the same. */
  readonly link: Link | undefined
  readonly writer: FileWriter
}

/**
 * One restore under way. All methods are synchronous. They throw {@link TargetError}, errors of `node:fs`, or `Busy`
 * when they must wait for the other thread (see {@link batches}).
 */
export class LocalSession {
  readonly #owner: boolean
  readonly #devices: boolean
  readonly #overwrite: Overwrite
  readonly #verify: boolean
  readonly #umask: number
  readonly #directories: Directories
  readonly #links: LinkWriter
  /** The files that another thread writes. */
  readonly batches: Batches
  readonly #prefix = `.penstock-${randomBytes(6).toString("hex")}-`
  #temporaries = 0

  /** `threadAfter`: see `LocalTargetOptions`. `descriptors`: see `DESCRIPTORS`. */
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
    this.#overwrite = options.overwrite ?? "always"
    this.#verify = options.verify ?? false
    this.#umask = process.umask()
    this.batches = new Batches(this.#prefix, threadAfter)
    this.#directories = new Directories(real.includes("\ufffd") ? absoluteRoot(root) : real, {
      batches: this.batches,
      descriptors,
      fresh,
      overwrite: this.#overwrite,
      owner: this.#owner,
      umask: this.#umask,
    })
    this.#links = new LinkWriter(this.#directories, this.batches, this.#owner, this.#now())
  }

  /** The time by the clock of the file system of the target, in nanoseconds since 1970. */
  #now(): bigint {
    const probe = this.#temporary(this.#directories.root)
    const fd = fs.openSync(probe, "wx", 0o600)
    try {
      return statsOfOpen(fd).ctimeNs
    } finally {
      fs.closeSync(fd)
      fs.unlinkSync(probe)
    }
  }

  /** Does everything but the content of a file. Returns a result, or a file that waits for its content. */
  begin(entry: Entry): Written | PendingFile {
    const { path } = entry
    const notWritten = admit(entry, this.#devices)
    if (notWritten !== undefined) return notWritten
    if (entry.kind === "directory") return this.#directories.make(entry)
    this.batches.check(path)
    const level = this.#directories.enter(parentPath(path))
    const native = level.directory.child(baseName(path))
    const temp = this.#temporary(level.directory)
    // In a directory that this session made, there is nothing to be kept.
    const found = level.fresh || this.#overwrite === "always" ? undefined : statsIfAny(native)
    const judged = found === undefined ? "write" : judgeLocal(this.#overwrite, entry, found)
    if (judged === "keep") return { path, outcome: "kept" }
    const existing = entry.kind === "file" && level.fresh ? undefined : replaceableAt(path, native, this.batches)
    const place: Place = { entry, native, temp, level, existing, trusted: judged === "trust" }
    return entry.kind === "file" ? this.#beginFile(place) : this.#writeNode(place)
  }

  /** Gives a file to the other thread. Returns false when that must not write it; use `begin` and `commit` then. */
  hand(entry: Entry): boolean {
    const { content, metadata, path, size } = entry
    if (
      this.#verify || entry.kind !== "file" || !(content instanceof Uint8Array) || entry.linkTo !== undefined ||
      entry.sparse === true ||
      size !== undefined && size !== content.length || path === "" || !this.batches.takes(content.length)
    ) return false
    refuse(path, "path", pathWrong(path))
    this.batches.check(path)
    const level = this.#directories.enter(parentPath(path))
    // In a directory that this session did not make, there may be something in its place.
    if (!level.fresh) return false
    const want = this.#withMode(wantedOf("file", metadata, this.#owner), undefined)
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

  /** Gives a file its metadata and its name. To be called after all its content was given to `file.writer`. */
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
        const linked = this.#links.make(file, link)
        if (linked !== undefined) return linked
      } else {
        // This is the file that was compared. Another one may have taken its place since then.
        const same = fileHandle(writer.fd, native)
        const have = same.stats()
        if (sameAttributes(have, want)) return { path, outcome: "unchanged" }
        if (have.nlink === 1n) return withUnset({ path, outcome: "written" }, setAttributes(same, want, have))
      }
      writer.separate()
    }
    const unset = setAttributes(fileHandle(writer.fd, temp), full, level.newFiles.look(writer.fd, made))
    writer.closeNew()
    giveName(file, this.batches)
    writer.named()
    return withUnset({ path, outcome: "written" }, unset)
  }

  /** See `TargetSession.finish`. */
  finish(): ReadonlyArray<Written> {
    return this.#directories.finish()
  }

  /** The steps to read a file back that was just committed. Undefined when there is nothing to read back. */
  readBack({ entry: { path }, native, writer: { written } }: PendingFile): Generator<undefined, void> | undefined {
    return written === undefined ? undefined : readBack(path, native, written)
  }

  #digest(): Hash | undefined {
    return this.#verify ? newDigest() : undefined
  }

  #beginFile(place: Place): Written | PendingFile {
    const { entry, existing, level, native, temp } = place
    const want = wantedOf("file", entry.metadata, this.#owner)
    const full = this.#withMode(want, existing)
    const made = level.newFiles.modeFor(full)
    const pending = { ...place, want, full, made }
    const link = this.#links.sourceOf(entry)
    const trusted = place.trusted && entry.linkTo === undefined ? this.#trust(place, want) : undefined
    if (trusted !== undefined) return trusted
    if (link !== undefined) {
      const known = link.ours || judgeLocal(this.#overwrite, entry, link.stats) === "trust"
      const linked = known ? this.#links.make(place, link) : undefined
      if (linked !== undefined) return linked
      return { ...pending, link, writer: new FileWriter(entry, temp, made, link.native, this.#digest()) }
    }
    const comparable = existing !== undefined && isRegular(existing) &&
      (entry.size === undefined || Number(existing.size) === entry.size)
    const writer = new FileWriter(entry, temp, made, comparable ? native : undefined, this.#digest())
    return { ...pending, link, writer }
  }

  /** Sets the metadata of a file whose content counts as the right one. Undefined when it must be written anew. */
  #trust({ entry: { path }, existing, level }: Place, want: Wanted): Written | undefined {
    if (existing === undefined || !isRegular(existing)) return undefined
    if (sameAttributes(existing, want)) return { path, outcome: "unchanged" }
    // Its other names, which may be anywhere, must keep their metadata.
    if (existing.nlink !== 1n) return undefined
    const unset = withNode(level.directory, baseName(path), { kind: "file", alone: true }, (node) => {
      const have = node.stats()
      if (!sameFile(have, existing)) throw new Replaced()
      return setAttributes(node, want, have)
    })
    return withUnset({ path, outcome: "written" }, unset)
  }

  /** Adds a mode where the entry has none: that of the file in its place, or what the umask leaves. */
  #withMode(want: Wanted, existing: Stats | undefined): Wanted {
    return want.mode !== undefined ? want : {
      ...want,
      mode: existing !== undefined && isRegular(existing) ? Number(existing.mode & 0o777n) : 0o666 & ~this.#umask,
    }
  }

  /** Writes a symlink, fifo or device node. */
  #writeNode(place: Place): Written {
    const { entry, existing, level: { directory }, native, temp } = place
    const { kind, path, target } = entry
    const want = wantedOf(kind, entry.metadata, this.#owner)
    const link = this.#links.sourceOf(entry)
    const linked = link && this.#links.make(place, link)
    if (linked !== undefined) return linked
    if (existing !== undefined && isSameNode(entry, native, existing)) {
      if (sameAttributes(existing, want)) return { path, outcome: "unchanged" }
      // A node with several names must not be changed here: that would change it under the other names.
      if (existing.nlink === 1n) {
        const unset = withNode(directory, baseName(path), { kind, alone: true }, (node) => setAttributes(node, want))
        return withUnset({ path, outcome: "written" }, unset)
      }
    }
    const name = baseName(String(temp))
    try {
      if (kind === "symlink") {
        fs.symlinkSync(target!.isWellFormed() ? target! : Buffer.from(pathToBytes(target!)), temp)
      } else {
        const missing = makeNode(entry, directory, name)
        if (missing !== undefined) return { path, outcome: "skipped", message: missing }
      }
      const unset = withNode(directory, name, { kind, alone: true }, (node) => setAttributes(node, want))
      giveName(place, this.batches)
      return withUnset({ path, outcome: "written" }, unset)
    } catch (cause) {
      removeQuietly(temp)
      throw cause
    }
  }

  #temporary(directory: Directory): NativePath {
    return directory.child(`${this.#prefix}${this.#temporaries++}`)
  }
}
