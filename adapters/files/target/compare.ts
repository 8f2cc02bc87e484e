/** Finds out what a restore would do, without doing it: for dry runs. */
import * as fs from "node:fs"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { hasBytesAt, READ_SAFELY } from "../system/open.ts"
import { isElsewhere, sameFile } from "../system/directory.ts"
import { DESCRIPTORS } from "../system/descriptors.ts"
import { SourceError, TargetError } from "../../../stages/walk/errors.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import type { Overwrite } from "../../../stages/walk/overwrite.ts"
import { baseName, displayPath, parentPath } from "../../../stages/walk/path.ts"
import type { TargetOptions, TargetSession, Written } from "../../../stages/walk/target.ts"
import { admit, FULL_DIRECTORY, IN_ITS_PLACE, isSameNode, pathWrong, refuse } from "./admit.ts"
import { sameAttributes, wantedOf } from "./attributes.ts"
import { judgeLocal } from "./in_place.ts"
import { errorCode, targetError } from "../system/errno.ts"
import { Held } from "../system/held.ts"
import { isDirectory, isRegular, kindOf } from "../system/metadata.ts"
import { absoluteRoot, type NativePath } from "../system/native.ts"
import { type Stats, statsIfAny } from "../system/stats.ts"

/** How many directories are held at once. */
const HELD = 64
/** How many bytes are compared at once. */
const PIECE_BYTES = 1 << 18

/**
 * A session that gives the results that `localTarget` would give. It changes nothing, and the root need not exist. The
 * content of an entry is read only when a file of the same size is in its place.
 */
export const compareOnly = (
  root: string,
  options: TargetOptions,
): Effect.Effect<TargetSession, TargetError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => new Comparer(absoluteRoot(root), options),
      catch: (cause) => {
        const { message, reason } = targetError("", cause)
        return new TargetError({ reason, path: root, message: `${message}: ${root}`, cause })
      },
    }),
    (comparer) => Effect.sync(() => comparer.close()),
  ).pipe(Effect.map((comparer): TargetSession => ({
    write: (entries) => Effect.forEach(entries, (entry) => comparer.outcome(entry)),
    finish: Effect.succeed([]),
  })))

class Comparer {
  /** The directories of the target; undefined when the root does not exist. */
  readonly #held: Held | undefined
  readonly #devices: boolean
  readonly #overwrite: Overwrite
  readonly #owner: boolean
  /** A directory that would be made. There is nothing beneath it. */
  #made: string | undefined
  /** The last path that was found to be a directory. */
  #real = ""
  /** The paths of files with several names that would be replaced. The other names would keep the old file. */
  readonly #replaced = new Set<string>()

  constructor(
    root: string,
    { devices = false, overwrite = "always", owner = process.getuid?.() === 0 }: TargetOptions,
  ) {
    this.#overwrite = overwrite
    this.#devices = devices
    this.#owner = owner
    try {
      this.#held = new Held(root, { limit: HELD, descriptors: DESCRIPTORS })
    } catch (cause) {
      const code = errorCode(cause)
      if (code === "ENOTDIR") throw new TargetError({ reason: "io", path: "", message: "It is not a directory" })
      if (code !== "ENOENT") throw cause
      this.#made = ""
    }
  }

  close(): void {
    this.#held?.close()
  }

  outcome(entry: Entry): Effect.Effect<Written> {
    const { path } = entry
    const failed = (cause: unknown): Effect.Effect<Written> =>
      Effect.succeed({
        path,
        outcome: "failed",
        message: cause instanceof SourceError ? cause.message : targetError(path, cause).message,
      })
    try {
      const known = this.#look(entry)
      return "outcome" in known ? Effect.succeed(known) : this.#compare(entry, known).pipe(Effect.catch(failed))
    } catch (cause) {
      return failed(cause)
    }
  }

