/** Entries: a walk yields them, a catalog lists them, a restore writes them. */
import type * as Stream from "effect/Stream"
import type { SourceError } from "./errors.ts"

/**
 * What an entry is. `unreadable` stands for something that is there but could not be read. It is reported and counted,
 * and never stored.
 */
export type EntryKind = "file" | "directory" | "symlink" | "fifo" | "socket" | "character" | "block" | "unreadable"

/** The kinds that may have hard links, several paths of one thing. Sockets are not restored, so they are left out. */
export const LINKED_KINDS: ReadonlySet<EntryKind> = new Set(["file", "symlink", "fifo", "character", "block"])

/** What is known of an entry beside its content. An absent field is one that the source does not know. */
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
  /** Time of the last change of the content, in nanoseconds since 1970. May be negative. */
  readonly mtime?: bigint
  /** Time of the last change of the inode, in nanoseconds since 1970. Kept to notice changes, never restored. */
  readonly ctime?: bigint
  /** Inode and device are kept to notice changes and hard links, and never restored. */
  readonly inode?: bigint
  /** Device number of a block or character device, as the system packs major and minor. */
  readonly device?: bigint
}

/**
 * One file, directory or other thing at one path.
 *
 * Streams of entries are depth-first: a directory comes before what is in it, and everything beneath it comes before
 * anything else.
 */
export interface Entry {
  /**
   * Relative to the root of the backup, with `/` between components; `""` is the root itself. It is never absolute and
   * has no component that is empty, `.` or `..`. Bytes that are not UTF-8 are lone surrogates U+DC80–U+DCFF (PEP 383);
   * see `path.ts`.
   */
  readonly path: string
  /** What it is. */
  readonly kind: EntryKind
  /** Everything about it but its path and content. */
  readonly metadata: Metadata
  /** Length of the content in bytes; 0 for anything but files; undefined for a stream of unknown length. */
  readonly size: number | undefined
  /** Files only. */
  readonly content?: Content
  /** Files only: true when the content can be read only once, like that of a pipe. */
  readonly once?: boolean
  /**
   * Files only: a hash of the content, made without a key. Equal IDs mean equal contents. Given by sources that know it
   * without reading the content; see `reuse`.
   */
  readonly contentId?: Uint8Array
  /** Symlinks only: where it points, unchanged, in the encoding of `path`. */
  readonly target?: string
  /**
   * Files, symlinks, fifos and device nodes: the path of an earlier entry that this one is a hard link to. The fields
   * for content, target and device numbers are set nevertheless.
   */
  readonly linkTo?: string
  /** Device nodes only. */
  readonly rdev?: { readonly major: number; readonly minor: number }
  /** Files only: true when fewer bytes are allocated than `size`. Runs of zeros are then restored as holes. */
  readonly sparse?: boolean
  /** What the source could not tell about it, in the words of `Loss.what`. */
  readonly lost?: string
  /** `unreadable` only: why, in one sentence without the path. */
  readonly problem?: string
}

/**
 * The bytes of a file, in one of three forms: all bytes in memory; a synchronous reader; or a stream. A reader is the
 * fast form: one unit of work reads many files without an Effect for each. Every form can be read again from the start,
 * unless the entry says `once`.
 */
export type Content = Uint8Array | ReaderContent | Stream.Stream<Uint8Array, SourceError>

/** Content that a synchronous reader reads. */
export interface ReaderContent {
  /** Opens the content at its start. Throws {@link SourceError}. */
  readonly open: () => Reader
  /** Plain data from which another thread can open the same content. */
  readonly locator?: unknown
  /**
   * The lengths in bytes of the pieces that the source keeps the content in, in order. Given when other files may share
   * these pieces; for `extentsOr`. A source that gives them leaves `locator` out.
   */
  readonly extents?: ReadonlyArray<number>
}

/** Reads a content once, from start to end. */
export interface Reader {
  /**
   * Fills `into` with the next bytes and returns their number. It is less than `into.length` only at the end. Throws
   * {@link SourceError}.
   */
  readonly read: (into: Uint8Array) => number
  /**
   * Call it after the last read. Gives the metadata of now, the number of bytes that were read, and whether the content
   * changed since it was opened. Throws {@link SourceError}.
   */
  readonly finish: () => { readonly changed: boolean; readonly size: number; readonly metadata: Metadata }
  /** Releases what the reader holds. May be called more than once. */
  readonly close: () => void
}
