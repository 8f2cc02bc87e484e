/** Opens or makes the repository that the options name. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type FormatError, RepositoryError } from "../../formats/error.ts"
import type { Format } from "../../formats/format.ts"
import type { Repository } from "../../formats/repository.ts"
import type { Secrets } from "../../formats/secrets.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { CompressionMode } from "../../stages/compress/modes.ts"
import { Scrypt } from "../../stages/encrypt/password.ts"
import { OnOtherPack } from "../../stages/pack/other_packs.ts"
import { OnSecondRead } from "../../stages/store/second_read.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { RepositoryOptions } from "../arguments/inputs.ts"
import { printError } from "../output/streams.ts"
import { otherPacksWarning, readTwiceWarning, type Traffic } from "../output/traffic.ts"
import { UsageError } from "../process/usage_error.ts"
import { ownNames, type SecretNames } from "../secrets/password.ts"
import type { Admit } from "./admit.ts"
import { findRepository, formatNamed, writeOptions } from "./find.ts"
import { checkFormatOptions, type FormatOptions, readFormatOptions } from "./format_options.ts"
import type { FormatSource } from "./formats.ts"
import { isSame, type KnownRepository } from "./known_repositories.ts"
import type { OpenError, OpenMode } from "./open_mode.ts"
import { anotherAt, notPinned, rolledBack } from "./refusals.ts"
import { openStore, withCache } from "./store.ts"
import { unlock } from "./unlock.ts"

/** An open repository. */
export interface OpenRepository {
  /** The repository itself. */
  readonly repository: Repository
  /** Its format. */
  readonly format: Format
  /** The same, as the command knows it. */
  readonly source: FormatSource
  /** As the user gave it. */
  readonly location: string
  /** Whether it was made just now. */
  readonly created: boolean
  /** Whether it was opened, or made, with a secret. */
  readonly encrypted: boolean
  /** Remembers on this machine that its keys have reached an epoch: an earlier one is refused from then on. */
  readonly rememberEpoch: (epoch: number) => Effect.Effect<void>
}

/** How a repository is opened. */
export interface OpenHow {
  /** Counts what its store sends and receives. */
  readonly traffic: Traffic
  /** Gives its secrets. By default they come from options and variables. */
  readonly secrets?: Effect.Effect<Secrets, UsageError>
  /** How the options and variables of its secrets begin. By default as those that every command has. */
  readonly names?: SecretNames
  /** Puts something around its store. */
  readonly through?: (store: ObjectStore) => ObjectStore
  /** The repository whose key it gets if it is made. */
  readonly like?: Repository
  /** Whether a snapshot is to be made. */
  readonly backup?: boolean
  /** Is asked before anything is made, written or decrypted. */
  readonly admit?: Admit
  /** Is called while a key is derived from a password. That takes half a second, in which this thread only waits. */
  readonly meanwhile?: (() => void) | undefined
}

/** The warning on each backup into a repository that is not encrypted. */
export const unencryptedWarning = ({ location }: OpenRepository): string =>
  `The repository at ${location} is not encrypted: anyone who can read it can read all backups in it`

/** What is said of a new repository. */
export const describeMade = ({ encrypted, location, source }: OpenRepository): string =>
  `Made a repository (${source.name}${encrypted ? "" : ", not encrypted"}) at ${location}`

/**
 * Opens the repository, or makes it, and uses it with the SQLite engine and the kernels of this machine. Closes it
 * afterwards. Fails with {@link OpenError} before `use` is called.
 *
 * @example List the snapshots of a repository
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { type CommonInput, makeTraffic, type OpenError, withRepository } from "@penstock/penstock/cli"
 *
 * export const list = (input: CommonInput): Effect.Effect<ReadonlyArray<string>, OpenError> =>
 *   withRepository(input, "open", { traffic: makeTraffic() }, (repository) =>
 *     Effect.map(repository.snapshots, (snapshots) => snapshots.map(({ id }) => id)))
 * ```
 */
