/** What every format offers, so that commands, conversion and tests treat them alike. */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { taggedError, type TaggedErrorInstance } from "../stages/kernel/tagged_error.ts"
import type { KernelError } from "../stages/kernel/kernel.ts"
import { type ObjectStore, StoreError } from "../stages/store/store.ts"
import { concernsObject } from "../stages/store/unreadable.ts"
import type { Entry, EntryKind } from "../stages/walk/entry.ts"
import type { Loss } from "../stages/walk/represent.ts"
import type { Compare } from "../stages/walk/reuse.ts"
import type { Fidelity } from "../stages/walk/source.ts"
import type { Recorded } from "../stages/catalog/record.ts"
import type { RecordFidelity } from "./record_fidelity.ts"
import type { SqliteEngine, SqliteError } from "../stages/catalog/sqlite/sqlite.ts"

/** Fields of a `RepositoryError`. */
export interface RepositoryErrorFields {
  /**
   * `none`: there is no repository. `exists`: there is one already. `wrong-key`: no password, recipient or key fits.
   * `unused-secret`: a secret is given that this repository has no use for; what is stored may be another's, or in the
   * clear. `corrupt`: what is stored is damaged, altered or missing. `newer`: written by a later version. `foreign`:
   * another format. `unknown-snapshot`: no snapshot of that ID. `unsupported`: this format cannot do that. `scratch`:
   * this machine has no room for the databases that the work needs, or nowhere to put them; nothing is wrong with the
   * repository.
   */
  readonly reason:
    | "none"
    | "exists"
    | "wrong-key"
    | "unused-secret"
    | "corrupt"
    | "newer"
    | "foreign"
    | "unknown-snapshot"
    | "unsupported"
    | "scratch"
  /** The object concerned, when it is one. */
  readonly object?: string
  readonly message: string
  readonly cause?: unknown
}
/** A repository cannot be used as asked. */
export interface RepositoryError extends TaggedErrorInstance<"RepositoryError", RepositoryErrorFields> {}
/** Makes {@linkcode RepositoryError}s. */
export const RepositoryError: new (fields: RepositoryErrorFields) => RepositoryError = taggedError(
  "RepositoryError",
)

/** Whatever may go wrong with a repository. */
export type FormatError = RepositoryError | StoreError

/** An object that is damaged, altered or missing. */
export const corrupt = (object: string, message: string, cause?: unknown): RepositoryError =>
  new RepositoryError({ reason: "corrupt", object, message, cause })

/** Kernels fail while writing only for want of support. */
export const fromKernelError = (error: KernelError): RepositoryError =>
  new RepositoryError({ reason: "unsupported", message: error.message, cause: error })

/** The engine of databases failed, and no database is to blame: undefined when one is. */
export const fromEngineError = (error: SqliteError): RepositoryError | undefined =>
  error.reason === "corrupt" || error.reason === "query" ? undefined : new RepositoryError({
    reason: error.reason === "unavailable" ? "unsupported" : "scratch",
    message: error.message,
    cause: error,
  })

/**
 * Reads all of an object. One that is longer than its kind can be is damaged: that is `corrupt` as a RepositoryError.
 */
export const readWhole = (
  store: ObjectStore,
  name: string,
  atMost: number,
): Effect.Effect<Uint8Array, RepositoryError | StoreError> =>
  Effect.mapError(
    store.get(name, { atMost }),
    (error) => error.reason === "corrupt" ? corrupt(name, error.message, error) : error,
  )

/** Whether one object is to blame for an error of a read, and not the store as a whole. */
export const isDamage = (error: FormatError): boolean =>
  error instanceof StoreError ? concernsObject(error) : error.reason === "corrupt"

/** Whether an object is to blame for an error that is not there. */
export const isGone = (error: FormatError): boolean =>
  error instanceof StoreError
    ? error.reason === "not-found"
    : error.cause instanceof StoreError && error.cause.reason === "not-found"

