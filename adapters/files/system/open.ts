/** How files are opened, and read or written through a descriptor, so that nothing surprising can happen. */
import * as fs from "node:fs"
import type { NativePath } from "./native.ts"

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants

/**
 * Flags to open a file for reading. Whatever has taken the file's place: a symlink is not followed, and opening a fifo
 * does not wait for a writer.
 */
export const READ_SAFELY: number = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

/** Makes a file and opens it for writing. Throws `EEXIST` when there is something at the path. */
export const createNew = (path: NativePath, mode: number): number =>
  fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)

/**
 * Writes `bytes[from..to)` at `position` of the file, or at the position of the descriptor when that is null. The
 * system may take only a part of a write; then the rest is written again.
 */
export const putAll = (fd: number, bytes: Uint8Array, from: number, to: number, position: number | null): void => {
  for (let at = from; at < to;) {
    at += fs.writeSync(fd, bytes, at, to - at, position === null ? null : position + at - from)
  }
}

/** Whether the file has these bytes from `position` on. It is read in pieces of the length of `buffer`. */
export const hasBytesAt = (fd: number, position: number, bytes: Uint8Array, buffer: Buffer): boolean => {
  for (let at = 0; at < bytes.length;) {
    const count = fs.readSync(fd, buffer, 0, Math.min(buffer.length, bytes.length - at), position + at)
    if (count === 0 || Buffer.compare(buffer.subarray(0, count), bytes.subarray(at, at + count)) !== 0) return false
    at += count
  }
  return true
}
