/** Entries: what a walk yields, what a catalog holds, what a restore writes. */
import type * as Stream from "effect/Stream"
import type { SourceError } from "./errors.ts"

/**
 * `unreadable` stands for something that is there but could not be read: it is reported and counted, never stored as
 * content.
 */
export type EntryKind = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block" | "unreadable"

/**
 * The kinds of which several paths may be one thing: hard links. Of sockets, which are not restored, nothing is said.
 */
export const LINKED_KINDS: ReadonlySet<EntryKind> = new Set(["file", "symlink", "fifo", "character", "block"])

/** What is known of an entry beside its content. Absent means that the source does not know it. */
export interface Metadata {
  /** Permission bits with setuid, setgid and sticky: 0o0000–0o7777. */
  readonly mode?: number
  /** Number of the owner. */
  readonly uid?: number
  /** Number of the group. */
  readonly gid?: number
  /** Name of the owner. */
  readonly user?: string
  /** Name of the group. */
  readonly group?: string
  /** Nanoseconds since 1970, may be negative. */
  readonly mtime?: bigint
  /** Nanoseconds since 1970. Kept to recognise change, never restored. */
  readonly ctime?: bigint
  /** Kept to recognise change and hard links, never restored. */
  readonly inode?: bigint
  /** Device number of a block or character device, as the system packs major and minor. */
  readonly device?: bigint
}

/**
 * One thing at one path.
 *
 * Order: streams of entries are depth-first. A directory comes before what is in it, and all that is beneath it comes
 * before anything that is not.
 */
export interface Entry {
  /**
   * Relative to the root of the backup, `/` between components; `""` is the root itself. Never absolute, no empty, `.`
   * or `..` component. Bytes that are not UTF-8 are lone surrogates U+DC80–U+DCFF (PEP 383); see `path.ts`.
   */
  readonly path: string
  /** What it is. */
  readonly kind: EntryKind
  /** Everything about it but its path and content. */
  readonly metadata: Metadata
  /** Length of the content in bytes; 0 for anything but files. For a stream of unknown length, undefined. */
  readonly size: number | undefined
  /** Files only. */
  readonly content?: Content
  /** Files only: true when the content can be read only once, as what comes through a pipe. */
  readonly once?: boolean
  /**
   * Files only: a name of the content, by a hash without a key: where two are equal, the contents are. From sources
   * that know one without reading the content; see `reuse`.
   */
  readonly contentId?: Uint8Array
  /** Symlinks only: where it points, in the same encoding as `path`, otherwise as it stands. */
  readonly target?: string
  /**
   * Files, symlinks, fifos and device nodes: the path of an earlier entry that is the same (a hard link). Content,
   * target and numbers are here all the same.
   */
  readonly linkTo?: string
  /** Device nodes only. */
  readonly rdev?: { readonly major: number; readonly minor: number }
  /** Files only: true when fewer bytes are allocated than `size`, so that runs of zeros are restored as holes. */
  readonly sparse?: boolean
  /** What its source could not tell of it, in the words of `Loss.what`. */
  readonly lost?: string
  /** `unreadable` only: one sentence, without the path, that says why. */
  readonly problem?: string
}

/**
 * The bytes of a file, in one of three forms: all at once; as a synchronous reader (the fast path: one unit of work
 * reads many files without an Effect for each); or as a stream. Every form can be read again from the start, unless its
 * entry says `once`.
 */
export type Content = Uint8Array | ReaderContent | Stream.Stream<Uint8Array, SourceError>

/** Content that a synchronous reader gives. */
export interface ReaderContent {
  /** Opens it at the start. Throws {@link SourceError}. */
  readonly open: () => Reader
  /** Plain data from which a worker of the same source can open it. */
  readonly locator?: unknown
  /**
   * Lengths of the pieces in which the source keeps it, in order, when it knows them and others may share them; for
   * `extentsOr`. A source that tells them leaves `locator` out.
   */
  readonly extents?: ReadonlyArray<number>
}

/** Reads once from start to end. */
export interface Reader {
  /**
   * Fills `into` from the current position; returns the number of bytes, less than `into.length` only at the end.
   * Throws {@link SourceError}.
   */
  readonly read: (into: Uint8Array) => number
  /** After the last read: the metadata now, and whether the content changed between opening and now. */
  readonly finish: () => { readonly changed: boolean; readonly size: number; readonly metadata: Metadata }
  /** Releases it; may be called more than once. */
  readonly close: () => void
}
