/** The port of open repositories: what every format offers, so that commands, conversions and tests treat all alike. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { Entry, EntryKind } from "../stages/walk/entry.ts"
import type { EntryOrder } from "../stages/walk/entry_order.ts"
import type { Loss } from "../stages/walk/represent.ts"
import type { Compare } from "../stages/catalog/reuse.ts"
import type { ReadData } from "./data_subset.ts"
import type { FormatError } from "./error.ts"
import type { Inspection } from "./inspection.ts"
import type { RepositoryKeys } from "./keys.ts"

/** An entry that could not be read, kept or written as it is. */
export interface Problem {
  /** Path in the snapshot. */
  readonly path: string
  /** One sentence without the path. */
  readonly message: string
}

/** What a backup has done so far. `progress` is called a few times a second at most. */
export interface Progress {
  /** Files. */
  readonly files: number
  /** Directories. */
  readonly directories: number
  /** Content bytes read or reused, whether they were stored before or not. */
  readonly bytes: number
  /** The path that is being worked on. */
  readonly path: string
}

/** How to make a snapshot. */
export interface BackupOptions {
  /** Name of the machine. */
  readonly hostname?: string
  /** Name of the user. */
  readonly username?: string
  /** What is backed up, as the user named it: absolute paths. With the host name they also find the parent snapshot. */
  readonly paths: ReadonlyArray<string>
  /** Words that the user chose. */
  readonly tags?: ReadonlyArray<string>
  /** ID of the machine in hex, where it is known. Only the snapshot catalog keeps it. */
  readonly machine?: string
  /** A name of the snapshot for people. Only the snapshot catalog keeps it. */
  readonly name?: string
  /** Time of the snapshot in milliseconds since 1970; now by default. */
  readonly time?: number
  /**
   * ID of the snapshot whose unchanged files are not read again, or `none` to read all files. By default the newest
   * snapshot of the same host and paths.
   */
  readonly parent?: string | "none"
  /** How a file is recognised as unchanged since the parent: by its metadata by default. */
  readonly compare?: Compare
  /** Do everything but write. */
  readonly dryRun?: boolean
  /** Called a few times a second at most. */
  readonly progress?: (progress: Progress) => void
}

/** A snapshot, as a listing shows it. */
export interface SnapshotInfo {
  /** Lowercase hex. The start of an ID stands for it wherever it is unique. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly time: number
  /** Name of the machine. */
  readonly hostname: string
  /** Name of the user. */
  readonly username: string
  /** The paths that were backed up. */
  readonly paths: ReadonlyArray<string>
  /** Words that the user chose. */
  readonly tags: ReadonlyArray<string>
  /** ID of the snapshot that this one was made against. */
  readonly parent?: string
  /** The three counts are absent where the format does not keep them: only a walk of the whole tree could tell. */
  readonly files?: number
  /** Directories. */
  readonly directories?: number
  /** Content bytes of all files. */
  readonly bytes?: number
  /**
   * Of a copy: the ID of the snapshot in another repository that it was copied from. When that was a copy, too, the ID
   * of the first.
   */
  readonly original?: string
  /** ID of the machine in hex, where the format keeps it. */
  readonly machine?: string
  /** A name for people, where the format keeps it. */
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
  /** Symlinks, FIFOs, sockets and devices. */
  readonly others: number
  /** Content bytes of all files. */
  readonly bytes: number
  /** Files that have not changed since the parent snapshot, and were not opened. */
  readonly filesUnchanged: number
  /** Content bytes in new chunks. */
  readonly bytesAdded: number
  /** Bytes written to the store, with catalogs and indexes. */
  readonly bytesStored: number
  /** Chunks that were stored. */
  readonly chunksNew: number
  /** Chunks that were there already. */
  readonly chunksReused: number
  /** Entries that could not be read and are left out, and files that changed while they were read. */
  readonly problems: ReadonlyArray<Problem>
  /** What the format cannot keep of the entries that are stored. Absent when it keeps all. */
  readonly losses?: ReadonlyArray<Loss>
}

