/** The port that `walk` reads from: a file system, a tree in memory, rows of a database. */
import * as Context from "effect/Context"
import type * as Stream from "effect/Stream"
import type { Entry } from "./entry.ts"
import type { SourceError } from "./errors.ts"
import type { Fidelity } from "./fidelity.ts"

/** What to leave out of a walk. */
export interface WalkOptions {
  /** Patterns in gitignore syntax, matched against paths relative to each root. */
  readonly ignore?: ReadonlyArray<string>
  /** Leave out what is in directories tagged by a CACHEDIR.TAG (https://bford.info/cachedir/); the tag itself stays. */
  readonly excludeCaches?: boolean
  /** Do not descend into other file systems. */
  readonly oneFileSystem?: boolean
  /**
   * Told of what is left out because of these options. `ignored`: a pattern matches it. `cache`: all in this directory
   * but its tag. `file-system`: all in this directory, which is of another file system.
   */
  readonly leftOut?: (path: string, why: "ignored" | "cache" | "file-system", directory: boolean) => void
}

/** Something that can be walked. */
export interface Source {
  /** What the source can tell of an entry. */
  readonly fidelity: Fidelity
  /**
   * All entries beneath `root`, and the root itself first with path `""` when it is a directory; a root that is not a
   * directory gives one entry named by its last component. Depth-first; in each directory first what is not a
   * directory, then the directories, each sorted by the bytes of its name. Emits arrays of up to some hundred entries
   * at a time.
   *
   * Fails only when the root cannot be read. What cannot be read beneath it is an entry of kind `unreadable`.
   */
  readonly entries: (root: string, options: WalkOptions) => Stream.Stream<Entry, SourceError>
}

/** The service under which a source is provided. */
export const Source: Context.Service<Source, Source> = Context.Service("penstock/Source")
