/** Where the runtimes differ about files: names that are not UTF-8, and setting times. */
import * as fs from "node:fs"
import { isAbsolute } from "node:path"
import { pathToBytes } from "../../../stages/walk/path.ts"

const deno: boolean = "Deno" in globalThis

/** Whether this runtime reads and writes names that are not UTF-8. Deno turns such bytes into U+FFFD. */
export const BYTE_NAMES: boolean = !deno

/** Why such a name cannot be handled on a runtime without {@link BYTE_NAMES}. */
export const BYTE_NAMES_MISSING = "Deno cannot handle names that are not UTF-8; use Node or Bun"

/** Resolution of the times that `lstat` gives, in nanoseconds. */
export const READ_TIME_RESOLUTION: number = deno ? 1_000_000 : 1

/**
 * Resolution of the times that can be set, in nanoseconds. `node:fs` takes seconds as a double: of the 53 bits, today's
 * times leave steps of 2^-22 s (until 2038, then 2^-21). Deno cuts the times of symlinks to milliseconds.
 */
export const WRITE_TIME_RESOLUTION: number = deno ? 1_000_000 : 239

/** What `node:fs` takes for a path: a string where the path is UTF-8, else its bytes. */
export type NativePath = string | Buffer

/** `path` of an entry beneath `root` (absolute, in the encoding of `path.ts`). */
export const nativePath = (root: string, path: string): NativePath => {
  const whole = path === "" ? root : root.endsWith("/") ? root + path : `${root}/${path}`
  return whole.isWellFormed() ? whole : Buffer.from(pathToBytes(whole))
}

/** A root as the user gave it, made absolute. `..` is left as it stands: it may follow a symlink. */
export const absoluteRoot = (root: string): string => {
  const trimmed = root.length > 1 ? root.replace(/\/+$/, "") || "/" : root
  return isAbsolute(trimmed) ? trimmed : `${process.cwd()}/${trimmed}`
}

/**
 * Sets the modification time of what is open as `fd`, a file or directory at `path`; of its access time nothing is
 * known, so that is set alike.
 */
export const setTime = (fd: number, path: NativePath, time: bigint): void => {
  if (deno && time < 0n) setPathTime(path, time)
  else {
    const seconds = asSeconds(time)
    fs.futimesSync(fd, seconds, seconds)
  }
}

/** The same for what a path leads to. */
export const setPathTime = (path: NativePath, time: bigint): void => {
  const value = deno && time < 0n ? new Date(Number(floorDivide(time, 1_000_000n))) : asSeconds(time)
  fs.utimesSync(path, value, value)
}

/**
 * Sets the modification and access time at `path` itself, be it a symlink. On Deno, times before 1970 lose their
 * fraction.
 */
export const setLinkTime = (path: NativePath, time: bigint): void => {
  const value = !deno
    ? asSeconds(time)
    : time < 0n
    ? new Date(Number(floorDivide(time, 1_000_000_000n)) * 1000)
    : (Number(time / 1_000_000n) + 0.5) / 1000
  fs.lutimesSync(path, value, value)
}

/**
 * The double that the runtime turns into the nearest time that it can. It cuts fractions of a nanosecond off, of
 * negative times on Bun in the other direction: hence the half, which makes setting a time that was read give the same
 * time again. Negative numbers would mean "now"; as strings they do not. Deno reads whole milliseconds only, cut off,
 * so there the double is one that is not less.
 */
export const asSeconds = (time: bigint): number | string => {
  const magnitude = time < 0n ? -time : time
  const half = time < 0n && "Bun" in globalThis ? -0.5 : 0.5
  const whole = Number(magnitude / 1_000_000_000n)
  const rest = Number(magnitude % 1_000_000_000n)
  const seconds = whole + (rest + half) / 1e9
  if (time < 0n) return `-${seconds}`
  return deno && (seconds - whole) * 1e9 < rest ? seconds + 2 ** (Math.floor(Math.log2(seconds)) - 52) : seconds
}

/** Removes a temporary file; that it is gone already or cannot be removed changes nothing about the outcome. */
export const removeQuietly = (path: NativePath): void => {
  try {
    fs.unlinkSync(path)
  } catch {
    // See above.
  }
}

const floorDivide = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by
