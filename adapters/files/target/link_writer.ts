/** Makes hard links, never to anything outside of the target. */
import * as fs from "node:fs"
import type { Entry } from "../../../stages/walk/entry.ts"
import { baseName, isByteName, parentPath } from "../../../stages/walk/path.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { sameFile } from "../system/directory.ts"
import { isRegular } from "../system/metadata.ts"
import { BYTE_NAMES, type NativePath, removeQuietly } from "../system/native.ts"
import { type Stats, statsAt, statsIfAny } from "../system/stats.ts"
import { isSameNode, pathWrong, refuse } from "./admit.ts"
import { sameAttributes, wantedOf } from "./attributes.ts"
import type { Batches } from "./batches.ts"
import type { Directories } from "./directories.ts"
import { giveName, type Place } from "./place.ts"

/** What a hard link may be made to. */
export interface Link {
  readonly native: NativePath
  readonly stats: Stats
  /** Whether this session wrote or changed it, so that its content is that of the entry. */
  readonly ours: boolean
}

/** Makes the hard links of one session. */
export class LinkWriter {
  readonly #directories: Directories
  readonly #batches: Batches
  readonly #owner: boolean
  readonly #start: bigint

  /** `start`: when the session began, in nanoseconds since 1970, by the clock of the file system of the target. */
  constructor(directories: Directories, batches: Batches, owner: boolean, start: bigint) {
    this.#directories = directories
    this.#batches = batches
    this.#owner = owner
    this.#start = start
  }

  /**
   * What `linkTo` of an entry names, when it may be the same as the entry: it has its kind, size and metadata, and lies
   * in real directories beneath the root. So no link ever leads out of the target, and metadata that is set on one name
   * never changes a file that was there before under another name.
   */
  sourceOf(entry: Entry): Link | undefined {
    const { linkTo } = entry
    if (linkTo === undefined) return undefined
    refuse(entry.path, "link", linkTo === "" ? "it is the root" : pathWrong(linkTo))
    if (!BYTE_NAMES && isByteName(linkTo) || linkTo === entry.path) return undefined
    this.#batches.check(linkTo)
    const directory = this.#directories.find(parentPath(linkTo))
    if (directory === undefined) return undefined
    const native = directory.child(baseName(linkTo))
    const stats = statsIfAny(native)
    if (stats === undefined) return undefined
    const same = entry.kind === "file"
      ? isRegular(stats) && (entry.size === undefined || entry.size === Number(stats.size))
      : isSameNode(entry, native, stats)
    return same && sameAttributes(stats, wantedOf(entry.kind, entry.metadata, this.#owner))
      ? { native, stats, ours: stats.ctimeNs > this.#start }
      : undefined
  }

  /** Makes the link. Returns undefined when that is not possible: the entry must then be made anew. */
  make(place: Place, { native, stats }: Link): Written | undefined {
    const { entry: { path }, existing, temp } = place
    if (existing !== undefined && sameFile(existing, stats)) return { path, outcome: "unchanged" }
    try {
      fs.linkSync(native, temp)
    } catch {
      return undefined
    }
    try {
      // Another program may have put something else there since the look at it.
      if (!sameFile(statsAt(temp), stats)) return undefined
      giveName(place, this.#batches)
    } finally {
      removeQuietly(temp)
    }
    return { path, outcome: "written" }
  }
}
