/** Finds out which entries of a walk are hard links to one file. */
import type { Stats } from "../system/stats.ts"

/** The files with several links that a walk has met. A file is forgotten once all its links were seen. */
export class HardLinks {
  /** By device and inode: the path of the first link, and how many links are still to come. */
  readonly #files = new Map<string, { readonly path: string; left: number }>()

  /** The path of the first link to the same file; undefined when this is the first. */
  firstOf(path: string, stats: Stats): string | undefined {
    const key = `${stats.dev}:${stats.ino}`
    const known = this.#files.get(key)
    if (known === undefined) {
      this.#files.set(key, { path, left: Number(stats.nlink) - 1 })
      return undefined
    }
    if (--known.left <= 0) this.#files.delete(key)
    return known.path
  }
}
