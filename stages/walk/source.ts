/** The port that `walk` reads from: a file system, a tree in memory, rows of a database. */
import * as Context from "effect/Context"
import type * as Stream from "effect/Stream"
import { taggedError, type TaggedErrorInstance } from "../kernel/tagged_error.ts"
import type { Entry } from "./entry.ts"

/** Fields of a `SourceError`. */
export interface SourceErrorFields {
  /**
   * `not-found`: the root is not there, or an entry vanished. `denied`: no permission. `changed`: changed while read.
   * `damaged`: stored content that is lost or altered. `io`: anything else.
   */
  readonly reason: "not-found" | "denied" | "changed" | "damaged" | "io"
  readonly path: string
  readonly message: string
  readonly cause?: unknown
}
/**
 * A source could not be read. About a root it fails the walk; about anything beneath, the walk goes on (kind
 * `unreadable`).
 */
export interface SourceError extends TaggedErrorInstance<"SourceError", SourceErrorFields> {}
/** Makes {@linkcode SourceError}s. */
export const SourceError: new (fields: SourceErrorFields) => SourceError = taggedError("SourceError")

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

/** What a source or target keeps; the contract tests check each claim. */
export interface Fidelity {
  readonly kinds: ReadonlyArray<Entry["kind"]>
  /** `execute`: only whether the owner may execute a file. */
  readonly mode: boolean | "execute"
  readonly owner: boolean
  /** Resolution of mtime in nanoseconds; undefined: not kept. */
  readonly mtime: number | undefined
  /**
   * The earliest mtime that it keeps, in nanoseconds since 1970: what is before that becomes that. Any, when absent.
   */
  readonly mtimeFrom?: bigint
  /** The latest one. */
  readonly mtimeTo?: bigint
  readonly hardlinks: boolean
  readonly sparse: boolean
  /** Whether names that are not UTF-8 survive. */
  readonly byteNames: boolean
}

/** The times of what keeps nanoseconds in 64 bits: the years 1677 to 2262. */
export const TIMES_OF_64_BITS: Required<Pick<Fidelity, "mtimeFrom" | "mtimeTo">> = {
  mtimeFrom: -(2n ** 63n),
  mtimeTo: 2n ** 63n - 1n,
}

/** Keeps everything. */
export const wholeFidelity: Fidelity = {
  kinds: ["file", "directory", "symlink", "fifo", "socket", "character", "block"],
  mode: true,
  owner: true,
  mtime: 1,
  hardlinks: true,
  sparse: true,
  byteNames: true,
}

/** What the tree of a catalog keeps. */
export const treeFidelity: Fidelity = { ...wholeFidelity, ...TIMES_OF_64_BITS }

/** Something that can be walked. */
export interface Source {
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

export const Source: Context.Service<Source, Source> = Context.Service("penstock/Source")
