/** What the system gives a new file beside its content: looked at once instead of for every file. */
import type { Have, Wanted } from "./attributes.ts"
import { statsOfOpen } from "../system/stats.ts"

/** The mode of new files that are to get another later: nobody else reads them meanwhile. */
const PRIVATE = 0o600

/**
 * What new files in a directory, and in those made in it, are like. Owners and access lists of a directory may change
 * what they get from what was asked for, but always in the same way.
 */
export class NewFiles {
  readonly #umask: number
  /** By the mode that they were made with. */
  readonly #seen = new Map<number, Have>()

  constructor(umask: number) {
    this.#umask = umask
  }

  /**
   * The mode to make a file with that is to get `want`. That is its own one when its owner will be right from the
   * start, so that it need not be set later. Never one that makes a program run as its owner.
   */
  modeFor({ gid, mode, uid }: Wanted): number {
    const have = this.#seen.get(PRIVATE)
    return mode !== undefined && have !== undefined && (mode & (this.#umask | 0o7000)) === 0 &&
        (uid === undefined || uid === Number(have.uid)) && (gid === undefined || gid === Number(have.gid))
      ? mode
      : PRIVATE
  }

  /** What a file is like that is made with `mode`, when that is known. */
  known(mode: number): Have | undefined {
    return this.#seen.get(mode)
  }

  /** What the open file is like that was made with `mode`. */
  look(fd: number, mode: number): Have {
    let have = this.#seen.get(mode)
    if (have === undefined) {
      const { gid, mode: given, uid } = statsOfOpen(fd)
      this.#seen.set(mode, have = { gid, mode: given, uid, mtimeNs: undefined })
    }
    return have
  }
}
