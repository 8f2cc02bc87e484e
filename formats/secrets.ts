/** Secrets, and which of them a format takes. */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { RepositoryError } from "./error.ts"
import type { Repository } from "./repository.ts"

/** What opens a repository. The SPEC.md of a format says which of these it takes; it refuses the others. */
export interface Secrets {
  /** A password, as Unicode text. */
  readonly password?: Redacted.Redacted<string>
  /** Whom new archives are encrypted for: age recipients, `age1...`. */
  readonly recipients?: ReadonlyArray<string>
  /** What opens such archives: age identities, `AGE-SECRET-KEY-...`. */
  readonly identities?: ReadonlyArray<Redacted.Redacted<string>>
  /** A raw key, 32 bytes. */
  readonly key?: Redacted.Redacted<Uint8Array>
  /** A paper key, which `RepositoryKeys.export` gives: it opens a repository without any of its other keys. */
  readonly paper?: Redacted.Redacted<string>
}

const SECRET_WORDS: Readonly<Record<keyof Secrets, string>> = {
  password: "a password",
  recipients: "an age recipient",
  identities: "an age identity",
  key: "a key",
  paper: "a paper key",
}

/**
 * Fails with `unused-secret` when a secret is given that the format does not take. Otherwise a user who gives a
 * password could believe that a repository is encrypted when it is not.
 *
 * @example Refuse a password for a format that does not encrypt
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { refuseOthers } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const refused = refuseOthers({ password: Redacted.make("secret") }, "plain", [])
 * assert.equal((await Effect.runPromise(Effect.flip(refused))).reason, "unused-secret")
 * await Effect.runPromise(refuseOthers({ password: Redacted.make("secret") }, "sealed", ["password"]))
 * ```
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

/**
 * Fails with `unsupported` when a new repository is to have the key of another: for formats that cannot share a key.
 *
 * @example Make repositories without a key to share
 * ```ts
 * import { Effect } from "effect"
 * import { refuseLike } from "@penstock/penstock/format"
 *
 * await Effect.runPromise(refuseLike("plain", undefined))
 * ```
 */
export const refuseLike = (format: string, like: Repository | undefined): Effect.Effect<void, RepositoryError> =>
  like === undefined ? Effect.void : Effect.fail(
    new RepositoryError({
      reason: "unsupported",
      message: `A new repository of the format ${format} cannot have the key of another`,
    }),
  )
