/** A format as the suites of faults need it: with small objects, and secrets that another process has, too. */
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { localStore } from "../../../adapters/store/local/local.ts"
import { singleFileStore } from "../../../adapters/store/single_file/single_file.ts"
import type { BackupOptions, Repository } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import type { FormatError } from "../../../formats/error.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import type { FormatTraits } from "./traits.ts"

/** A format under test. */
export interface Subject extends Pick<FormatTraits, "directories" | "snapshots"> {
  readonly name: string
  readonly format: Format
  readonly secrets: Secrets
  /** The module that exports it as `subject`. */
  readonly module: string
  /** The name of the only object, for a format that is a single file. */
  readonly file?: string
  /** Why a backup may store a wrong bit that it has read of the store, which `check` then finds. */
  readonly unverified?: string
}

/** The options of all backups. */
export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

type Opening = Effect.Effect<Repository, FormatError, SqliteEngine | Scope.Scope>

/** Makes a repository in a store. */
export const createIn = ({ format, secrets }: Subject, store: ObjectStore): Opening =>
  Effect.provideService(format.create(secrets), ObjectStore, store)

/** Opens the repository in a store. */
export const openIn = ({ format, secrets }: Subject, store: ObjectStore): Opening =>
  Effect.provideService(format.open(secrets), ObjectStore, store)

/** Opens the repository in a store, or makes one when there is none, as a backup on the command line does. */
export const reachIn = (subject: Subject, store: ObjectStore): Opening =>
  Effect.flatMap(
    Effect.provideService(subject.format.recognise, ObjectStore, store),
    (there) => there ? openIn(subject, store) : createIn(subject, store),
  )

/** A store in a directory. The directory is made when it is missing. */
export const diskStore = ({ file }: Subject, directory: string): Effect.Effect<ObjectStore, StoreError> =>
  file === undefined
    ? localStore.make(directory, { create: true })
    : singleFileStore.make(join(directory, file), file, { create: true })
