/** Looks at files. Wraps `lstat`, `stat` and `fstat`, whose times may be out of range on Deno. */
import * as fs from "node:fs"
import type { NativePath } from "./native.ts"

/** The fields of `fs.BigIntStats` that are used. */
export type Stats =
  & Pick<
    fs.BigIntStats,
    "dev" | "ino" | "mode" | "nlink" | "uid" | "gid" | "rdev" | "size" | "blocks" | "ctimeNs"
  >
  & {
    /** Undefined when this runtime cannot tell it: on Deno, a time that JavaScript has no date for ({@link UNTOLD}). */
    readonly mtimeNs: bigint | undefined
  }

/** What an entry loses when its modification time cannot be read, in the words of `Loss.what`. */
export const UNTOLD = "mtimes that Deno cannot read (before the year -271821, or after 275760)"

/** Looks at what is at a path, without following a symlink. */
export const statsAt = (path: NativePath): Stats => {
  try {
    return fs.lstatSync(path, { bigint: true })
  } catch (cause) {
    return inNumbers(cause, () => fs.lstatSync(path))
  }
}

/** The same; undefined when there is nothing at the path. */
export const statsIfAny = (path: NativePath): Stats | undefined => {
  try {
    return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (cause) {
    return inNumbers(cause, () => fs.lstatSync(path))
  }
}

/** Looks at what a path leads to. */
export const statsOf = (path: NativePath): Stats => {
  try {
    return fs.statSync(path, { bigint: true })
  } catch (cause) {
    return inNumbers(cause, () => fs.statSync(path))
  }
}

/** Looks at an open file. */
export const statsOfOpen = (fd: number): Stats => {
  try {
    return fs.fstatSync(fd, { bigint: true })
  } catch (cause) {
    return inNumbers(cause, () => fs.fstatSync(fd))
  }
}

/** Deno throws for a time that it cannot make a bigint of. Asked for numbers, it gives NaN instead. */
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
