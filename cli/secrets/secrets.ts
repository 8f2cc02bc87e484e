/** The secrets that open a repository: which kinds a format takes, and where they come from. Never from an argument. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { quoted } from "../../adapters/runtime/quote.ts"
import type { Secrets } from "../../formats/secrets.ts"
import type { SecretOptions } from "../arguments/inputs.ts"
import { UsageError } from "../process/usage_error.ts"
import { variable } from "../process/variable.ts"
import { askPassword, type GivenPassword, givenPassword, type PasswordUse, type SecretNames } from "./password.ts"
import { readText } from "../process/text_file.ts"

/** What opens a repository: a password, age recipients and identities, or a file with a raw key. */
export type SecretKind = "password" | "age" | "key-file"

/** A format, and the secrets that open its repositories. */
export interface TakesSecrets {
  /** The name of the format. */
  readonly name: string
  /** Any one of these. Empty if repositories are not encrypted. */
  readonly secrets: ReadonlyArray<SecretKind>
}

/** The secrets that options and variables give. */
export interface GivenSecrets {
  readonly password: GivenPassword | undefined
  readonly recipients: ReadonlyArray<string>
  /** Names of files. */
  readonly identities: ReadonlyArray<string>
  readonly keyFile: string | undefined
  /** For each kind of secret that is given, the option or variable that gives it. */
  readonly by: ReadonlyMap<SecretKind, string>
}

/** The secrets that are given. An option takes precedence over its variable. */
export const givenSecrets: (
  options: SecretOptions,
  names: SecretNames,
) => Effect.Effect<GivenSecrets, UsageError> = Effect.fnUntraced(function* (options, names) {
  const by = new Map<SecretKind, string>()
  const password = yield* givenPassword(options, names)
  if (password !== undefined) by.set("password", password.by)
  const values = Effect.fnUntraced(
    function* (kind: SecretKind, option: string, name: string, own: ReadonlyArray<string>) {
      const found = own.length > 0
        ? own
        : ((yield* variable(names.variables + name)) ?? "").split(/[\s,]+/).filter((value) => value !== "")
      if (found.length > 0) by.set(kind, own.length > 0 ? names.options + option : names.variables + name)
      return found
    },
  )
  const identities = yield* values("age", "identity", "IDENTITY_FILE", options.identity)
  const recipients = yield* values("age", "recipient", "RECIPIENTS", options.recipient)
  const keyFile = options.keyFile ?? ((yield* variable(`${names.variables}KEY_FILE`)) || undefined)
  if (keyFile !== undefined) {
    by.set(
      "key-file",
      options.keyFile === undefined ? `${names.variables}KEY_FILE` : `${names.options}key-file`,
    )
  }
  return { by, identities, keyFile, password, recipients }
})

/**
 * The secrets for a repository of a format: age keys or the key file if they are given, or else a password, which the
 * terminal asks for if none is given. `where` names the repository in messages. Fails with {@link UsageError} if a
 * secret is given that the format does not take, or if a secret is missing.
 */
export const secretsFor: (
  source: TakesSecrets,
  use: PasswordUse,
  given: GivenSecrets,
  names: SecretNames,
  where: string,
) => Effect.Effect<Secrets, UsageError> = Effect.fnUntraced(function* (source, use, given, names, where) {
  const takes = (kind: SecretKind): boolean => source.secrets.includes(kind)
  for (const [kind, by] of given.by) {
    if (!takes(kind)) {
      return yield* new UsageError({ message: `${by} is given, but ${where} ${needs(source)}: leave ${by} out` })
    }
  }
  const [one, another] = [...given.by.values()]
  if (another !== undefined) {
    return yield* new UsageError({
      message: `${one} and ${another} are given, but ${where} ${needs(source)}, not both: leave one out`,
    })
  }
  const { identities, keyFile, password, recipients } = given
  if (recipients.length > 0 || identities.length > 0) {
    const opening = (yield* Effect.forEach(identities, readIdentities)).flat()
    return {
      ...(recipients.length === 0 ? {} : { recipients }),
      ...(opening.length === 0 ? {} : { identities: opening }),
    }
  }
  if (keyFile !== undefined) return { key: yield* readKey(keyFile) }
  if (takes("password")) {
    const instead = [
      ...takes("age") ? [use === "create" ? "recipient age1..." : "identity FILE"] : [],
      ...takes("key-file") ? ["key-file FILE"] : [],
    ]
    return { password: yield* password?.read ?? askPassword(use, names, instead) }
  }
  if (takes("key-file")) {
    return yield* new UsageError({
      message: `The format ${source.name} needs a key: give ${names.options}key-file FILE (64 or 128 hex digits) ` +
        `or set ${names.variables}KEY_FILE`,
    })
  }
  return {}
})

/**
 * Why secrets must not be given for a repository that is not encrypted. Undefined if none are given.
 */
export const unusedSecrets = (
  { by }: GivenSecrets,
  { options }: SecretNames,
  where: string,
  use: PasswordUse,
): string | undefined => {
  if (by.size === 0) return undefined
  const all = [...by.values()]
  return `${all.join(" and ")} ${
    all.length > 1 ? "are" : "is"
  } given, but ${where} is not encrypted: give ${options}no-encryption ` +
    (use === "create"
      ? "if that is meant"
      : "if that is right; if not, find out who put it there, or whether its key is lost")
}

const needs = ({ secrets }: TakesSecrets): string => {
  const words: Record<SecretKind, string> = { password: "a password", age: "age keys", "key-file": "a key file" }
  return secrets.length === 0 ? "is not encrypted" : `takes ${secrets.map((kind) => words[kind]).join(" or ")}`
}

/** Reads an identity file as `age-keygen` writes it: comments, empty lines, and one identity per line. */
const readIdentities = Effect.fnUntraced(
  function* (file: string): Effect.fn.Return<ReadonlyArray<Redacted.Redacted<string>>, UsageError> {
    const text = yield* readText(file, "identity file")
    if (/^(age-encryption\.org\/|-----BEGIN AGE)/.test(text)) {
      return yield* new UsageError({
        message: `The identity file ${file} is encrypted with a passphrase: decrypt it first with age -d ${
          quoted(file)
        }`,
      })
    }
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
    const odd = lines.findIndex((line) => !line.startsWith("AGE-SECRET-KEY-"))
    if (lines.length === 0 || odd >= 0) {
      return yield* new UsageError({
        message: lines.length === 0
          ? `There is no age identity in ${file}: make one with age-keygen -o ${quoted(file)}`
          : `Line ${odd + 1} of the identities in ${file} is not an age identity (AGE-SECRET-KEY-...)`,
      })
    }
    return lines.map((line) => Redacted.make(line))
  },
)

/** Reads a raw key in hex digits. Blanks and line ends are ignored. */
export const readKey: (file: string) => Effect.Effect<Redacted.Redacted<Uint8Array>, UsageError> = Effect.fnUntraced(
  function* (file) {
    const digits = (yield* readText(file, "key file")).replace(/\s+/g, "")
    if (!/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/i.test(digits)) {
      return yield* new UsageError({ message: `The key file ${file} must hold 64 or 128 hex digits and nothing else` })
    }
    return Redacted.make(Uint8Array.from(digits.match(/../g)!, (byte) => parseInt(byte, 16)))
  },
)
