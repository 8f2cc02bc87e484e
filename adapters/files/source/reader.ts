/** Reads an open file from start to end, and tells whether it changed meanwhile. */
import * as fs from "node:fs"
import type { Reader } from "../../../stages/walk/entry.ts"
import { SourceError } from "../../../stages/walk/errors.ts"
import { errorCode, sourceError } from "../system/errno.ts"
import { metadataOf } from "../system/metadata.ts"
import { type Stats, statsOfOpen } from "../system/stats.ts"

/** What shows that an open file was changed. Times are nanoseconds since 1970. */
export interface FileState {
  readonly size: bigint
  readonly mtime: bigint | undefined
  readonly ctime: bigint
}

/** Reads a file from some offset on. */
export interface PartReader extends Reader {
  /** The file when it was opened. */
  readonly state: FileState
  /** The file now. */
  readonly stateNow: () => FileState
}

const NONE: Uint8Array = new Uint8Array(0)
/**
 * The buffer for files of size 0, which are read in whole pieces of this length. All readers of this thread share it:
 * nobody else runs between a read into it and the copy out of it.
 */
const unsized: Uint8Array = new Uint8Array(64 << 10)
/** Longer files that claim size 0 are not stored, in bytes: some have no end. */
const UNSIZED_MAXIMUM = 64 << 20
/** A read that the system has no memory for is tried with smaller lengths, down to this many bytes. */
const SMALLEST_READ = 4096

/** Reads the file of a descriptor, which it then owns. */
export class LocalReader implements PartReader {
  readonly #path: string
  readonly #opened: Stats
  readonly #size: number
  #fd: number
  #position: number
  /** Bytes of a file of size 0 that were read and not yet taken. */
  #pending: Uint8Array = NONE

  /** `opened`: the file when it was opened. `from`: the offset to read from. */
  constructor(path: string, fd: number, opened: Stats, from: number) {
    this.#path = path
    this.#fd = fd
    this.#opened = opened
    this.#size = Number(opened.size)
    this.#position = from
  }

  get state(): FileState {
    return stateOf(this.#opened)
  }

  stateNow(): FileState {
    try {
      return stateOf(statsOfOpen(this.#fd))
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
  }

  /** Ends at the size that the file had when it was opened. So a file that keeps growing has an end. */
  read(into: Uint8Array): number {
    let filled = 0
    try {
      while (filled < into.length) {
        const count = this.#size === 0
          ? this.#readUnsized(into, filled)
          : this.#readSized(into, filled, Math.min(into.length - filled, this.#size - this.#position))
        if (count === 0) break
        filled += count
        this.#position += count
      }
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
    return filled
  }

  #readSized(into: Uint8Array, at: number, length: number): number {
    for (let piece = length;; piece = Math.ceil(piece / 2)) {
      try {
        return piece <= 0 ? 0 : fs.readSync(this.#fd, into, at, piece, this.#position)
      } catch (cause) {
        // The system makes some files up when they are read, and may lack the memory to make up so much at once.
        if (errorCode(cause) !== "ENOMEM" || piece <= SMALLEST_READ) throw cause
      }
    }
  }

  /**
   * Two kinds of files have size 0: empty ones, and those whose content the system makes up when it is read (/proc).
   * Many of the latter can be read only in one go from the start.
   */
  #readUnsized(into: Uint8Array, at: number): number {
    if (this.#pending.length === 0) {
      const count = fs.readSync(this.#fd, unsized, 0, unsized.length, this.#position)
      if (this.#position + count > UNSIZED_MAXIMUM) {
        throw new SourceError({
          reason: "io",
          path: this.#path,
          message: `It does not say its size, and does not end within ${UNSIZED_MAXIMUM >> 20} MiB`,
        })
      }
      // Other files are read into the shared buffer before the rest is taken, so the rest is copied.
      this.#pending = count > into.length - at ? unsized.slice(0, count) : unsized.subarray(0, count)
    }
    const part = this.#pending.subarray(0, into.length - at)
    into.set(part, at)
    this.#pending = this.#pending.subarray(part.length)
    return part.length
  }

  /**
   * `size` is the number of bytes read. A file whose size is not true (/sys) does not count as changed when it ended
   * where it ended and everything else about it is as before.
   */
  finish(): ReturnType<Reader["finish"]> {
    try {
      const now = statsOfOpen(this.#fd)
      const ended = this.#position >= this.#size || fs.readSync(this.#fd, unsized, 0, 1, this.#position) === 0
      return {
        changed: !ended || !sameState(stateOf(now), this.state),
        size: this.#position,
        metadata: metadataOf(now),
      }
    } catch (cause) {
      throw sourceError(this.#path, cause)
    }
  }

  close(): void {
    const fd = this.#fd
    this.#fd = -1
    if (fd >= 0) fs.closeSync(fd)
  }
}

const stateOf = ({ size, mtimeNs, ctimeNs }: Stats): FileState => ({ size, mtime: mtimeNs, ctime: ctimeNs })

/** Whether nothing was changed between the two. */
export const sameState = (a: FileState, b: FileState): boolean =>
  a.size === b.size && a.mtime === b.mtime && a.ctime === b.ctime