export const withRepository = <A, E>(
  options: RepositoryOptions,
  mode: OpenMode,
  how: OpenHow,
  use: (repository: Repository, open: OpenRepository) => Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Effect.Effect<A, E | OpenError> => {
  const { meanwhile, traffic } = how
  const opening = openRepository(options, mode, how)
  const open = meanwhile === undefined ? opening : Effect.updateService(opening, Scrypt, (scrypt) => (...args) => {
    const key = scrypt(...args)
    meanwhile()
    return key
  })
  return onThisMachine(traffic, Effect.flatMap(open, (open) => use(open.repository, open)))
}

/** Runs with the SQLite engine and the kernels of this machine. Whatever it opens is closed when it ends. */
export const onThisMachine = <A, E>(
  traffic: Traffic,
  effect: Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Effect.Effect<A, E> =>
  Effect.flatMap(
    Effect.promise(() => import("../../adapters/runtime/accelerators.ts")),
    ({ accelerators }) => Effect.provide(Effect.scoped(effect), accelerators),
  ).pipe(
    Effect.provideService(OnSecondRead, (object) => void traffic.readTwice.add(object)),
    Effect.provideService(OnOtherPack, (damage) => void traffic.otherPacks.add(damage)),
    Effect.ensuring(Effect.sync(() => {
      for (const warning of [readTwiceWarning(traffic), otherPacksWarning(traffic)]) {
        if (warning !== undefined) printError(`penstock: ${warning}`)
      }
    })),
  )

/** Opens or makes the repository that the options name. It stays open as long as the scope. */
export const openRepository: (
  options: RepositoryOptions,
  mode: OpenMode,
  how: OpenHow,
) => Effect.Effect<OpenRepository, OpenError, SqliteEngine | Scope.Scope> = Effect.fnUntraced(
  function* (
    options,
    mode,
    {
      admit = () => Effect.void,
      backup = false,
      like,
      names = ownNames,
      secrets,
      through = (store: ObjectStore) => store,
      traffic,
    },
  ) {
    const option = `${names.options}option`
    const chosen = yield* readFormatOptions(option, options.option)
    const { forget, found, known, location, store } = yield* findRepository(options, mode, names, chosen, traffic)
    if (found !== undefined && mode === "create") {
      return yield* new RepositoryError({
        reason: "exists",
        message: `There is already a repository at ${location}`,
      })
    }
    const { source, format: usual } = found ?? (yield* formatNamed(options.format))
    yield* admit(usual)
    const created = found === undefined
    if (chosen !== undefined) yield* checkFormatOptions(option, chosen, { source, location, created, backup })
    const format = chosen === undefined && options.compression === undefined
      ? usual
      : yield* formatWith(source, options.compression, chosen)
    const onStore = <A>(effect: Effect.Effect<A, FormatError, ObjectStore | SqliteEngine | Scope.Scope>) =>
      // A store is made only now, so that nothing is left behind when there is no password.
      Effect.flatMap(
        store !== undefined && !created
          ? Effect.succeed(store)
          : openStore(location, options, { file: source.file, create: true }, traffic),
        (store) =>
          Effect.flatMap(
            withCache(through(store), format, options),
            (store) => Effect.provideService(effect, ObjectStore, store),
          ),
      ).pipe(Effect.ensuring(forget))
    let identities = false
    const openWith = (secrets: Secrets) => {
      identities = secrets.identities !== undefined
      return Effect.map(
        onStore(created ? format.create(secrets, like) : format.open(secrets)),
        (repository): Omit<OpenRepository, "rememberEpoch"> => ({
          repository,
          format,
          source,
          location,
          created,
          encrypted: Object.keys(secrets).length > 0,
        }),
      )
    }
    const open = yield* secrets === undefined
      ? unlock({ source, location, created }, options, names, openWith)
      : Effect.flatMap(secrets, openWith)
    const { epoch, fingerprint, id } = open.repository
    const now: KnownRepository = {
      format: source.name,
      ...(source.noId === true ? {} : { id }),
      ...(fingerprint === undefined ? {} : { key: fingerprint }),
      ...(epoch === undefined ? {} : { epoch }),
      encrypted: open.encrypted,
    }
    if (!created && options.newRepository !== true && known.before !== undefined) {
      if (!isSame(known.before, now)) return yield* anotherAt(location, known.before, now, names)
      const { epoch: seen = 0 } = known.before
      if (epoch !== undefined && epoch < seen) return yield* rolledBack(location, seen, epoch, names)
    }
    if (!created && identities && fingerprint !== undefined && known.before === undefined && options.quiet !== true) {
      printError(`penstock: ${notPinned(location, fingerprint)}`)
    }
    yield* known.remember(now)
    return { ...open, rememberEpoch: (epoch) => known.remember({ ...now, epoch }) }
  },
)

/** The format with a mode of compression and with what `--option` says. Fails if it does not have that mode. */
const formatWith = (
  source: FormatSource,
  compression: CompressionMode | undefined,
  chosen: FormatOptions | undefined,
): Effect.Effect<Format, UsageError> => {
  const modes = source.compression ?? []
  return compression === undefined || modes.includes(compression)
    ? Effect.promise(() =>
      source.load({ ...(compression === undefined ? {} : { compression }), ...writeOptions(source, chosen) })
    )
    : Effect.fail(
      new UsageError({
        message: modes.length === 0
          ? `The format ${source.name} has no modes of compression: leave --compression out`
          : `The format ${source.name} has no compression ${compression}; it has ${modes.join(", ")}`,
      }),
    )
}