  /**
   * The result of an entry whose content does not matter. Otherwise the file in its place, which has the same size.
   */
  #look(entry: Entry): Written | Stats {
    const { kind, metadata, path } = entry
    const written: Written = { path, outcome: "written" }
    const unchanged: Written = { path, outcome: "unchanged" }
    const notWritten = admit(entry, this.#devices)
    if (notWritten !== undefined) return notWritten
    // A restore has made the root when it was opened.
    if (path === "") return unchanged
    if (!this.#enter(parentPath(path))) return written
    const native = this.#native(path)
    const existing = statsIfAny(native)
    if (kind === "directory") {
      if (existing !== undefined && isDirectory(existing)) {
        return sameAttributes(existing, wantedOf(kind, metadata, this.#owner)) ? unchanged : written
      }
      if (existing !== undefined && judgeLocal(this.#overwrite, entry, existing) === "keep") {
        throw new TargetError({ reason: "refused", path, message: IN_ITS_PLACE })
      }
      this.#made = path
      return written
    }
    if (existing === undefined) return written
    const judged = judgeLocal(this.#overwrite, entry, existing)
    if (judged === "keep") return { path, outcome: "kept" }
    if (isDirectory(existing)) {
      if (fs.readdirSync(native).length === 0) return written
      throw new TargetError({ reason: "refused", path, message: FULL_DIRECTORY })
    }
    const linked = this.#isLinked(entry, existing)
    if (linked === false) return written
    const same = sameAttributes(existing, wantedOf(kind, metadata, this.#owner))
    // A file with several names would be replaced.
    if (!same && existing.nlink === 1n) return written
    if (judged === "trust" && same) return unchanged
    if (kind !== "file") {
      return isSameNode(entry, native, existing) && same ? unchanged : this.#replace(path, existing)
    }
    if (!isRegular(existing) || (entry.size !== undefined && Number(existing.size) !== entry.size)) {
      return this.#replace(path, existing)
    }
    return same ? existing : this.#replace(path, existing)
  }

  /** Whether the entry is a hard link already, as it should be; undefined when it should be none. */
  #isLinked({ linkTo, path }: Entry, existing: Stats): boolean | undefined {
    if (linkTo === undefined) return undefined
    refuse(path, "link", linkTo === "" ? "it is the root" : pathWrong(linkTo))
    const source = this.#sourceOf(linkTo)
    return source !== undefined && sameFile(source, existing) && !this.#replaced.has(linkTo)
  }

  #sourceOf(linkTo: string): Stats | undefined {
    try {
      return statsIfAny(this.#native(linkTo))
    } catch (cause) {
      if (isElsewhere(cause)) return undefined
      throw cause
    }
  }

  #replace(path: string, existing: Stats): Written {
    if (existing.nlink > 1n) this.#replaced.add(path)
    return { path, outcome: "written" }
  }

  /** Compares the content of an entry with the file in its place. */
  #compare(entry: Entry, existing: Stats): Effect.Effect<Written, unknown> {
    const { path } = entry
    const native = this.#native(path)
    return Effect.scoped(Effect.gen({ self: this }, function* () {
      const fd = yield* Effect.acquireRelease(
        Effect.sync(() => openQuietly(native)),
        (fd) => Effect.sync(() => fd !== undefined && fs.closeSync(fd)),
      )
      // The file cannot be read, so it cannot be compared, and a restore would replace it.
      if (fd === undefined) return this.#replace(path, existing)
      const buffer = Buffer.allocUnsafe(PIECE_BYTES)
      let at = 0
      let equal = true
      yield* Stream.runForEachWhile(contentStream(entry), (bytes) =>
        Effect.try({
          try: () => {
            equal = hasBytesAt(fd, at, bytes, buffer)
            at += bytes.length
            return equal
          },
          catch: (cause) => cause,
        }))
      return equal && at === Number(existing.size)
        ? { path, outcome: "unchanged" } satisfies Written
        : this.#replace(path, existing)
    }))
  }

  /** Whether a directory exists in the target; false when it would be made. Throws when it would be refused. */
  #enter(path: string): boolean {
    if (
      this.#made !== undefined && (this.#made === "" || path === this.#made || path.startsWith(`${this.#made}/`))
    ) {
      return false
    }
    if (path === "" || path === this.#real || this.#real.startsWith(`${path}/`)) return true
    if (!this.#enter(parentPath(path))) return false
    const stats = statsIfAny(this.#native(path))
    if (stats === undefined) {
      this.#made = path
      return false
    }
    if (!isDirectory(stats)) {
      throw new TargetError({
        reason: "refused",
        path,
        message: `"${displayPath(path)}" is ${
          kindOf(stats) === "symlink" ? "a symbolic link" : "not a directory"
        }: nothing is written through it`,
      })
    }
    this.#real = path
    return true
  }

  #native(path: string): NativePath {
    return this.#held!.at(parentPath(path)).child(baseName(path))
  }
}

const openQuietly = (native: NativePath): number | undefined => {
  try {
    return fs.openSync(native, READ_SAFELY)
  } catch {
    return undefined
  }
}
