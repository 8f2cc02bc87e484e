/**
 * The secrets that open a repository: which of them a format takes, and where they come from. Never from an argument.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { Secrets } from "../../formats/secrets.ts"
import { UsageError } from "../process/usage_error.ts"
import { variable } from "../process/variable.ts"
import type { SecretOptions } from "../arguments/inputs.ts"
import { askPassword, type GivenPassword, givenPassword, type PasswordUse, type SecretNames } from "./password.ts"
import { quoted } from "../../adapters/runtime/quote.ts"
import { readText } from "./text_file.ts"

/** What opens a repository: a password, age recipients and identities, or a file with a raw key. */
export type SecretKind = "password" | "age" | "key-file"

/** A format, and the secrets that open its repositories. */
export interface TakesSecrets {
  readonly name: string
  /** Any one of these. Empty if repositories are not encrypted. */
  readonly secrets: ReadonlyArray<SecretKind>
}

/** The secrets that options and variables give. */
export interface GivenSecrets {
  readonly password: GivenPassword | undefined
  readonly recipients: ReadonlyArray<string>
  /** Files. */
  readonly identities: ReadonlyArray<string>
  readonly keyFile: string | undefined
  /** The option or variable that gives a secret, for each kind that is given. */
  readonly by: ReadonlyMap<SecretKind, string>
}

/** What is given; an option wins over the variable. */
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
      names[options.keyFile === undefined ? "variables" : "options"] +
        (options.keyFile === undefined ? "KEY_FILE" : "key-file"),
    )
  }
  return { by, identities, keyFile, password, recipients }
})

/**
 * What opens, or is to open, a repository of a format: age keys or the key file when they are given, else a password,
 * which is asked for when none is given. `where` names the repository. Fails with {@link UsageError} when something is
 * given that it does not take, or it needs what is not given.
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
    const instead = takes("age") ? use === "create" ? "recipient age1..." : "identity FILE" : undefined
    return { password: yield* password?.read ?? askPassword(use, names, instead) }
  }
  if (takes("key-file")) {
    return yield* new UsageError({
      message:
        `The format ${source.name} needs a key: give ${names.options}key-file FILE (64 or 128 hex digits) or set ${names.variables}KEY_FILE`,
    })
  }
  return {}
})

/**
 * What to say of secrets that are given for a repository that is not encrypted; nothing when none is. `new`: it is to
 * be made.
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
      : "if it should be so; if not, look who put it there, or whether its key is lost")
}

const needs = ({ secrets }: TakesSecrets): string => {
  const words: Record<SecretKind, string> = { password: "a password", age: "age keys", "key-file": "a key file" }
  return secrets.length === 0 ? "is not encrypted" : `takes ${secrets.map((kind) => words[kind]).join(" or ")}`
}

/** Lines of an identity file as `age-keygen` writes it: comments, empty lines, and one identity a line. */
const readIdentities = Effect.fnUntraced(
  function* (file: string): Effect.fn.Return<ReadonlyArray<Redacted.Redacted<string>>, UsageError> {
    const text = yield* readText(file, "identity file")
    if (/^(age-encryption\.org\/|-----BEGIN AGE)/.test(text)) {
      return yield* new UsageError({
        message: `The identity file ${file} is encrypted with a passphrase; decrypt it first, with: age -d ${
          quoted(file)
        }`,
      })
    }
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
    const odd = lines.findIndex((line) => !line.startsWith("AGE-SECRET-KEY-"))
    if (lines.length === 0 || odd >= 0) {
      return yield* new UsageError({
        message: lines.length === 0
          ? `There is no age identity in ${file}; make one with: age-keygen -o ${quoted(file)}`
          : `Line ${odd + 1} of the identities in ${file} is not an age identity (AGE-SECRET-KEY-...)`,
      })
    }
    return lines.map((line) => Redacted.make(line))
  },
)

/** A raw key in hex digits; blanks and line ends do not matter. */
const readKey = Effect.fnUntraced(
  function* (file: string): Effect.fn.Return<Redacted.Redacted<Uint8Array>, UsageError> {
    const digits = (yield* readText(file, "key file")).replace(/\s+/g, "")
    if (!/^(?:[0-9a-f]{64}|[0-9a-f]{128})$/i.test(digits)) {
      return yield* new UsageError({ message: `The key file ${file} must hold 64 or 128 hex digits and nothing else` })
    }
    return Redacted.make(Uint8Array.from(digits.match(/../g)!, (byte) => parseInt(byte, 16)))
  },
)
