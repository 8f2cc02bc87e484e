/** The port of an open repository: what every format offers, so that commands, conversion and tests treat them alike. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Entry, EntryKind } from "../stages/walk/entry.ts"
import type { Loss } from "../stages/walk/represent.ts"
import type { Compare } from "../stages/catalog/reuse.ts"
import type { FormatError } from "./error.ts"

/** Something in the source or target that could not be handled, by path. */
export interface Problem {
  /** Path in the snapshot. */
  readonly path: string
  /** One sentence without the path. */
  readonly message: string
}

/** Counts so far; handed to `progress` some times a second at most. */
export interface Progress {
  /** Files. */
  readonly files: number
  /** Directories. */
  readonly directories: number
  /** Content bytes seen, stored before or not. */
  readonly bytes: number
  /** The path being worked on. */
  readonly path: string
}

/** How to make a snapshot. */
export interface BackupOptions {
  /** Name of the machine. */
  readonly hostname?: string
  /** Name of the user who made it. */
  readonly username?: string
  /**
   * What was backed up, as the user named it: absolute paths. Also what the parent snapshot is recognised by, with the
   * host name.
   */
  readonly paths: ReadonlyArray<string>
  /** Words that the user chose. */
  readonly tags?: ReadonlyArray<string>
  /**
   * ID of the machine in hex, where it is known, and a name of the snapshot for people; kept by the snapshot catalog.
   */
  readonly machine?: string
  /** A name that the user chose. */
  readonly name?: string
  /** Time of the snapshot in milliseconds since 1970; now, when absent. */
  readonly time?: number
  /**
   * ID of the snapshot whose unchanged files are not read again; `none` for a full read; by default the newest of the
   * same host and paths.
   */
  readonly parent?: string | "none"
  /** What tells that a file has not changed since the parent. Its metadata by default. */
  readonly compare?: Compare
  /** Do all but write. */
  readonly dryRun?: boolean
  /** Called now and then. */
  readonly progress?: (progress: Progress) => void
}

/** A snapshot, as listed. */
export interface SnapshotInfo {
  /** Lowercase hex; unique prefixes are accepted wherever an ID is. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly time: number
  /** Name of the machine. */
  readonly hostname: string
  /** Name of the user who made it. */
  readonly username: string
  /** Paths that were backed up. */
  readonly paths: ReadonlyArray<string>
  /** Words that the user chose. */
  readonly tags: ReadonlyArray<string>
  /** ID of the snapshot that this one was compared with. */
  readonly parent?: string
  /** These counts are absent where the format does not keep them, and only a walk of the whole tree could tell. */
  readonly files?: number
  /** Directories. */
  readonly directories?: number
  /** Content bytes of all files. */
  readonly bytes?: number
  /**
   * Of a copy: the ID of the snapshot of another repository that it is a copy of; of the first, when that was a copy
   * itself.
   */
  readonly original?: string
  /** ID of the machine in hex, and a name for people, where the format keeps them. */
  readonly machine?: string
  /** A name that the user chose. */
  readonly name?: string
}

/** What a backup did. */
export interface BackupSummary {
  /** Absent after a dry run. */
  readonly snapshot?: SnapshotInfo
  /** Files. */
  readonly files: number
  /** Directories. */
  readonly directories: number
  /** Symlinks, fifos, sockets, device nodes. */
  readonly others: number
  /** Bytes of all contents. */
  readonly bytes: number
  /** Files that the parent snapshot had unchanged, and that were not opened. */
  readonly filesUnchanged: number
  /** Content bytes that no chunk of the repository had. */
  readonly bytesAdded: number
  /** Bytes written to the store, catalogs and indexes included. */
  readonly bytesStored: number
  /** Chunks that were stored. */
  readonly chunksNew: number
  /** Chunks that the repository had. */
  readonly chunksReused: number
  /** What could not be read: entries left out, or stored as read while they changed. */
  readonly problems: ReadonlyArray<Problem>
  /** What the format cannot keep of entries that are stored; absent when it keeps all. */
  readonly losses?: ReadonlyArray<Loss>
}

/** What to read of a snapshot. */
export interface ReadOptions {
  /**
   * Whether an entry is wanted; directories that are not wanted are still descended into. All, by default. Without
   * `kind` the answer holds for any kind. It may be asked more than once about an entry.
   */
  readonly include?: (path: string, kind?: EntryKind) => boolean
  /** False: the entries are only looked at, so their content need not be read, nor be there. True by default. */
  readonly content?: boolean
  /** True: no content is fetched before it is read. By default those of small files are, many at once. */
  readonly lazy?: boolean
  /** Called for what the catalog lists but cannot give. */
  readonly problem?: (problem: Problem) => void
}

