/** What opens a repository. */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import { RepositoryError } from "./error.ts"
import type { Repository } from "./repository.ts"

/** What opens a repository. Which of these a format takes is in its SPEC.md; it refuses others. */
export interface Secrets {
  /** A password, as Unicode text. */
  readonly password?: Redacted.Redacted<string>
  /** Whom new archives are encrypted for: age recipients, `age1...`. */
  readonly recipients?: ReadonlyArray<string>
  /** What opens them: age identities, `AGE-SECRET-KEY-...`. */
  readonly identities?: ReadonlyArray<Redacted.Redacted<string>>
  /** A raw key. */
  readonly key?: Redacted.Redacted<Uint8Array>
}

const SECRET_WORDS: Readonly<Record<keyof Secrets, string>> = {
  password: "a password",
  recipients: "an age recipient",
  identities: "an age identity",
  key: "a key",
}

/**
 * Fails with `unused-secret` when a secret is given that is none of those that the format takes. Nobody would notice
 * otherwise that a repository in the clear lies where an encrypted one should.
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

/** For formats without keys to share: fails with `unsupported` when a new repository is to have the key of another. */
export const refuseLike = (format: string, like: Repository | undefined): Effect.Effect<void, RepositoryError> =>
  like === undefined ? Effect.void : Effect.fail(
    new RepositoryError({
      reason: "unsupported",
      message: `A new repository of the format ${format} cannot have the key of another`,
    }),
  )
