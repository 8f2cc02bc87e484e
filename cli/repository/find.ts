/** Finds out what lies at a location, and in which format. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type FormatError, RepositoryError } from "../../formats/error.ts"
import type { Format } from "../../formats/format.ts"
import { ARCHIVE } from "../../formats/zprt/layout.ts"
import { absent } from "../../stages/store/absent.ts"
import { askedOnce } from "../../stages/store/asked_once.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { RepositoryOptions } from "../arguments/inputs.ts"
import type { Traffic } from "../output/traffic.ts"
import { UsageError } from "../process/usage_error.ts"
import type { SecretNames } from "../secrets/password.ts"
import { type FormatOptions, repositoryPart } from "./format_options.ts"
import { Formats, type FormatSource, type WriteOptions } from "./formats.ts"
import { type Known, knownAt } from "./known_repositories.ts"
import { isFile, localPath, repositoryLocation } from "./location.ts"
import type { OpenError, OpenMode } from "./open_mode.ts"
import { anotherAt, noneAt, nowhereAt } from "./refusals.ts"
import { openStore } from "./store.ts"

/** What is at the location that the options name. */
export interface Located {
  readonly location: string
  /** What was there the last time. */
  readonly known: Known
  /** Absent if nothing is there. */
  readonly store?: ObjectStore
  /** Absent if nothing is there, or nothing that a format recognises. */
  readonly found?: Found
  /** To be run when the repository is open. `store` then drops the answers it kept from recognising the format. */
  readonly forget: Effect.Effect<void>
}

/** A format of the command. */
export interface Found {
  readonly source: FormatSource
  readonly format: Format
}

/**
 * Looks for a repository. Fails with `foreign` if it is not of the format that the options name, or is another than the
 * last time. Fails with `none` if there is none and `mode` does not allow to make one.
 */
export const findRepository: (
  options: RepositoryOptions,
  mode: OpenMode,
  names: SecretNames,
  chosen: FormatOptions | undefined,
  traffic: Traffic,
) => Effect.Effect<Located, OpenError, Scope.Scope> = Effect.fnUntraced(
  function* (options, mode, names, chosen, traffic) {
    const location = yield* repositoryLocation(options.repo)
    const known = yield* knownAt(location, options.quiet, yield* repositoryPart(chosen))
    const nowhere = nowhereAt(location)
    if (nowhere !== undefined) return yield* nowhere
    const store = yield* absent(openStore(location, options, { file: undefined, create: false }, traffic))
    const asked = store === undefined ? undefined : askedOnce(store)
    const found = asked === undefined ? undefined : yield* recognise(asked.first, location, chosen)
    if (found === undefined) {
      const refusal = noneAt(location, mode, known.before, names, options)
      if (refusal !== undefined) return yield* refusal
      return { location, known, forget: Effect.void, ...(store === undefined ? {} : { store }) }
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
        message: `The repository at ${location} has the format ${name}, not ${options.format}`,
      })
    }
    return { location, known, found, store: asked!.then, forget: asked!.forget }
  },
)

/** The first format that recognises what is in the store. For a file, only formats that are one file are asked. */
const recognise = Effect.fnUntraced(
  function* (
    store: ObjectStore,
    location: string,
    chosen: FormatOptions | undefined,
  ): Effect.fn.Return<Found | undefined, FormatError> {
    const path = localPath(location)
    const single = path !== undefined && isFile(path)
    for (const source of yield* Formats) {
      if (single && source.file === undefined) continue
      const format = yield* Effect.promise(() => source.load(writeOptions(source, chosen)))
      if (yield* Effect.provideService(format.recognise, ObjectStore, store)) return { source, format }
    }
    if (!single) return undefined
    return yield* new RepositoryError({
      reason: "foreign",
      message: (yield* isDatabase(store))
        ? `${location} is a SQLite database; if a repository lies in it, name it as sqlite:${location}`
        : `${location} is a file, but not a repository`,
    })
  },
)

/** The first bytes of every SQLite database. https://www.sqlite.org/fileformat.html, section 1.3 */
const SQLITE_MAGIC = "SQLite format 3\0"

const isDatabase = (store: ObjectStore): Effect.Effect<boolean> =>
  store.get(ARCHIVE, { offset: 0, length: SQLITE_MAGIC.length }).pipe(
    Effect.map((bytes) => new TextDecoder().decode(bytes) === SQLITE_MAGIC),
    Effect.catch(() => Effect.succeed(false)),
  )

/** What `--option` says of a format. */
export const writeOptions = ({ name }: FormatSource, chosen: FormatOptions | undefined): WriteOptions =>
  chosen?.format === name ? { chosen: chosen.values } : {}

/** The format of that name, or the default one. */
export const formatNamed: (name: string | undefined) => Effect.Effect<Found, UsageError> = Effect.fnUntraced(
  function* (name) {
    const sources = yield* Formats
    const source = name === undefined ? sources[0]! : sources.find((source) => source.name === name)
    if (source !== undefined) return { source, format: yield* Effect.promise(() => source.load()) }
    return yield* new UsageError({
      message: `There is no format ${name} here; there are: ${sources.map((source) => source.name).join(", ")}`,
    })
  },
)
