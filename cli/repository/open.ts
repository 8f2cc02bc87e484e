/** From `--repo`, `--format` and secrets to an open repository. */
import * as Effect from "effect/Effect"
import { absent } from "../../stages/store/absent.ts"
import type * as Scope from "effect/Scope"
import type { Format } from "../../formats/format.ts"
import { type FormatError, RepositoryError } from "../../formats/error.ts"
import type { Repository } from "../../formats/repository.ts"
import type { Secrets } from "../../formats/secrets.ts"
import type { Recovered } from "../../formats/zprt/mod.ts"
import type { CompressionMode } from "../../stages/compress/mode.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { OnSecondRead } from "../../stages/store/second_read.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { checkChosen, type Chosen, chosenPart, readChosen } from "./format_options.ts"
import { UsageError } from "../process/usage_error.ts"
import { Formats, type FormatSource, type WriteOptions } from "./formats.ts"
import type { RepositoryOptions } from "../arguments/inputs.ts"
import { isSame, type Known, knownAt, type KnownRepository } from "./known_repositories.ts"
import { printError } from "../output/output.ts"
import { ownNames, type SecretNames, variable } from "../secrets/password.ts"
import { askedOnce } from "../../stages/store/asked_once.ts"
import { anotherAt, noneAt, nowhereAt } from "./refusals.ts"
import type { Admit } from "./admit.ts"
import { localPath } from "../source/roots.ts"
import { countSecondRead, secondReadWarning } from "../output/second_reads.ts"
import { ANY_FILE, cached, isFile, openStore } from "./store.ts"
import { unlock } from "../secrets/unlock.ts"

/** What may go wrong before a repository is open. */
export type OpenError = FormatError | UsageError

/** An open repository. */
export interface OpenRepository {
  readonly repository: Repository
  readonly format: Format
  readonly source: FormatSource
  readonly location: string
  /** Whether it was made just now. */
  readonly created: boolean
  /** Whether it was opened, or made, with a secret. */
  readonly encrypted: boolean
}

/** What is said on each backup into a repository that is not encrypted. */
export const describeOpen = ({ location }: OpenRepository): string =>
  `The repository at ${location} is not encrypted: whoever can read it can read all that is backed up there`

/** What is said of a repository that was made. */
export const describeMade = ({ encrypted, location, source }: OpenRepository): string =>
  `Made a repository (${source.name}${encrypted ? "" : ", not encrypted"}) at ${location}`

/**
 * - `open`: it must be there. Fails with `none`.
 * - `create`: it must not be there. Fails with `exists`.
 * - `either`: made when it is not there; `created` says so.
 */
export type OpenMode = "open" | "create" | "either"

/** How a repository is opened. */
export interface OpenHow {
  /** Where its secrets come from; as for the repository of every command by default. */
  readonly names?: SecretNames
  /** What its store is used through. */
  readonly through?: (store: ObjectStore) => ObjectStore
  /** The repository whose key it gets when it is made. */
  readonly like?: Repository
  /** A snapshot is to be made. */
  readonly backup?: boolean
  /** Asked before anything is made, written or decrypted. */
  readonly admit?: Admit
  /**
   * Called when a key is being derived from a password, which takes half a second in which this thread has nothing to
   * do.
   */
  readonly meanwhile?: (() => void) | undefined
}

/**
 * Opens the repository, or makes it, and hands it to `use`, with the SQLite engine and the kernels of this machine at
 * hand.
 */
export const withRepository = <A, E>(
  options: RepositoryOptions,
  mode: OpenMode,
  use: (repository: Repository, open: OpenRepository) => Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
  how: OpenHow = {},
): Effect.Effect<A, E | OpenError> => {
  const { meanwhile } = how
  const opening = openRepository(options, mode, how)
  const used = meanwhile === undefined ? opening : Effect.updateService(opening, Scrypt, (scrypt) => (...args) => {
    const key = scrypt(...args)
    meanwhile()
    return key
  })
  return onThisMachine(Effect.flatMap(used, (open) => use(open.repository, open)))
}

