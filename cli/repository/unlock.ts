/** Opens or makes a repository with the secrets that are given, and with no others. */
import * as Effect from "effect/Effect"
import type { Secrets } from "../../formats/secrets.ts"
import type { SecretOptions } from "../arguments/inputs.ts"
import { UsageError } from "../process/usage_error.ts"
import { retryTyped, type SecretNames } from "../secrets/password.ts"
import { givenSecrets, secretsFor, unusedSecrets } from "../secrets/secrets.ts"
import type { FormatSource } from "./formats.ts"
import type { OpenError } from "./open_mode.ts"

/** A repository that is to be opened or made. */
export interface Lock {
  readonly source: FormatSource
  readonly location: string
  /** Whether it is to be made. */
  readonly created: boolean
}

/**
 * Gives the secrets to `openWith`, which opens or makes the repository, and returns its result. A secret that is given
 * is never ignored, unless the user says that there is no encryption. Otherwise nobody would notice that an unencrypted
 * repository was put in the place of the right one.
 */
export const unlock: <A, R>(
  lock: Lock,
  options: SecretOptions,
  names: SecretNames,
  openWith: (secrets: Secrets) => Effect.Effect<A, OpenError, R>,
) => Effect.Effect<A, OpenError, R> = Effect.fnUntraced(
  function* ({ created, location, source }, options, names, openWith) {
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
          ? `The format ${source.name} is always encrypted: leave ${names.options}no-encryption out`
          : `The repository at ${location}, of the format ${source.name}, is encrypted: ` +
            `leave ${names.options}no-encryption out`,
      })
    const locked = Effect.flatMap(secretsFor(source, use, given, names, where), openWith)
    // A typed password may be mistyped.
    const patient = created || given.by.size > 0 ? locked : retryTyped(locked, isWrongKey)
    if (source.secrets.length === 0) {
      if (unused !== undefined) return yield* notEncrypted()
      return yield* openWith({})
    }
    if (created) {
      if (!noEncryption) return yield* locked
      if (source.open !== true) return yield* encrypted()
      return yield* openWith({})
    }
    if (source.open !== true) {
      if (noEncryption) return yield* encrypted()
      return yield* patient
    }
    // Whether it is encrypted is known only when it is opened.
    const open = yield* Effect.catchIf(openWith({}), isWrongKey, () => Effect.succeed(undefined))
    if (open === undefined) {
      if (noEncryption) return yield* encrypted()
      return yield* patient
    }
    if (unused !== undefined) return yield* notEncrypted()
    return open
  },
)

const isWrongKey = (error: OpenError): boolean => error._tag === "RepositoryError" && error.reason === "wrong-key"
