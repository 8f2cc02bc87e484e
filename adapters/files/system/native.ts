/** What the runtimes do differently with files: names that are not UTF-8, and setting times. */
import * as fs from "node:fs"
import { isAbsolute } from "node:path"
import { pathToBytes } from "../../../stages/walk/path.ts"

const deno: boolean = "Deno" in globalThis

/** Whether this runtime reads and writes names that are not UTF-8. Deno turns such bytes into U+FFFD. */
export const BYTE_NAMES: boolean = !deno

/** Why such a name is left out on a runtime without {@link BYTE_NAMES}. */
export const BYTE_NAMES_MISSING = "Deno cannot handle names that are not UTF-8; use Node or Bun"

/** The resolution of the times that `lstat` gives, in nanoseconds. */
export const READ_TIME_RESOLUTION: number = deno ? 1_000_000 : 1

/**
 * The resolution of the times that can be set, in nanoseconds. `node:fs` takes seconds as a double of 53 bits, which
 * gives steps of 2^-22 s for today's times (until 2038, then 2^-21 s). Deno cuts the times of symlinks to milliseconds.
 */
export const WRITE_TIME_RESOLUTION: number = deno ? 1_000_000 : 239

/** A path for `node:fs`: a string when the path is UTF-8, otherwise its bytes. */
export type NativePath = string | Buffer

/** The path of an entry beneath `root`. `root` is absolute and in the encoding of `stages/walk/path.ts`. */
export const nativePath = (root: string, path: string): NativePath => {
  const whole = path === "" ? root : root.endsWith("/") ? root + path : `${root}/${path}`
  return whole.isWellFormed() ? whole : Buffer.from(pathToBytes(whole))
}

/** Makes a root absolute. A `..` stays as it is, because it may follow a symlink. */
export const absoluteRoot = (root: string): string => {
  const trimmed = root.length > 1 ? root.replace(/\/+$/, "") || "/" : root
  return isAbsolute(trimmed) ? trimmed : `${process.cwd()}/${trimmed}`
}

/**
 * Sets the modification time of the file or directory that is open as `fd`, at `path`. The access time is not known, so
 * it is set to the same. Times are nanoseconds since 1970.
 */
export const setTime = (fd: number, path: NativePath, time: bigint): void => {
  if (deno && time < 0n) setPathTime(path, time)
  else {
    const seconds = asSeconds(time)
    fs.futimesSync(fd, seconds, seconds)
  }
}

/** Sets the times of what a path leads to. */
export const setPathTime = (path: NativePath, time: bigint): void => {
  if (deno && time < 0n) {
    // Deno's `node:fs` would make seconds of the date, whose rounding can cost a millisecond.
    const date = new Date(Number(floorDivide(time, 1_000_000n)))
    ;(globalThis as unknown as DenoTimes).Deno.utimeSync(path.toString(), date, date)
  } else {
    const seconds = asSeconds(time)
    fs.utimesSync(path, seconds, seconds)
  }
}

/** What is used of Deno's own functions. */
interface DenoTimes {
  readonly Deno: { readonly utimeSync: (path: string, accessed: Date, modified: Date) => void }
}

/** Sets the times of what is at `path`, even a symlink itself. On Deno, times before 1970 lose their fraction. */
export const setLinkTime = (path: NativePath, time: bigint): void => {
  const value = !deno
    ? asSeconds(time)
    : time < 0n
    ? new Date(Number(floorDivide(time, 1_000_000_000n)) * 1000)
    : (Number(time / 1_000_000n) + 0.5) / 1000
  fs.lutimesSync(path, value, value)
}

/**
 * The seconds that the runtime turns into the nearest time that it can set.
 *
 * A runtime cuts off fractions of a nanosecond; Bun does so in the other direction for negative times. Adding half a
 * nanosecond makes sure that a time that was read and set again stays the same. Negative numbers would mean "now", so
 * they are given as text. Deno cuts times to whole milliseconds, so there the double is never less than the time.
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

/** Removes a temporary file. It does not matter when the file is gone already or cannot be removed. */
export const removeQuietly = (path: NativePath): void => {
  try {
    fs.unlinkSync(path)
  } catch {
    // It does not matter.
  }
}

const floorDivide = (value: bigint, by: bigint): bigint => (value - (((value % by) + by) % by)) / by
