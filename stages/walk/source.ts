/** The port that `walk` reads from. Behind it may be a file system, a tree in memory, or rows of a database. */
import * as Context from "effect/Context"
import type * as Stream from "effect/Stream"
import type { Entry } from "./entry.ts"
import type { SourceError } from "./errors.ts"
import type { Fidelity } from "./fidelity.ts"

/** What to leave out of a walk. */
export interface WalkOptions {
  /** Patterns in gitignore syntax, matched against paths relative to each root. */
  readonly ignore?: ReadonlyArray<string>
  /**
   * Leave out the contents of directories with a CACHEDIR.TAG (https://bford.info/cachedir/). The tag itself is not
   * left out.
   */
  readonly excludeCaches?: boolean
  /** Do not descend into other file systems. */
  readonly oneFileSystem?: boolean
  /**
   * Called for each thing that is left out. `ignored`: a pattern matches it. `cache`: everything in this directory but
   * its tag. `file-system`: everything in this directory, which is on another file system. `directory`: whether `path`
   * is a directory.
   */
  readonly leftOut?: (path: string, why: "ignored" | "cache" | "file-system", directory: boolean) => void
}

/** Something that can be walked. To make one, give `fidelity` and `entries`. */
export interface Source {
  /** What the source can tell of an entry. */
  /** What its entries have. */
  readonly fidelity: Fidelity
  /**
   * All entries of a walk. When `root` is a directory, it comes first, with path `""`, and then everything beneath it.
   * Any other root gives one entry, which is named by the last component of the root.
   *
   * The order is depth-first. In each directory, the entries that are not directories come first, then the directories.
   * Both are sorted by the bytes of their names. The stream emits arrays of up to some hundred entries.
   *
   * Fails only when the root cannot be read. Anything beneath it that cannot be read is an entry of kind `unreadable`.
   */
  readonly entries: (root: string, options: WalkOptions) => Stream.Stream<Entry, SourceError>
}

/** The service under which a source is provided. */
/**
 * The service under which a source is provided.
 *
 * @example Walk a source of your own
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { memorySource, Source, walk } from "@penstock/penstock"
 *
 * const { fidelity } = memorySource({})
 * const one: Source = {
 *   fidelity,
 *   entries: () => Stream.make({ path: "a", kind: "file", metadata: {}, size: 2, content: Uint8Array.of(1, 2) }),
 * }
 * const entries = await Effect.runPromise(Stream.runCollect(walk("")).pipe(Effect.provideService(Source, one)))
 * assert.equal(entries[0]?.path, "a")
 * ```
 */
export const Source: Context.Service<Source, Source> = Context.Service("penstock/Source")
