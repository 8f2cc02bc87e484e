/** The place of an entry in the target, and how what was written beside it gets its name. */
import * as fs from "node:fs"
import type { Entry } from "../../../stages/walk/entry.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import { isDirectory } from "../system/metadata.ts"
import type { NativePath } from "../system/native.ts"
import { type Stats, statsIfAny } from "../system/stats.ts"
import { FULL_DIRECTORY } from "./admit.ts"
import { type Batches, Busy } from "./batches.ts"
import type { Level } from "./directories.ts"

/** Where an entry goes. */
export interface Place {
  readonly entry: Entry
  /** The path of the entry, for `node:fs`. */
  readonly native: NativePath
  /** A temporary path in the same directory. */
  readonly temp: NativePath
  readonly level: Level
  /** What is at the path. Undefined without a look for files in directories that this session made. */
  readonly existing: Stats | undefined
  /** Whether the content of `existing` counts as that of the entry, without a look at it. */
  readonly trusted: boolean
}

/** What is at a path. Throws {@link TargetError} when it is a directory that is not empty, which is never replaced. */
export const replaceableAt = (path: string, native: NativePath, batches: Batches): Stats | undefined => {
  const existing = statsIfAny(native)
  if (existing !== undefined && isDirectory(existing)) {
    // Files that the other thread still writes may be in it.
    if (batches.any) throw new Busy()
    if (fs.readdirSync(native).length > 0) {
      throw new TargetError({ reason: "refused", path, message: FULL_DIRECTORY })
    }
  }
  return existing
}

/** Gives what is at `temp` its name. */
export const giveName = ({ entry, existing, level, native, temp }: Place, batches: Batches): void => {
  try {
    rename(temp, native, existing)
  } catch (cause) {
    if (!level.fresh) throw cause
    // Only what this session made can be in its place: an empty directory is removed, a full one is reported.
    rename(temp, native, replaceableAt(entry.path, native, batches))
  }
}

/** Only an empty directory is replaced: `rmdir` fails for any other. */
const rename = (temp: NativePath, native: NativePath, existing: Stats | undefined): void => {
  if (existing !== undefined && isDirectory(existing)) fs.rmdirSync(native)
  fs.renameSync(temp, native)
}
