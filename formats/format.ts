/** The port of formats: how repositories are recognised, made and opened. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Fidelity } from "../stages/walk/fidelity.ts"
import { type ObjectStore, StoreError } from "../stages/store/store.ts"
import type { RecordFidelity } from "./record_fidelity.ts"
import type { SqliteEngine } from "../stages/catalog/sqlite/sqlite.ts"
import type { FormatError } from "./error.ts"
import type { Repository } from "./repository.ts"
import type { Secrets } from "./secrets.ts"

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
  /** Opens the repository in the store. Fails with `wrong-key` or `not-found`, and with `corrupt` for damage. */
  readonly open: (secrets: Secrets) => Effect.Effect<Repository, FormatError, ObjectStore | SqliteEngine | Scope.Scope>
}