/** What was given of an object is wrong, and what is stored is right. */
export const readWrongly = (object: string): StoreError =>
  new StoreError({
    reason: "unavailable",
    object,
    message: `${object} was read wrongly, though what is stored is right: run again, and check the connection`,
  })

/** An error of a read of one object as damage to that object; any other stays. */
export const asDamage = (object: string) => (error: FormatError): FormatError =>
  error instanceof StoreError && concernsObject(error) ? corrupt(object, error.message, error) : error

/** What opens a repository. Which of these a format takes is in its SPEC.md; it refuses others. */
export interface Secrets {
  readonly password?: Redacted.Redacted<string>
  /** Whom new archives are encrypted for: age recipients, `age1...`. */
  readonly recipients?: ReadonlyArray<string>
  /** What opens them: age identities, `AGE-SECRET-KEY-...`. */
  readonly identities?: ReadonlyArray<Redacted.Redacted<string>>
  /** A raw key. */
  readonly key?: Redacted.Redacted<Uint8Array>
}

const SECRET_WORDS: Readonly<Record<keyof Secrets, string>> = {
  password: "a password",
  recipients: "an age recipient",
  identities: "an age identity",
  key: "a key",
}

/**
 * Fails with `unused-secret` when a secret is given that is none of those that the format takes. Nobody would notice
 * otherwise that a repository in the clear lies where an encrypted one should.
 */
export const refuseOthers = (
  secrets: Secrets,
  format: string,
  takes: ReadonlyArray<keyof Secrets>,
): Effect.Effect<void, RepositoryError> => {
  const names = Object.keys(SECRET_WORDS) as ReadonlyArray<keyof Secrets>
  const unused = names.find((name) => secrets[name] !== undefined && !takes.includes(name))
  if (unused === undefined) return Effect.void
  const why = takes.length === 0 ? "is not encrypted" : `takes ${takes.map((name) => SECRET_WORDS[name]).join(" or ")}`
  return Effect.fail(
    new RepositoryError({
      reason: "unused-secret",
      message: `A repository of the format ${format} ${why}, but ${SECRET_WORDS[unused]} was given`,
    }),
  )
}

/** Something in the source or target that could not be handled, by path. */
export interface Problem {
  readonly path: string
  /** One sentence without the path. */
  readonly message: string
}

/** Counts so far; handed to `progress` some times a second at most. */
export interface Progress {
  readonly files: number
  readonly directories: number
  /** Content bytes seen, stored before or not. */
  readonly bytes: number
  /** The path being worked on. */
  readonly path: string
}

/** How to make a snapshot. */
export interface BackupOptions {
  readonly hostname?: string
  readonly username?: string
  /**
   * What was backed up, as the user named it: absolute paths. Also what the parent snapshot is recognised by, with the
   * host name.
   */
  readonly paths: ReadonlyArray<string>
  readonly tags?: ReadonlyArray<string>
  /**
   * ID of the machine in hex, where it is known, and a name of the snapshot for people; kept by the snapshot catalog.
   */
  readonly machine?: string
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
  readonly progress?: (progress: Progress) => void
}

/** A snapshot, as listed. */
export interface SnapshotInfo {
  /** Lowercase hex; unique prefixes are accepted wherever an ID is. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly time: number
  readonly hostname: string
  readonly username: string
  readonly paths: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
  readonly parent?: string
  /** These counts are absent where the format does not keep them, and only a walk of the whole tree could tell. */
  readonly files?: number
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
  readonly name?: string
}