/** Something that `check` found wrong. */
export interface Finding {
  /** Name of the object. */
  readonly object: string
  /** One sentence that says what is wrong, and the way out. */
  readonly message: string
  /** It may be all there, and the store cannot read it: a disk that fails, or permissions. */
  readonly unreadable?: true
  /** Files, by snapshot, that cannot be restored whole because of it. */
  readonly files: ReadonlyArray<DamagedFile>
}

/** A file that cannot be restored whole. */
export interface DamagedFile {
  /** ID of the snapshot. */
  readonly snapshot: string
  /** Path in the snapshot. */
  readonly path: string
  /** What is wrong with this one, where the finding does not say. */
  readonly message?: string
}

/** How thoroughly to check. */
export interface CheckOptions {
  /**
   * Only files of the snapshots that it says yes to are looked at; of all, by default. What is stored is looked at in
   * any case.
   */
  readonly only?: (snapshot: SnapshotInfo) => boolean
  /** Share of the data to read and verify, in percent: 0 checks structure only, 100 every byte. */
  readonly readData: number
  /** Called now and then: steps that are done, of all that are known. */
  readonly progress?: (progress: { readonly done: number; readonly total: number }) => void
}

/** What a check looked at. */
export interface CheckSummary {
  /** Snapshots that were checked. */
  readonly snapshots: number
  /** Packs, or objects that hold content. */
  readonly packs: number
  /** Chunks that were looked up. */
  readonly chunks: number
  /** Stored bytes read. */
  readonly bytesRead: number
  /** Everything that is wrong. */
  readonly findings: ReadonlyArray<Finding>
}

/** What a rebuild did. */
export interface RebuildSummary {
  /** Snapshots that have a catalog again. */
  readonly snapshots: ReadonlyArray<SnapshotInfo>
  /** Packs that no index listed. */
  readonly packsIndexed: number
  /** Objects that are lost or damaged, and the files that lost content with them. */
  readonly findings: ReadonlyArray<Finding>
}

/** Copies snapshots of one repository into another of the same format, without reading what the other has already. */
export interface Copier {
  /**
   * Makes one snapshot of the source in the target. What the source has lost of it is left out, and is in `problems`.
   * Gives the copy that is `there` when that has as many files, though not all, and the error when the source cannot
   * list the snapshot any more; fails with anything else that is wrong.
   */
  readonly copy: (
    snapshot: SnapshotInfo,
    options?: { readonly progress?: (progress: Progress) => void },
  ) => Effect.Effect<BackupSummary | { readonly there: SnapshotInfo } | { readonly lost: FormatError }, FormatError>
}

/** An open repository. */
export interface Repository {
  /** Name of the format. */
  readonly format: string
  /** Unique to the repository, lowercase hex. */
  readonly id: string
  /** Stores a stream of depth-first entries as a new snapshot. What it could not read is in the summary. */
  readonly backup: <E, R>(
    entries: Stream.Stream<Entry, E, R>,
    options: BackupOptions,
  ) => Effect.Effect<BackupSummary, FormatError | E, R>
  /** All snapshots, oldest first. */
  readonly snapshots: Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError>
  /** The entries of a snapshot, depth-first, each with its content to be read on demand. */
  readonly entries: (snapshot: SnapshotInfo, options?: ReadOptions) => Stream.Stream<Entry, FormatError>
  /** Verifies what is stored. Damage is a finding, not a failure. */
  readonly check: (options: CheckOptions) => Effect.Effect<CheckSummary, FormatError>
  /** Makes lost indexes and catalogs again, from what is left. */
  readonly rebuild: Effect.Effect<RebuildSummary, FormatError>
  /**
   * What only the format itself understands. Its `copier`, and its `create` with `like`, look here for what they need of
   * another repository, such as its keys. A wrapper of a repository passes it on as it is. Absent where a format needs
   * nothing.
   */
  readonly inside?: unknown
  /**
   * What copies snapshots of `from` into this one; undefined when `from` is not of this format and version. Absent
   * where a format has no such way. The snapshots that it makes have an `original`.
   */
  readonly copier?: (from: Repository) => Effect.Effect<Copier, FormatError, Scope.Scope> | undefined
}
