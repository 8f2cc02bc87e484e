/** A repository is opened, or made, with the secrets that are given, and with no others. */
import * as Effect from "effect/Effect"
import type { Secrets } from "../../formats/secrets.ts"
import { UsageError } from "../process/usage_error.ts"
import type { FormatSource } from "../repository/formats.ts"
import type { SecretOptions } from "../arguments/inputs.ts"
import { asking, type SecretNames } from "./password.ts"
import type { OpenError } from "../repository/open_mode.ts"
import { givenSecrets, secretsFor, unusedSecrets } from "./secrets.ts"

/** What is to be opened, or made. */
export interface Lock {
  readonly source: FormatSource
  readonly location: string
  /** It is to be made. */
  readonly created: boolean
}

/**
 * What `using` gives, which opens or makes the repository. A secret that is given is never ignored, unless the user
 * says that there is no encryption: nobody would notice otherwise that a repository in the clear was put in the place
 * of the right one.
 */
export const unlock: <A, R>(
  lock: Lock,
  options: SecretOptions,
  names: SecretNames,
  using: (secrets: Secrets) => Effect.Effect<A, OpenError, R>,
) => Effect.Effect<A, OpenError, R> = Effect.fnUntraced(
  function* ({ created, location, source }, options, names, using) {
    const { noEncryption } = options
    const given = yield* givenSecrets(options, names)
    const where = created
      ? `a new repository of the format ${source.name}`
      : `the repository at ${location}, of the format ${source.name},`
    const use = created ? "create" : "open"
    const unused = noEncryption ? undefined : unusedSecrets(given, names, where, use)
    const notEncrypted = () => new UsageError({ message: unused! })
    const encrypted = () =>
      new UsageError({
        message: created
          ? `The format ${source.name} is always encrypted; leave ${names.options}no-encryption out`
          : `The repository at ${location}, of the format ${source.name}, is encrypted; leave ${names.options}no-encryption out`,
      })
    const locked = Effect.flatMap(secretsFor(source, use, given, names, where), using)
    // A password that is typed may be mistyped.
    const patient = created || given.by.size > 0 ? locked : asking(locked, isWrongKey)
    if (source.secrets.length === 0) {
      if (unused !== undefined) return yield* notEncrypted()
      return yield* using({})
    }
    if (created) {
      if (!noEncryption) return yield* locked
      if (source.open !== true) return yield* encrypted()
      return yield* using({})
    }
    if (source.open !== true) {
      if (noEncryption) return yield* encrypted()
      return yield* patient
    }
    // Only opening it tells whether it is encrypted.
    const open = yield* Effect.catchIf(using({}), isWrongKey, () => Effect.succeed(undefined))
    if (open === undefined) {
      if (noEncryption) return yield* encrypted()
      return yield* patient
    }
    if (unused !== undefined) return yield* notEncrypted()
    return open
  },
)

const isWrongKey = (error: OpenError): boolean => error._tag === "RepositoryError" && error.reason === "wrong-key"