/** What a backup did. */
export interface BackupSummary {
  /** Absent after a dry run. */
  readonly snapshot?: SnapshotInfo
  readonly files: number
  readonly directories: number
  /** Symlinks, fifos, sockets, device nodes. */
  readonly others: number
  readonly bytes: number
  /** Files that the parent snapshot had unchanged, and that were not opened. */
  readonly filesUnchanged: number
  /** Content bytes that no chunk of the repository had. */
  readonly bytesAdded: number
  /** Bytes written to the store, catalogs and indexes included. */
  readonly bytesStored: number
  readonly chunksNew: number
  readonly chunksReused: number
  /** What could not be read: entries left out, or stored as read while they changed. */
  readonly problems: ReadonlyArray<Problem>
  /** What the format cannot keep of entries that are stored; absent when it keeps all. */
  readonly losses?: ReadonlyArray<Loss>
}

/** The summary of what was recorded, with the bytes stored in all, and what was lost on the way. */
export const summaryOf = (
  recorded: Recorded,
  bytesStored: number,
  losses: ReadonlyArray<Loss> = [],
): BackupSummary => ({
  files: recorded.files,
  directories: recorded.directories,
  others: recorded.others,
  bytes: recorded.bytes,
  filesUnchanged: recorded.filesUnchanged,
  bytesAdded: recorded.bytesAdded,
  bytesStored,
  chunksNew: recorded.chunksNew,
  chunksReused: recorded.chunks - recorded.chunksNew,
  problems: recorded.problems,
  ...(losses.length === 0 ? {} : { losses }),
})

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
  readonly object: string
  readonly message: string
  /** It may be all there, and the store cannot read it: a disk that fails, or permissions. */
  readonly unreadable?: true
  /** Files, by snapshot, that cannot be restored whole because of it. */
  readonly files: ReadonlyArray<DamagedFile>
}

/** A file that cannot be restored whole. */
export interface DamagedFile {
  readonly snapshot: string
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
  readonly progress?: (progress: { readonly done: number; readonly total: number }) => void
}

/** What a check looked at. */
export interface CheckSummary {
  readonly snapshots: number
  readonly packs: number
  readonly chunks: number
  /** Stored bytes read. */
  readonly bytesRead: number
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
  readonly check: (options: CheckOptions) => Effect.Effect<CheckSummary, FormatError>
  readonly rebuild: Effect.Effect<RebuildSummary, FormatError>
  /**
   * What copies snapshots of `from` into this one; undefined when `from` is not of this format and version. Absent
   * where a format has no such way. The snapshots that it makes have an `original`.
   */
  readonly copier?: (from: Repository) => Effect.Effect<Copier, FormatError, Scope.Scope> | undefined
}

/** What of a repository is worth keeping on this machine, when its store is remote. */
export interface Cacheable {
  /**
   * Whether an object is: indexes and catalogs, that are read again and again. Only those that never change: their
   * names are random, or name their content, so that no other object ever has that name.
   */
  readonly holds: (name: string) => boolean
  /**
   * The object that tells a repository from another that is made at the same place later; read, or written, before all
   * that is cached.
   */
  readonly config?: string
}

/**
 * Something that can be chosen of a format, as data: what the command takes, its help and the documentation follow from
 * it.
 */
export interface FormatOption {
  /** `layout`; on the command line `zprt.layout`. */
  readonly name: string
  /** The values that there are, the default first; or what stands for any other value, such as `PATH`. */
  readonly values: ReadonlyArray<string> | string
  /**
   * `make`: of a repository when it is made, which keeps it. `backup`: of one snapshot. `open`: whenever the repository
   * is used.
   */
  readonly when: "make" | "backup" | "open"
  /** It may be given more than once. */
  readonly repeatable?: boolean
  /** What it is, in some words. */
  readonly meaning: string
  /** What is wrong with a value where `values` does not list them: words that go on after the value. */
  readonly problem?: (value: string) => string | undefined
}

/** The values that were chosen, by the names of options. */
export type ChosenOptions = ReadonlyMap<string, ReadonlyArray<string>>

