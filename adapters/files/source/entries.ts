/** Makes entries of what the system says of files. */
import * as fs from "node:fs"
import type { Entry } from "../../../stages/walk/entry.ts"
import { pathFromBytes } from "../../../stages/walk/path.ts"
import type { Directory } from "../system/directory.ts"
import { errorSentence } from "../system/errno.ts"
import { deviceOf, kindOf, metadataOf } from "../system/metadata.ts"
import { type Stats, UNTOLD } from "../system/stats.ts"
import { type HeldOf, localContent, type LocalRoot } from "./content.ts"
import { HardLinks } from "./hard_links.ts"

/** Makes the entries of one walk that are not directories. */
export class EntryMaker {
  readonly #root: LocalRoot
  readonly #heldOf: HeldOf
  readonly #links = new HardLinks()

  /** `root` and `heldOf` are for the contents of files. */
  constructor(root: LocalRoot, heldOf: HeldOf) {
    this.#root = root
    this.#heldOf = heldOf
  }

  /** The entry at `path`, which has this name in `directory`. */
  entry(path: string, stats: Stats, directory: Directory, name: string): Entry {
    return complete(this.#entry(path, stats, directory, name), stats)
  }

  #entry(path: string, stats: Stats, directory: Directory, name: string): Entry {
    const kind = kindOf(stats)
    const metadata = metadataOf(stats)
    if (kind === "file") {
      const size = Number(stats.size)
      const content = localContent({ root: this.#root, path, device: stats.dev, inode: stats.ino }, this.#heldOf)
      const linkTo = stats.nlink > 1n ? this.#links.firstOf(path, stats) : undefined
      const sparse = stats.blocks * 512n < stats.size
      // All entries of files have their fields in the same order: with objects of one shape, walks are faster.
      if (linkTo === undefined && !sparse) return { path, kind, metadata, size, content }
      return {
        path,
        kind,
        metadata,
        size,
        content,
        ...(linkTo === undefined ? undefined : { linkTo }),
        ...(sparse ? { sparse } : undefined),
      }
    }
    if (kind === undefined) return unreadable(path, "It is of a kind that is not known")
    const first = kind !== "socket" && stats.nlink > 1n ? this.#links.firstOf(path, stats) : undefined
    const linked = first === undefined ? undefined : { linkTo: first }
    if (kind === "character" || kind === "block") {
      return { path, kind, metadata, size: 0, rdev: deviceOf(stats.rdev), ...linked }
    }
    if (kind !== "symlink") return { path, kind, metadata, size: 0, ...linked }
    try {
      const target = pathFromBytes(fs.readlinkSync(directory.child(name), { encoding: "buffer" }))
      return { path, kind, metadata, size: 0, target, ...linked }
    } catch (cause) {
      return unreadable(path, errorSentence(cause))
    }
  }
}

/** The entry of a directory. */
export const directoryEntry = (path: string, stats: Stats): Entry =>
  complete({ path, kind: "directory", metadata: metadataOf(stats), size: 0 }, stats)

/** The entry of something that cannot be read. `problem`: one sentence without the path. */
export const unreadable = (path: string, problem: string): Entry => ({
  path,
  kind: "unreadable",
  metadata: {},
  size: 0,
  problem,
})

/** Adds what the runtime cannot tell of the entry. */
const complete = (entry: Entry, stats: Stats): Entry =>
  stats.mtimeNs === undefined && entry.kind !== "unreadable" ? { ...entry, lost: UNTOLD } : entry
