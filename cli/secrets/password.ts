/** Where passwords come from. Never from an argument: those are visible to everyone on the machine. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { stdin } from "node:process"
import { variable } from "../process/variable.ts"
import { UsageError } from "../process/usage_error.ts"
import type { SecretOptions } from "../arguments/inputs.ts"
import { printError } from "../output/streams.ts"
import { outputOf } from "./password_command.ts"
import { prompt } from "./prompt.ts"
import { readText, textOf } from "./text_file.ts"

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

/** What a password is for: `create` asks twice on a terminal. */
export type PasswordUse = "create" | "open"

/** How often a password is asked for. */
export const TRIES = 3

/** A password that need not be asked for. */
export interface GivenPassword {
  /** The option or variable that gives it. */
  readonly by: string
  readonly read: Effect.Effect<Redacted.Redacted<string>, UsageError>
}

/**
 * The password that an option, or else a variable, gives; undefined when none does. Fails when two options, or two
 * variables, do.
 */
export const givenPassword: (
  options: Pick<SecretOptions, "passwordCommand" | "passwordFile">,
  names: SecretNames,
) => Effect.Effect<GivenPassword | undefined, UsageError> = Effect.fnUntraced(
  function* ({ passwordCommand, passwordFile }, { options, variables }) {
    const one = (ways: ReadonlyArray<GivenPassword>): Effect.Effect<GivenPassword | undefined, UsageError> =>
      ways.length < 2 ? Effect.succeed(ways[0]) : Effect.fail(
        new UsageError({ message: `${ways.map(({ by }) => by).join(" and ")} both give the password: leave one out` }),
      )
    const inOptions = yield* one([
      ...passwordFile === undefined ? [] : [inFile(passwordFile, `${options}password-file`)],
      ...passwordCommand === undefined ? [] : [byCommand(passwordCommand, `${options}password-command`)],
    ])
    if (inOptions !== undefined) return inOptions
    const name = `${variables}PASSWORD`
    const text = yield* variable(name)
    const file = yield* variable(`${name}_FILE`)
    const command = yield* variable(`${name}_COMMAND`)
    return yield* one([
      ...text === undefined ? [] : [{ by: name, read: notEmpty(withoutMark(text), `${name} is empty`) }],
      ...file ? [inFile(file, `${name}_FILE`)] : [],
      ...command ? [byCommand(command, `${name}_COMMAND`)] : [],
    ])
  },
)

const inFile = (file: string, by: string): GivenPassword => ({
  by,
  read: Effect.flatMap(
    readText(file, "password file"),
    (text) => notEmpty(firstLine(text), `The first line of the password file ${file} is empty`),
  ),
})

const byCommand = (commandLine: string, by: string): GivenPassword => ({
  by,
  read: outputOf(commandLine, by).pipe(
    Effect.flatMap((bytes) => textOf(bytes, `What the command of ${by} prints`)),
    Effect.flatMap((text) => notEmpty(firstLine(text), `The first line that the command of ${by} prints is empty`)),
  ),
})

/**
 * Asks for the password on the terminal: again when nothing, or not the same twice, is typed, three times in all.
 * `instead` is an option that does as well. Fails with {@link UsageError} when there is no terminal, or no good answer.
 */
export const askPassword: (
  use: PasswordUse,
  names: SecretNames,
  instead?: string,
) => Effect.Effect<Redacted.Redacted<string>, UsageError> = Effect.fnUntraced(function* (use, names, instead) {
  const { of, options, variables } = names
  if (stdin.isTTY !== true) {
    return yield* new UsageError({
      message:
        `No password: set ${variables}PASSWORD, give ${options}password-file FILE, ${options}password-command COMMAND${
          instead === undefined ? "" : `, ${options}${instead}`
        }, or run this on a terminal where it can be asked for`,
    })
  }
  if (use === "create") printError("The password cannot be recovered: without it, the backups cannot be read.")
  const ask = Effect.gen(function* () {
    const first = withoutMark(yield* prompt(`${use === "create" ? "New password" : "Password"}${of}: `))
    if (first === "") return yield* new UsageError({ message: "An empty password was given" })
    // What the decoder puts for bytes that are not UTF-8: different passwords would become one.
    if (first.includes("\ufffd")) {
      return yield* new UsageError({ message: "What was typed is not UTF-8, as this terminal sends it" })
    }
    if (use === "create" && first !== withoutMark(yield* prompt("The same again: "))) {
      return yield* new UsageError({ message: "The two passwords are not the same" })
    }
    return Redacted.make(first)
  })
  return yield* asking(ask, () => true)
})

/**
 * Runs what asks on the terminal, again after a failure that `again` says another answer could mend; three times in
 * all.
 */
export const asking = <A, E extends { readonly message: string }, R>(
  ask: Effect.Effect<A, E, R>,
  again: (error: E) => boolean,
  tries: number = TRIES,
): Effect.Effect<A, E, R> =>
  tries <= 1 ? ask : Effect.catchIf(ask, again, (error) =>
    Effect.suspend(() => {
      printError(`penstock: ${error.message}; try again`)
      return asking(ask, again, tries - 1)
    }))

/** Some editors begin a text with a byte order mark, which nobody sees or types. */
const withoutMark = (text: string): string => text.replace(/^\ufeff/, "")

const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0]!

const notEmpty = (text: string, message: string): Effect.Effect<Redacted.Redacted<string>, UsageError> =>
  text === "" ? Effect.fail(new UsageError({ message })) : Effect.succeed(Redacted.make(text))