/** What to read of a snapshot. */
export interface ReadOptions {
  /**
   * Whether an entry is wanted; all are by default. The entries of a directory that is not wanted are asked about, too.
   * Without `kind` the answer must hold for any kind. It may be called more than once for an entry.
   */
  readonly include?: (path: string, kind?: EntryKind) => boolean
  /** False when the entries are only looked at: their content is not read, and may be missing. True by default. */
  readonly content?: boolean
  /** True for files to have `chunks`, if the format has them. Only where `content` is false. */
  readonly chunks?: boolean
  /**
   * Which contents are fetched only when they are read; true: all. By default the contents of many small files are
   * fetched at once.
   */
  readonly lazy?: boolean | ((entry: Entry) => boolean)
  /** Called for entries that the catalog lists but cannot give. */
  readonly problem?: (problem: Problem) => void
}

/** An entry of a snapshot. */
export interface SnapshotEntry extends Entry {
  /**
   * Files only, where `ReadOptions.chunks` asks for it: the chunks of the content, in order, as `ChunkListBuilder`
   * lists them. Equal lists in one repository mean equal contents. Absent where a format shares only whole contents:
   * then equal `contentId`s mean the same, even if they are made with a key.
   */
  readonly chunks?: Uint8Array
}

/** Something wrong that a check found. */
export interface Finding {
  /** The object that is damaged or missing, or a word for objects that have no name. */
  readonly object: string
  /** One sentence that names the object. */
  readonly message: string
  /** The object may be whole, but the store cannot read it: because of a failing disk, or permissions. */
  readonly unreadable?: true
  /** The files that cannot be restored whole because of it. */
  readonly files: ReadonlyArray<DamagedFile>
}

/** A file that cannot be restored whole. */
export interface DamagedFile {
  /** ID of the snapshot. */
  readonly snapshot: string
  /** Path in the snapshot. */
  readonly path: string
  /** What is wrong with this file, where the finding does not say it. */
  readonly message?: string
}

/** How thoroughly to check. */
export interface CheckOptions {
  /** Chooses the snapshots whose files are looked up; all by default. Objects are checked in any case. */
  readonly only?: (snapshot: SnapshotInfo) => boolean
  /**
   * What to read and verify of the content: 0 checks the structure only, 100 every byte. Fails with `unsupported` where
   * a format cannot choose so.
   */
  readonly readData: ReadData
  /** Called after each pack. */
  readonly progress?: (progress: { readonly done: number; readonly total: number }) => void
}

/** What a check looked at, and what it found. */
export interface CheckSummary {
  /** Snapshots whose files were looked up. */
  readonly snapshots: number
  /** Packs that were checked. */
  readonly packs: number
  /** Chunks that were checked. */
  readonly chunks: number
  /** Bytes of packs, as stored, that were read whole. */
  readonly bytesRead: number
  /** What is wrong. */
  readonly findings: ReadonlyArray<Finding>
}

/** What a rebuild did. */
export interface RebuildSummary {
  /** Snapshots that were made again, or got a catalog or a log again. */
  readonly snapshots: ReadonlyArray<SnapshotInfo>
  /** Packs that no index listed. */
  readonly packsIndexed: number
  /**
   * Names of other objects that were lost or damaged, and are there again: such as the one that names the repository.
   */
  readonly rebuiltObjects?: ReadonlyArray<string>
  /** Objects that are lost or damaged, and the files that lost content with them. */
  readonly findings: ReadonlyArray<Finding>
}