/** Runs with the SQLite engine and the kernels of this machine; what it opens is closed when it ends. */
export const onThisMachine = <A, E>(
  effect: Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Effect.Effect<A, E> =>
  Effect.flatMap(
    Effect.promise(() => import("../../adapters/runtime/accelerators.ts")),
    ({ accelerators }) => Effect.provide(Effect.scoped(effect), accelerators),
  ).pipe(
    Effect.provideService(OnSecondRead, countSecondRead),
    Effect.ensuring(Effect.sync(() => {
      const warning = secondReadWarning()
      if (warning !== undefined) printError(`penstock: ${warning}`)
    })),
  )

/** Opens the repository that the options name, or makes it. It is open as long as the scope. */
export const openRepository: (
  options: RepositoryOptions,
  mode: OpenMode,
  how?: OpenHow,
) => Effect.Effect<OpenRepository, OpenError, SqliteEngine | Scope.Scope> = Effect.fnUntraced(
  function* (
    options,
    mode,
    { admit = () => Effect.void, backup = false, like, names = ownNames, through = (store: ObjectStore) => store } = {},
  ) {
    const option = `${names.options}option`
    const chosen = yield* readChosen(option, options.option)
    const { forget = Effect.void, found, known, location, store } = yield* findRepository(options, mode, names, chosen)
    if (found !== undefined && mode === "create") {
      return yield* new RepositoryError({ reason: "exists", message: `There is a repository at ${location} already` })
    }
    const { source, format: usual } = found ?? (yield* formatNamed(options.format))
    yield* admit(usual)
    const created = found === undefined
    if (chosen !== undefined) yield* checkChosen(option, chosen, { source, location, created, backup })
    const format = chosen === undefined && options.compression === undefined
      ? usual
      : yield* writing(source, options.compression, chosen)
    const give = <A>(effect: Effect.Effect<A, FormatError, ObjectStore | SqliteEngine | Scope.Scope>) =>
      // A store is made only now: nothing is left behind when there is no password.
      Effect.flatMap(
        store !== undefined && !created ? Effect.succeed(store) : openStore(location, options, source.file, true),
        (store) =>
          Effect.flatMap(
            cached(through(store), format, options),
            (store) => Effect.provideService(effect, ObjectStore, store),
          ),
      ).pipe(Effect.ensuring(forget))
    const using = (secrets: Secrets) =>
      Effect.map(give(created ? format.create(secrets, like) : format.open(secrets)), (repository): OpenRepository => ({
        repository,
        format,
        source,
        location,
        created,
        encrypted: Object.keys(secrets).length > 0,
      }))
    const open = yield* unlock({ source, location, created }, options, names, using)
    const now: KnownRepository = {
      format: source.name,
      ...(source.noId === true ? {} : { id: open.repository.id }),
      encrypted: open.encrypted,
    }
    if (!created && options.newRepository !== true && known.before !== undefined && !isSame(known.before, now)) {
      return yield* anotherAt(location, known.before, now, names)
    }
    yield* known.remember(now)
    return open
  },
)

/** What is at the location that the options name. */
interface Place {
  readonly location: string
  readonly known: Known
  /** Absent when there is nothing. */
  readonly store?: ObjectStore
  /** Absent when no format knows it. */
  readonly found?: Found
  /** To be run when the repository is open: `store` then remembers nothing of what told which format it is. */
  readonly forget?: Effect.Effect<void>
}

/**
 * Looks for a repository. Fails with `foreign` when it is of another format than the options say, or than the one that
 * was there last; with `none` when there is none and it is not to be made.
 */
const findRepository: (
  options: RepositoryOptions,
  mode: OpenMode,
  names: SecretNames,
  chosen: Chosen | undefined,
) => Effect.Effect<Place, OpenError, Scope.Scope> = Effect.fnUntraced(
  function* (options, mode, names, chosen) {
    const location = yield* repositoryLocation(options.repo)
    const known = yield* knownAt(location, options.quiet, yield* chosenPart(chosen))
    const nowhere = nowhereAt(location)
    if (nowhere !== undefined) return yield* nowhere
    const store = yield* absent(openStore(location, options, undefined, false))
    const { first, forget, then } = store === undefined ? {} : askedOnce(store)
    const found = first === undefined ? undefined : yield* recognise(first, location, chosen)
    if (found === undefined) {
      const none = noneAt(location, mode, known.before, names, options)
      if (none !== undefined) return yield* none
      return { location, known, ...(store === undefined ? {} : { store }) }
    }
    const { name } = found.source
    if (mode !== "create" && !options.newRepository && known.before !== undefined && known.before.format !== name) {
      return yield* anotherAt(
        location,
        known.before,
        { format: name, encrypted: found.source.secrets.length > 0 },
        names,
      )
    }
    if (options.format !== undefined && options.format !== name) {
      return yield* new RepositoryError({
        reason: "foreign",
        message: `The repository at ${location} is of the format ${name}, not ${options.format}`,
      })
    }
    return { location, known, found, store: then!, forget: forget! }
  },
)

/** What can be had of a damaged repository; its content can be read as long as the scope. */
export const recoverRepository: (options: RepositoryOptions) => Effect.Effect<Recovered, OpenError, Scope.Scope> =
  Effect.fnUntraced(
    function* (options) {
      const chosen = yield* readChosen("--option", options.option)
      const { forget = Effect.void, found, location, store } = yield* findRepository(options, "open", ownNames, chosen)
      if (chosen !== undefined) {
        yield* checkChosen("--option", chosen, { source: found!.source, location, created: false, backup: false })
      }
      const { recover, name } = found!.source
      if (recover === undefined) {
        return yield* new UsageError({
          message: `--recover is for zprt, and ${location} is of the format ${name}; use penstock rebuild`,
        })
      }
      const look = yield* Effect.promise(recover)
      return yield* unlock(
        { source: found!.source, location, created: false },
        options,
        ownNames,
        (secrets) => Effect.ensuring(Effect.provideService(look(secrets), ObjectStore, store!), forget),
      )
    },
  )

/** The location that `-r` or `PENSTOCK_REPO` gives. */
export const repositoryLocation = (repo: string | undefined): Effect.Effect<string, UsageError> =>
  Effect.flatMap(
    repo === undefined ? variable("PENSTOCK_REPO") : Effect.succeed(repo),
    (location) =>
      location === undefined || location === ""
        ? Effect.fail(
          new UsageError({ message: "No repository is named: give -r REPO (a path or URL) or set PENSTOCK_REPO" }),
        )
        : Effect.succeed(location),
  )

/** A format that the command has. */
export interface Found {
  readonly source: FormatSource
  readonly format: Format
}

/** The first format that knows what is in the store. A file can only be of a format that lies in one. */
const recognise = Effect.fnUntraced(
  function* (
    store: ObjectStore,
    location: string,
    chosen: Chosen | undefined,
  ): Effect.fn.Return<Found | undefined, FormatError> {
    const path = localPath(location)
    const single = path !== undefined && isFile(path)
    for (const source of yield* Formats) {
      if (source.load === undefined || (single && source.file === undefined)) continue
      const format = yield* Effect.promise(() => source.load!(optionsFor(source, chosen)))
      if (yield* Effect.provideService(format.recognise, ObjectStore, store)) return { source, format }
    }
    if (!single) return undefined
    return yield* new RepositoryError({
      reason: "foreign",
      message: (yield* isDatabase(store))
        ? `${location} is a SQLite database; as a repository its name is sqlite:${location}`
        : `${location} is a file, but not a repository`,
    })
  },
)

/** Whether the file begins as SQLite's do. */
const isDatabase = (store: ObjectStore): Effect.Effect<boolean> =>
  store.get(ANY_FILE, { offset: 0, length: 16 }).pipe(
    Effect.map((bytes) => new TextDecoder().decode(bytes) === "SQLite format 3\0"),
    Effect.catch(() => Effect.succeed(false)),
  )

const optionsFor = ({ name }: FormatSource, chosen: Chosen | undefined): WriteOptions =>
  chosen?.format === name ? { chosen: chosen.values } : {}

/** The format, with that mode of compression and what is chosen. */
const writing = (
  source: FormatSource,
  mode: CompressionMode | undefined,
  chosen: Chosen | undefined,
): Effect.Effect<Format, UsageError> => {
  const modes = source.compression ?? []
  return source.load !== undefined && (mode === undefined || modes.includes(mode))
    ? Effect.promise(() =>
      source.load!({ ...(mode === undefined ? {} : { compression: mode }), ...optionsFor(source, chosen) })
    )
    : Effect.fail(
      new UsageError({
        message: `The format ${source.name} has ` +
          (modes.length === 0 ? "no choice of compression" : `no compression ${mode}: it has ${modes.join(", ")}`),
      }),
    )
}

/** The format of that name, or the default one. */
export const formatNamed: (name: string | undefined) => Effect.Effect<Found, UsageError> = Effect.fnUntraced(
  function* (name) {
    const sources = yield* Formats
    const source = name === undefined ? sources[0]! : sources.find((source) => source.name === name)
    if (source?.load !== undefined) return { source, format: yield* Effect.promise(() => source.load!()) }
    const ready = sources.filter((source) => source.load !== undefined).map((source) => source.name)
    const wanted = source?.name ?? name
    return yield* new UsageError({
      message: `The format ${wanted} is not built yet; ` +
        (ready.length === 0 ? "none is in this version" : `this version has ${ready.join(", ")}`),
    })
  },
)
