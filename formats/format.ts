/** The port of formats: how repositories are recognised, made and opened. */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SqliteEngine } from "../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore, StoreError } from "../stages/store/store.ts"
import type { Fidelity } from "../stages/walk/fidelity.ts"
import type { FormatError } from "./error.ts"
import type { RecordFidelity } from "./record_fidelity.ts"
import type { Repository } from "./repository.ts"
import type { Secrets } from "./secrets.ts"

/** Which objects of a repository are worth keeping on this machine when its store is remote. */
export interface Cacheable {
  /**
   * Whether an object is worth it: indexes and catalogs, which are read again and again. Only objects that never
   * change: their names are random or name their content, so no other object ever gets that name.
   */
  readonly holds: (name: string) => boolean
  /**
   * The object that tells a repository from another one that is made at the same place later. It is read, or written,
   * before everything that is cached.
   */
  readonly config?: string
}

/** A choice that a format offers, as data: arguments of the command, its help and the documentation follow from it. */
export interface FormatOption {
  /** Such as `layout`, which is `zprt.layout` on the command line. */
  readonly name: string
  /** All values, the default first; or a word for a value that is free, such as `PATH`. */
  readonly values: ReadonlyArray<string> | string
  /**
   * `make`: chosen when a repository is made, which keeps it. `backup`: chosen for one snapshot. `open`: chosen each
   * time the repository is used.
   */
  readonly when: "make" | "backup" | "open"
  /** It may be given more than once. */
  readonly repeatable?: boolean
  /** What it means, in a few words. */
  readonly meaning: string
  /** What is wrong with a free value: words that go on after the value. */
  readonly problem?: (value: string) => string | undefined
}

/** The values that a user chose, by the names of options. */
export type ChosenOptions = ReadonlyMap<string, ReadonlyArray<string>>

/** A format: how repositories of it are made, recognised and opened. */
export interface Format {
  /** As on the command line: `rozen`, `zprt`, `bkp`, `snapshot-catalog`, `fogsync`. */
  readonly name: string
  /** What it keeps of an entry. */
  readonly fidelity: Fidelity
  /** What it keeps of the record of a snapshot. */
  readonly record: RecordFidelity
  /** Absent when no object is worth keeping. */
  readonly cacheable?: Cacheable
  /** Whether the store holds a repository of this format, of any version. */
  readonly recognise: Effect.Effect<boolean, StoreError, ObjectStore>
  /**
   * Makes a repository. Fails with `exists` when there is one already, and with `unused-secret` for a secret that the
   * format does not take. With `like`, the new repository gets the key of that one, with secrets and an ID of its own,
   * so both name and cut chunks alike; fails with `unsupported` where a format cannot do that.
   */
  readonly create: (
    secrets: Secrets,
    like?: Repository,
  ) => Effect.Effect<Repository, FormatError, ObjectStore | SqliteEngine | Scope.Scope>
  /** Opens the repository. Fails with `none` when there is none, with `wrong-key`, or with `unused-secret`. */
  readonly open: (secrets: Secrets) => Effect.Effect<Repository, FormatError, ObjectStore | SqliteEngine | Scope.Scope>
}
