/** Where passwords come from. Never from an argument: those are visible to everyone on the machine. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { env, stdin } from "node:process"
import { UsageError } from "./error.ts"
import { printError } from "./output.ts"
import { prompt } from "./prompt.ts"
import { readText } from "./text_file.ts"

/** Environment variables and options are the same for other repositories of a command, but for what they begin with. */
export interface SecretNames {
  readonly variables: "PENSTOCK_" | "PENSTOCK_TO_" | "PENSTOCK_FROM_"
  readonly options: "--" | "--to-" | "--from-"
  /** What a question on the terminal adds. */
  readonly of: "" | " of the target" | " of the repository at --from-repo"
}

/** Of the repository that every command has. */
export const ownNames: SecretNames = { variables: "PENSTOCK_", options: "--", of: "" }
/** Of the repository that `convert` and `copy` write to. */
export const targetNames: SecretNames = { variables: "PENSTOCK_TO_", options: "--to-", of: " of the target" }

/** Of the repository whose key `init` gives to the new one. */
export const fromNames: SecretNames = {
  variables: "PENSTOCK_FROM_",
  options: "--from-",
  of: " of the repository at --from-repo",
}

/** Whether there is a password without asking for it. */
export const passwordIsSet = (file: string | undefined, { variables }: SecretNames): boolean =>
  file !== undefined || env[`${variables}PASSWORD`] !== undefined

/** What a password is for: `create` asks twice on a terminal. */
export type PasswordUse = "create" | "open"

/**
 * The password from `PENSTOCK_PASSWORD`, or what `names` says, else the first line of `file`, else asked for on the terminal.
 * `instead` is an option that does as well. Fails with {@link UsageError} when there is none of these, when it is empty, or when the
 * two answers differ.
 */
export const password: (
  use: PasswordUse,
  file: string | undefined,
  names: SecretNames,
  instead?: string,
) => Effect.Effect<Redacted.Redacted<string>, UsageError> = Effect.fnUntraced(function* (use, file, names, instead) {
  const variable = `${names.variables}PASSWORD`
  const fromEnvironment = env[variable]
  if (fromEnvironment !== undefined) return yield* notEmpty(fromEnvironment, `${variable} is empty`)
  if (file !== undefined) {
    const text = yield* readText(file, "password file")
    return yield* notEmpty(text.split(/\r?\n/, 1)[0]!, `The first line of the password file ${file} is empty`)
  }
  if (stdin.isTTY !== true) {
    return yield* new UsageError({
      message: `No password: set ${variable}, give ${names.options}password-file FILE${
        instead === undefined ? "" : ` or ${names.options}${instead}`
      }, or run this on a terminal where it can be asked for`,
    })
  }
  if (use === "open") {
    return yield* notEmpty(
      yield* prompt(`Password${names.of}: `),
      "An empty password was given",
    )
  }
  printError("The password cannot be recovered: without it, the backups cannot be read.")
  const first = yield* notEmpty(
    yield* prompt(`New password${names.of}: `),
    "An empty password was given",
  )
  const second = yield* prompt("The same again: ")
  if (second !== Redacted.value(first)) {
    return yield* new UsageError({ message: "The two passwords are not the same; nothing was created" })
  }
  return first
})

const notEmpty = (text: string, message: string): Effect.Effect<Redacted.Redacted<string>, UsageError> =>
  text === "" ? Effect.fail(new UsageError({ message })) : Effect.succeed(Redacted.make(text))