/** Copies snapshots of one repository into another of the same format. Chunks that the target has are not read. */
export interface Copier {
  /**
   * Copies one snapshot. Files that the source has lost are left out, and named in `problems` of the summary.
   *
   * Gives `there`, the copy that the target has already, when a new one would not have more files. Gives `lost`, the
   * error, when the source cannot list the entries of the snapshot any more. Fails with any other error.
   */
  readonly copy: (
    snapshot: SnapshotInfo,
    options?: { readonly progress?: (progress: Progress) => void },
  ) => Effect.Effect<BackupSummary | { readonly there: SnapshotInfo } | { readonly lost: FormatError }, FormatError>
}

/** An open repository. */
export interface Repository {
  /** The name of its format, see `Format.name`. */
  readonly format: string
  /** Unique to the repository, lowercase hex. */
  readonly id: string
  /**
   * Lowercase hex, of the key of its owner: tells it from a repository that somebody made with the same ID. It is no
   * secret. Absent where a format has none.
   */
  readonly fingerprint?: string
  /** Grows when its keys are rotated, from 1 on: so an earlier state is noticed. Absent where a format has none. */
  readonly epoch?: number
  /**
   * Stores entries, in depth-first order, as a new snapshot. Entries that cannot be read are left out, and named in the
   * summary. Fails with an error of the entries as it is; no snapshot is made then.
   */
  readonly backup: <E, R>(
    entries: Stream.Stream<Entry, E, R>,
    options: BackupOptions,
  ) => Effect.Effect<BackupSummary, FormatError | E, R>
  /** Lists all snapshots, oldest first. Tells `OnUnlisted` of those that cannot be read. */
  readonly snapshots: Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError>
  /**
   * The entries of a snapshot, in depth-first order, each with a content to be read on demand. A content that is lost
   * fails with a SourceError `damaged`. Fails with `unknown-snapshot`, and with `corrupt` when the entries are lost.
   */
  readonly entries: (snapshot: SnapshotInfo, options?: ReadOptions) => Stream.Stream<SnapshotEntry, FormatError>
  /** The order of the entries of each directory, in all snapshots. Absent where they may differ. */
  readonly order?: EntryOrder
  /**
   * Calls `piece` for each chunk of content in the store, or for each whole content where a format shares only these:
   * with the ID that `entries` gives, and the bytes that it takes in the store, which may have a fraction if several
   * are compressed as one. Reads no content, but lists, footers or packfiles. What damage hides is left out. The first
   * call for an ID counts. Absent where a format cannot tell.
   */
  readonly storedSizes?: (piece: (id: Uint8Array, bytes: number) => void) => Effect.Effect<void, FormatError>
  /** Verifies the repository. Damage is a finding, not a failure. */
  readonly check: (options: CheckOptions) => Effect.Effect<CheckSummary, FormatError>
  /** Makes again what is lost, as far as what is left allows. Content that is lost stays lost. */
  readonly rebuild: Effect.Effect<RebuildSummary, FormatError>
  /**
   * Removes snapshots for good: they are not listed any more, and a rebuild does not bring them back. All others stay
   * whole. No content is removed. Backups may run meanwhile. A snapshot that is gone already is no failure, so what was
   * interrupted can be repeated. After a failure, some of them may be gone. Absent where a format cannot do it.
   */
  readonly forget?: (snapshots: ReadonlyArray<SnapshotInfo>) => Effect.Effect<void, FormatError>
  /**
   * Only the format itself understands this. Its `copier`, and its `create` with `like`, look here for what they need
   * of another repository, such as its keys. A wrapper around a repository passes it on as it is. Absent where a format
   * needs nothing.
   */
  readonly inside?: unknown
  /**
   * Prepares to copy snapshots of `from` into this repository, chunk by chunk. Gives undefined when `from` is not of
   * the same format and version. Absent where a format cannot do it. Copies have an `original`.
   */
  readonly copier?: (from: Repository) => Effect.Effect<Copier, FormatError, Scope.Scope> | undefined
  /** Shows what is stored, to look for an error. Absent where a format does not. */
  readonly inspection?: Inspection
  /** The keys that open this repository. Absent where a format has no more than one secret. */
  readonly keys?: RepositoryKeys
}
