/** The programs that are measured, and what they do. */
import type { Kept } from "./compare.ts"
import type { Command } from "./measure.ts"
import { find } from "./programs.ts"

/**
 * The works, in this order: a first backup; a second one with nothing changed; a third one after some files were
 * edited; a restore of the third; and a check that reads all data.
 */
export const WORKS = ["backup", "again", "edited", "restore", "check"] as const
export type Work = (typeof WORKS)[number]

/** The directories of one tool in one round. `home` is for keys, caches and settings. */
export interface Place {
  readonly source: string
  readonly repository: string
  readonly target: string
  readonly home: string
}

/** A program, and its commands for the works. */
export interface Tool {
  readonly name: string
  readonly version: string
  /** A `limit` does less than a backup program: no deduplication, or not even encryption. */
  readonly kind: "penstock" | "peer" | "limit"
  /** Writes the files that the program needs, before it runs. */
  readonly setUp?: (place: Place) => void | Promise<void>
  /** Commands that run before the first backup and are not measured. */
  readonly prepare: (place: Place) => ReadonlyArray<Command>
  readonly works: { readonly [W in Work]?: (place: Place) => Command }
  /** Works that are done so that the restored tree can be compared, but that are not reported. */
  readonly unreported?: ReadonlyArray<Work>
  /** Bytes of content in a repository; the rest is catalogs and indexes. */
  readonly content?: (place: Place) => number
  /** What the tool keeps of a tree; everything if absent. */
  readonly kept?: Kept
}

/** A tool that cannot be measured, and why. */
export interface Missing {
  readonly name: string
  readonly missing: string
}

/** Makes a tool from programs, or says which programs are missing. */
export const needing = (
  name: string,
  programs: ReadonlyArray<string>,
  make: (...found: ReadonlyArray<string>) => Tool | Missing,
): Tool | Missing => {
  const found = programs.map(find)
  const absent = programs.filter((_, i) => found[i] === undefined)
  return absent.length > 0 ? { name, missing: `${absent.join(", ")} not found` } : make(...found as Array<string>)
}

/** The password of every repository that has one. */
export const PASSWORD = "correct horse"
