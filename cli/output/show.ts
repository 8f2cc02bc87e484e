/** Numbers, times, IDs and paths as people read them. */
import { displayPath } from "../../stages/walk/path.ts"

/** How many digits of a snapshot ID are shown to people. */
export const SHORT_ID = 8

/** `532 B`, `1.50 KiB`, `12.3 GiB`. */
export const showBytes = (bytes: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toPrecision(value >= 1000 ? 4 : 3)} ${units[unit]}`
}

/** `1,234,567`. */
export const showCount = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ",")

/** `1 file`, `2 files`, `3 directories`. */
export const plural = (count: number, one: string, many: string = `${one}s`): string =>
  `${showCount(count)} ${count === 1 ? one : many}`

/** `0:07`, `12:34`, `1:02:03`. */
export const showDuration = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  const two = (n: number): string => String(n).padStart(2, "0")
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** Milliseconds since 1970 as local time: `2026-11-21 00:41:03`. */
export const showTime = (milliseconds: number): string => {
  const d = new Date(milliseconds)
  if (Number.isNaN(d.getTime())) return "?"
  const two = (n: number): string => String(n).padStart(2, "0")
  return `${String(d.getFullYear()).padStart(4, "0")}-${two(d.getMonth() + 1)}-${two(d.getDate())} ` +
    `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

/** `drwxr-xr-x`, as `ls -l` shows it. `d?????????` if the mode is unknown. */
export const showMode = (kind: string, mode: number | undefined): string => {
  const letter =
    { file: "-", directory: "d", symlink: "l", fifo: "p", socket: "s", character: "c", block: "b" }[kind] ?? "?"
  if (mode === undefined) return letter + "?".repeat(9)
  let out = ""
  for (let bit = 8; bit >= 0; bit--) out += mode & (1 << bit) ? "rwx"[(8 - bit) % 3] : "-"
  const special = (at: number, flag: number, on: string, off: string): void => {
    if (mode & flag) out = out.slice(0, at) + (out[at] === "x" ? on : off) + out.slice(at + 1)
  }
  special(2, 0o4000, "s", "S")
  special(5, 0o2000, "s", "S")
  special(8, 0o1000, "t", "T")
  return letter + out
}

/** Seconds since `start`, with three decimals. `start` is in milliseconds, from `performance.now()`. */
export const secondsSince = (start: number): number => Math.round(performance.now() - start) / 1000

/** A path in a snapshot, safe to print. `.` is the top. */
export const showPath = (path: string): string => displayPath(path === "" ? "." : path)
