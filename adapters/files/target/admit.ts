/** Decides which entries a restore into directories of this machine does not write, and why. */
import * as fs from "node:fs"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { isByteName, pathFromBytes, pathProblem } from "../../../stages/walk/path.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { deviceOf, kindOf } from "../system/metadata.ts"
import { BYTE_NAMES, BYTE_NAMES_MISSING, type NativePath } from "../system/native.ts"
import type { Stats } from "../system/stats.ts"

/** Why a directory that is not empty is not replaced. */
export const FULL_DIRECTORY = "A directory that is not empty is in its place; move that away and restore again"

/** Why a directory does not replace something else. */
export const IN_ITS_PLACE =
  "Something else is in its place, and is not to be overwritten; move it away and restore again"

/**
 * The result of an entry that is never written, whatever is in its place; undefined for all other entries. Throws
 * {@link TargetError} when the entry is refused. `devices`: whether device nodes are to be made.
 */
export const admit = (entry: Entry, devices: boolean): Written | undefined => {
  const { kind, path, target } = entry
  refuse(path, "path", pathWrong(path))
  if (!BYTE_NAMES && isByteName(path)) return { path, outcome: "skipped", message: BYTE_NAMES_MISSING }
  if (kind === "directory") return undefined
  if (kind === "unreadable") return { path, outcome: "skipped", message: entry.problem ?? "It was not readable" }
  if (kind === "socket") return { path, outcome: "skipped", message: "Sockets are made by their programs" }
  if ((kind === "character" || kind === "block") && !devices) {
    return { path, outcome: "skipped", message: "Device nodes are made only when asked for" }
  }
  if (path === "") refuse(path, "path", "only a directory can be the root")
  if (kind === "symlink") {
    refuse(path, "link target", target === undefined || target === "" ? "it is empty" : nulProblem(target))
    if (!BYTE_NAMES && isByteName(target!)) return { path, outcome: "skipped", message: BYTE_NAMES_MISSING }
  } else if ((kind === "character" || kind === "block") && entry.rdev === undefined) {
    return { path, outcome: "failed", message: "Its device numbers are not known" }
  }
  return undefined
}

/** Why nothing on this machine can have this path; undefined when something can. */
export const pathWrong = (path: string): string | undefined => pathProblem(path) ?? nameProblem(path)

/** Whether what is at `native` is the symlink, fifo or device node of an entry. Metadata does not count. */
export const isSameNode = (entry: Entry, native: NativePath, existing: Stats): boolean => {
  if (kindOf(existing) !== entry.kind) return false
  if (entry.kind === "symlink") {
    return pathFromBytes(fs.readlinkSync(native, { encoding: "buffer" })) === entry.target
  }
  if (entry.kind === "fifo") return true
  const have = deviceOf(existing.rdev)
  return have.major === entry.rdev!.major && have.minor === entry.rdev!.minor
}

/** Throws a {@link TargetError} when there is a problem. `what`: what has it, such as `path`. */
export const refuse = (path: string, what: string, problem: string | undefined): void => {
  if (problem === undefined) return
  throw new TargetError({ reason: "refused", path, message: `Refused because of its ${what}: ${problem}` })
}

const nulProblem = (text: string): string | undefined =>
  text.includes("\0") ? "it contains a NUL byte" : nameProblem(text)

/** Why a path cannot be written on this machine, in addition to what `pathProblem` finds. */
const nameProblem = (path: string): string | undefined => {
  if (process.platform === "win32" && /[\\:]/.test(path)) return "it has a character that Windows gives a meaning"
  // With the flag `u`, only lone surrogates match.
  return path.isWellFormed() || path.replace(/[\udc80-\udcff]/gu, "").isWellFormed()
    ? undefined
    : "it is not the encoding of any bytes"
}
