/** The owner and mode that the system gives new files: they are looked at once, and not for each file. */
import type { Have, Wanted } from "./attributes.ts"
import { statsOfOpen } from "../system/stats.ts"

/** The mode of new files that get another mode later. Nobody else can read them until then. */
const PRIVATE = 0o600

/**
 * The owner and mode of new files in a directory and in directories that are made in it. A setgid bit or access list of
 * the directory may change what a new file gets, but always in the same way.
 */
export class NewFiles {
  readonly #umask: number
  /** By the mode that files are made with. */
  readonly #seen = new Map<number, Have>()

  constructor(umask: number) {
    this.#umask = umask
  }

  /**
   * The mode to make a file with. It is the wanted mode when the owner will be right from the start, so that neither
   * need be set later. It never has the setuid or setgid bit.
   */
  modeFor({ gid, mode, uid }: Wanted): number {
    const have = this.#seen.get(PRIVATE)
    return mode !== undefined && have !== undefined && (mode & (this.#umask | 0o7000)) === 0 &&
        (uid === undefined || uid === Number(have.uid)) && (gid === undefined || gid === Number(have.gid))
      ? mode
      : PRIVATE
  }

  /** What a file that is made with `mode` gets; undefined when that is not known yet. */
  known(mode: number): Have | undefined {
    return this.#seen.get(mode)
  }

  /** What the open file, which was made with `mode`, got. It is looked at only when that is not known yet. */
  look(fd: number, mode: number): Have {
    let have = this.#seen.get(mode)
    if (have === undefined) {
      const { gid, mode: given, uid } = statsOfOpen(fd)
      this.#seen.set(mode, have = { gid, mode: given, uid, mtimeNs: undefined })
    }
    return have
  }
}
