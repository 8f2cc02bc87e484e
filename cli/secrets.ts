/** The secrets that open a repository: which of them a format takes, and where they come from. Never from an argument. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { env } from "node:process"
import type { Secrets } from "../formats/format.ts"
import { UsageError } from "./error.ts"
import type { FormatSource, SecretKind } from "./formats.ts"
import type { SecretOptions } from "./options.ts"
import { password, type PasswordUse, type SecretNames } from "./password.ts"
import { readText } from "./text_file.ts"

/**
 * What opens, or is to open, a repository of a format: age keys or the key file when they are given, else a password. Fails with
 * {@link UsageError} when the format takes none of what is given, or needs what is not given.
 */
export const secretsFor: (
  source: FormatSource,
  use: PasswordUse,
  options: SecretOptions,
  names: SecretNames,
) => Effect.Effect<Secrets, UsageError> = Effect.fnUntraced(function* (source, use, options, names) {
  const takes = (kind: SecretKind): boolean => source.secrets.includes(kind)
  const refuse = (option: string): Effect.Effect<never, UsageError> =>
    Effect.fail(
      new UsageError({ message: `${names.options}${option} is not for the format ${source.name}: ${needs(source)}` }),
    )
  if (!takes("age") && options.recipient.length > 0) return yield* refuse("recipient")
  if (!takes("age") && options.identity.length > 0) return yield* refuse("identity")
  if (!takes("key-file") && options.keyFile !== undefined) return yield* refuse("key-file")
  if (!takes("password") && options.passwordFile !== undefined) return yield* refuse("password-file")
  if (takes("age")) {
    const recipients = given(options.recipient, `${names.variables}RECIPIENTS`)
    const files = given(options.identity, `${names.variables}IDENTITY_FILE`)
    if (recipients.length > 0 || files.length > 0) {
      const identities = (yield* Effect.forEach(files, readIdentities)).flat()
      return {
        ...(recipients.length === 0 ? {} : { recipients }),
        ...(identities.length === 0 ? {} : { identities }),
      }
    }
  }
  if (takes("key-file")) {
    const file = options.keyFile ?? env[`${names.variables}KEY_FILE`]
    if (file !== undefined && file !== "") return { key: yield* readKey(file) }
  }
  if (takes("password")) {
    const instead = takes("age") ? use === "create" ? "recipient age1..." : "identity FILE" : undefined
    return { password: yield* password(use, options.passwordFile, names, instead) }
  }
  if (takes("key-file")) {
    return yield* new UsageError({
      message:
        `The format ${source.name} needs a key: give ${names.options}key-file FILE (64 or 128 hex digits) or set ${names.variables}KEY_FILE`,
    })
  }
  return {}
})

const needs = ({ secrets }: FormatSource): string => {
  const words: Record<SecretKind, string> = { password: "a password", age: "age keys", "key-file": "a key file" }
  return secrets.length === 0 ? "it has no secrets" : `it takes ${secrets.map((kind) => words[kind]).join(" or ")}`
}

/** Values of a repeatable option, else those of a variable that holds several, separated by commas or blanks. */
const given = (values: ReadonlyArray<string>, variable: string): ReadonlyArray<string> =>
  values.length > 0 ? values : (env[variable] ?? "").split(/[\s,]+/).filter((value) => value !== "")

/** Lines of an identity file as `age-keygen` writes it: comments, empty lines, and one identity a line. */
const readIdentities = Effect.fnUntraced(
  function* (file: string): Effect.fn.Return<ReadonlyArray<Redacted.Redacted<string>>, UsageError> {
    const text = yield* readText(file, "identity file")
    if (/^(age-encryption\.org\/|-----BEGIN AGE)/.test(text)) {
      return yield* new UsageError({
        message: `The identity file ${file} is encrypted with a passphrase; decrypt it first, with: age -d ${file}`,
      })
    }
    const lines = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
    const odd = lines.findIndex((line) => !line.startsWith("AGE-SECRET-KEY-"))
    if (lines.length === 0 || odd >= 0) {
      return yield* new UsageError({
        message: lines.length === 0
          ? `There is no age identity in ${file}; make one with: age-keygen -o ${file}`
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
