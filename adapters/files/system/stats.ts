/** What the system says of a file. */
import * as fs from "node:fs"
import type { NativePath } from "./native.ts"

/** What is used of `fs.BigIntStats`. */
export type Stats =
  & Pick<
    fs.BigIntStats,
    "dev" | "ino" | "mode" | "nlink" | "uid" | "gid" | "rdev" | "size" | "blocks" | "ctimeNs"
  >
  & {
    /** Undefined when this runtime cannot tell it: Deno, for what JavaScript has no date of ({@link UNTOLD}). */
    readonly mtimeNs: bigint | undefined
  }

/** What is lost where the modification time is not told, in the words of `Loss`. */
export const UNTOLD = "mtimes that Deno cannot read (before the year -271821, or after 275760)"

/** What is at a path itself. */
export const statsAt = (path: NativePath): Stats => {
  try {
    return fs.lstatSync(path, { bigint: true })
  } catch (cause) {
    return inNumbers(cause, () => fs.lstatSync(path))
  }
}

/** The same, or undefined when there is nothing. */
export const statsIfAny = (path: NativePath): Stats | undefined => {
  try {
    return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (cause) {
    return inNumbers(cause, () => fs.lstatSync(path))
  }
}

/** What a path leads to. */
export const statsOf = (path: NativePath): Stats => {
  try {
    return fs.statSync(path, { bigint: true })
  } catch (cause) {
    return inNumbers(cause, () => fs.statSync(path))
  }
}

/** What is open. */
export const statsOfOpen = (fd: number): Stats => {
  try {
    return fs.fstatSync(fd, { bigint: true })
  } catch (cause) {
    return inNumbers(cause, () => fs.fstatSync(fd))
  }
}

/** Deno throws when it cannot make a whole number of a time; as a double it is NaN. */
const inNumbers = (cause: unknown, look: () => fs.Stats): Stats => {
  if (cause instanceof RangeError && !("code" in cause)) return fromNumbers(look())
  throw cause
}

const fromNumbers = (stats: fs.Stats): Stats => ({
  dev: BigInt(stats.dev),
  ino: BigInt(stats.ino),
  mode: BigInt(stats.mode),
  nlink: BigInt(stats.nlink),
  uid: BigInt(stats.uid),
  gid: BigInt(stats.gid),
  rdev: BigInt(stats.rdev),
  size: BigInt(stats.size),
  blocks: BigInt(stats.blocks),
  ctimeNs: nanoseconds(stats.ctimeMs) ?? 0n,
  mtimeNs: nanoseconds(stats.mtimeMs),
})

const nanoseconds = (milliseconds: number): bigint | undefined =>
  Number.isFinite(milliseconds) ? BigInt(Math.trunc(milliseconds)) * 1_000_000n : undefined