/** A format: how repositories of it are made, recognised and opened. */
export interface Format {
  /** As on the command line: `rozen`, `zprt`, `bkp`, `snapshot-catalog`, `fogsync`. */
  readonly name: string
  /** What it keeps of an entry. */
  readonly fidelity: Fidelity
  /** What it keeps of the record of a snapshot. */
  readonly record: RecordFidelity
  /** Absent when nothing is worth it. */
  readonly cacheable?: Cacheable
  /** Whether the store holds a repository of this format, of any version. */
  readonly recognise: Effect.Effect<boolean, StoreError, ObjectStore>
  /**
   * Fails with `exists` when there is one already, and with `unused-secret`, as `open` does, for a secret that it does
   * not take. With `like`, it gets the key of that repository, under secrets and an ID of its own, so that both name
   * and cut chunks alike: fails with `unsupported` where a format does not have that.
   */
  readonly create: (
    secrets: Secrets,
    like?: Repository,
  ) => Effect.Effect<Repository, FormatError, ObjectStore | SqliteEngine | Scope.Scope>
  readonly open: (secrets: Secrets) => Effect.Effect<Repository, FormatError, ObjectStore | SqliteEngine | Scope.Scope>
}

/** Clocks that differ by less, in milliseconds, are nothing to warn of. */
const CLOCKS = 5 * 60 * 1000

/** Whether a snapshot is dated in the future: until then it is the latest, whatever is backed up. */
export const isInFuture = ({ time }: Pick<SnapshotInfo, "time">): boolean => time > Date.now() + CLOCKS

/** For formats without keys to share: fails with `unsupported` when a new repository is to have the key of another. */
export const refuseLike = (format: string, like: Repository | undefined): Effect.Effect<void, RepositoryError> =>
  like === undefined ? Effect.void : Effect.fail(
    new RepositoryError({
      reason: "unsupported",
      message: `A new repository of the format ${format} cannot have the key of another`,
    }),
  )

/**
 * The snapshot that a backup starts from, when there is one: the one asked for, else the newest of the same host and
 * paths. `snapshots` are sorted by time. Warns when the last is dated in the future, and the new one is not told its
 * time. Fails with `unknown-snapshot`.
 */
export const chooseParent = <S>(
  snapshots: ReadonlyArray<S>,
  options: BackupOptions,
  infoOf: (snapshot: S) => Pick<SnapshotInfo, "id" | "hostname" | "paths" | "time">,
): Effect.Effect<S | undefined, RepositoryError> => {
  const last = snapshots.at(-1)
  const chosen = choose(snapshots, options, infoOf)
  if (last === undefined || options.time !== undefined || !isInFuture(infoOf(last))) return chosen
  const { id, time } = infoOf(last)
  const until = new Date(time).toISOString().slice(0, 10)
  return Effect.andThen(
    Effect.logWarning(`Snapshot ${id.slice(0, 8)} is dated ${until}: until then it stays the latest`),
    chosen,
  )
}

const choose = <S>(
  snapshots: ReadonlyArray<S>,
  options: BackupOptions,
  infoOf: (snapshot: S) => Pick<SnapshotInfo, "id" | "hostname" | "paths">,
): Effect.Effect<S | undefined, RepositoryError> => {
  const { hostname = "", parent, paths } = options
  if (parent === "none") return Effect.succeed(undefined)
  if (parent === undefined) {
    return Effect.succeed(snapshots.findLast((snapshot) => {
      const info = infoOf(snapshot)
      return info.hostname === hostname && info.paths.length === paths.length &&
        info.paths.every((path, i) => path === paths[i])
    }))
  }
  const found = snapshots.filter((snapshot) => infoOf(snapshot).id.startsWith(parent))
  if (found.length === 1) return Effect.succeed(found[0])
  return Effect.fail(
    new RepositoryError({
      reason: "unknown-snapshot",
      message: `${
        found.length === 0 ? "No snapshot has" : "Several snapshots have"
      } an ID that begins with "${parent}"`,
    }),
  )
}
