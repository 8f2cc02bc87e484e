/** From `--repo`, `--format` and a password to an open repository. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { env } from "node:process"
import { type Format, type FormatError, type Repository, RepositoryError, type Secrets } from "../formats/format.ts"
import { ObjectStore } from "../stages/pack/store.ts"
import { UsageError } from "./error.ts"
import { Formats, type FormatSource } from "./formats.ts"
import { password } from "./password.ts"

/** Which repository, as the options say. */
export interface RepositoryOptions {
  readonly repo: string | undefined
  readonly format?: string | undefined
  readonly passwordFile: string | undefined
}

/** What may go wrong before a repository is open. */
export type OpenError = FormatError | UsageError

/**
 * Opens the repository, or makes it, and hands it to `use`, with the SQLite engine and the kernels of this machine at hand.
 *
 * - `open`: it must be there. Fails with `none`.
 * - `create`: it must not be there. Fails with `exists`.
 * - `either`: made when it is not there; `created` says so.
 */
export const withRepository: <A, E, R>(
  options: RepositoryOptions,
  mode: "open" | "create" | "either",
  use: (repository: Repository, created: boolean) => Effect.Effect<A, E, R>,
) => Effect.Effect<A, E | OpenError, Exclude<R, Scope.Scope>> = Effect.fnUntraced(
  function* <A, E, R>(
    options: RepositoryOptions,
    mode: "open" | "create" | "either",
    use: (repository: Repository, created: boolean) => Effect.Effect<A, E, R>,
  ): Effect.fn.Return<A, E | OpenError, R | Scope.Scope> {
    const location = yield* repositoryLocation(options.repo)
    const [{ openStore }, { accelerators }] = yield* Effect.promise(() =>
      Promise.all([import("../adapters/store/open.ts"), import("../adapters/runtime/accelerators.ts")])
    )
    const there = yield* openStore(location).pipe(
      Effect.catch((error) => error.reason === "not-found" ? Effect.succeed(undefined) : Effect.fail(error)),
    )
    const found = there === undefined ? undefined : yield* recognise(there)
    if (found !== undefined && mode === "create") {
      return yield* new RepositoryError({ reason: "exists", message: `There is a repository at ${location} already` })
    }
    if (found === undefined && mode === "open") {
      return yield* new RepositoryError({
        reason: "none",
        message: `There is no repository at ${location}; make one with: penstock init -r ${location}`,
      })
    }
    if (found !== undefined && options.format !== undefined && options.format !== found.source.name) {
      return yield* new RepositoryError({
        reason: "foreign",
        message: `The repository at ${location} is of the format ${found.source.name}, not ${options.format}`,
      })
    }
    const { source, format } = found ?? (yield* formatNamed(options.format))
    const secrets: Secrets = source.password
      ? { password: yield* password(found === undefined ? "create" : "open", options.passwordFile) }
      : {}
    // Made only now: nothing is left behind when there is no password.
    const store = found !== undefined && there !== undefined ? there : yield* openStore(location, { create: true })
    return yield* Effect.gen(function* () {
      const repository = yield* (found === undefined ? format.create(secrets) : format.open(secrets))
      return yield* use(repository, found === undefined)
    }).pipe(
      Effect.provideService(ObjectStore, store),
      Effect.provide(accelerators),
    )
  },
  Effect.scoped,
) as never

/** The location that `-r` or `PENSTOCK_REPO` gives. */
export const repositoryLocation = (repo: string | undefined): Effect.Effect<string, UsageError> => {
  const location = repo ?? env["PENSTOCK_REPO"]
  return location === undefined || location === ""
    ? Effect.fail(
      new UsageError({ message: "No repository is named: give -r REPO (a path or URL) or set PENSTOCK_REPO" }),
    )
    : Effect.succeed(location)
}

interface Found {
  readonly source: FormatSource
  readonly format: Format
}

/** The first format that knows what is in the store. */
const recognise = Effect.fnUntraced(function* (store: ObjectStore): Effect.fn.Return<Found | undefined, FormatError> {
  for (const source of yield* Formats) {
    if (source.load === undefined) continue
    const format = yield* Effect.promise(source.load)
    if (yield* Effect.provideService(format.recognise, ObjectStore, store)) return { source, format }
  }
  return undefined
})

/** The format of that name, or the default one. */
const formatNamed = Effect.fnUntraced(
  function* (name: string | undefined): Effect.fn.Return<Found, UsageError> {
    const sources = yield* Formats
    const source = name === undefined ? sources[0]! : sources.find((source) => source.name === name)
    if (source?.load !== undefined) return { source, format: yield* Effect.promise(source.load) }
    const ready = sources.filter((source) => source.load !== undefined).map((source) => source.name)
    const wanted = source?.name ?? name
    return yield* new UsageError({
      message: `The format ${wanted} is not built yet; ` +
        (ready.length === 0 ? "none is in this version" : `this version has ${ready.join(", ")}`),
    })
  },
)
