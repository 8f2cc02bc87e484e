/** Where passwords come from. Never from an argument, which everyone on the machine can see. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { stdin } from "node:process"
import type { SecretOptions } from "../arguments/inputs.ts"
import { printError } from "../output/streams.ts"
import { UsageError } from "../process/usage_error.ts"
import { variable } from "../process/variable.ts"
import { outputOf } from "./password_command.ts"
import { prompt } from "./prompt.ts"
import { readText, textOf } from "../process/text_file.ts"

/** How the variables and options of a repository begin. Commands with two repositories tell them apart by this. */
export interface SecretNames {
  /** What variables begin with. */
  readonly variables: "PENSTOCK_" | "PENSTOCK_TO_" | "PENSTOCK_FROM_" | "PENSTOCK_NEW_"
  /** What options begin with. */
  readonly options: "--" | "--to-" | "--from-" | "--new-"
  /** What a question on the terminal adds. */
  readonly of: "" | " of the target" | " of the repository at --from-repo"
}

/** For the repository that every command has. */
export const ownNames: SecretNames = { variables: "PENSTOCK_", options: "--", of: "" }
/** For the repository that `convert` and `copy` write to. */
export const targetNames: SecretNames = { variables: "PENSTOCK_TO_", options: "--to-", of: " of the target" }
/** For the repository whose key `init` gives to the new one. */
export const fromNames: SecretNames = {
  variables: "PENSTOCK_FROM_",
  options: "--from-",
  of: " of the repository at --from-repo",
}

/** For the secret of a new key. */
export const newNames: SecretNames = { variables: "PENSTOCK_NEW_", options: "--new-", of: "" }

/** What a password is for. With `create`, the terminal asks twice. */
export type PasswordUse = "create" | "open"

/** How often the terminal asks for a password. */
export const TRIES = 3

/** A password that need not be asked for. */
export interface GivenPassword {
  /** The option or variable that gives it. */
  readonly by: string
  readonly read: Effect.Effect<Redacted.Redacted<string>, UsageError>
}

/**
 * The password that an option gives, or else a variable. Undefined if none does. Fails if two options or two variables
 * do.
 */
export const givenPassword: (
  options: Pick<SecretOptions, "passwordCommand" | "passwordFile">,
  names: SecretNames,
) => Effect.Effect<GivenPassword | undefined, UsageError> = Effect.fnUntraced(
  function* ({ passwordCommand, passwordFile }, { options, variables }) {
    const onlyOne = (ways: ReadonlyArray<GivenPassword>): Effect.Effect<GivenPassword | undefined, UsageError> =>
      ways.length < 2 ? Effect.succeed(ways[0]) : Effect.fail(
        new UsageError({ message: `${ways.map(({ by }) => by).join(" and ")} both give the password: leave one out` }),
      )
    const byOption = yield* onlyOne([
      ...passwordFile === undefined ? [] : [fromFile(passwordFile, `${options}password-file`)],
      ...passwordCommand === undefined ? [] : [fromCommand(passwordCommand, `${options}password-command`)],
    ])
    if (byOption !== undefined) return byOption
    const name = `${variables}PASSWORD`
    const text = yield* variable(name)
    const file = yield* variable(`${name}_FILE`)
    const command = yield* variable(`${name}_COMMAND`)
    return yield* onlyOne([
      ...text === undefined ? [] : [{ by: name, read: notEmpty(withoutMark(text), `${name} is empty`) }],
      ...file ? [fromFile(file, `${name}_FILE`)] : [],
      ...command ? [fromCommand(command, `${name}_COMMAND`)] : [],
    ])
  },
)

const fromFile = (file: string, by: string): GivenPassword => ({
  by,
  read: Effect.flatMap(
    readText(file, "password file"),
    (text) => notEmpty(firstLine(text), `The first line of the password file ${file} is empty`),
  ),
})

const fromCommand = (commandLine: string, by: string): GivenPassword => ({
  by,
  read: outputOf(commandLine, by).pipe(
    Effect.flatMap((bytes) => textOf(bytes, `The output of the command of ${by}`)),
    Effect.flatMap((text) => notEmpty(firstLine(text), `The first line that the command of ${by} prints is empty`)),
  ),
})

/**
 * Asks for the password on the terminal, at most three times: again if the answer is empty, or if the two answers for a
 * new password differ. `instead` are options that could be given instead. Fails with {@link UsageError} if there is no
 * terminal, or no good answer.
 */
export const askPassword: (
  use: PasswordUse,
  names: SecretNames,
  instead?: ReadonlyArray<string>,
) => Effect.Effect<Redacted.Redacted<string>, UsageError> = Effect.fnUntraced(function* (use, names, instead = []) {
  const { of, options, variables } = names
  if (stdin.isTTY !== true) {
    return yield* new UsageError({
      message:
        `No password: set ${variables}PASSWORD, give ${options}password-file FILE, ${options}password-command COMMAND${
          instead.map((option) => `, ${options}${option}`).join("")
        }, or run this on a terminal where it can be asked for`,
    })
  }
  if (use === "create") printError("The password cannot be recovered: without it, the backups cannot be read.")
  const ask = Effect.gen(function* () {
    const first = withoutMark(yield* prompt(`${use === "create" ? "New password" : "Password"}${of}: `))
    if (first === "") return yield* new UsageError({ message: "An empty password was given" })
    // The decoder puts this in the place of bytes that are not UTF-8: different passwords would become the same.
    if (first.includes("\ufffd")) {
      return yield* new UsageError({ message: "The typed password is not UTF-8, as this terminal sends it" })
    }
    if (use === "create" && first !== withoutMark(yield* prompt("The same again: "))) {
      return yield* new UsageError({ message: "The two passwords are not the same" })
    }
    return Redacted.make(first)
  })
  return yield* retryTyped(ask, () => true)
})

/** Runs something that asks on the terminal, `tries` times at most. `again` says whether another answer could help. */
export const retryTyped = <A, E extends { readonly message: string }, R>(
  ask: Effect.Effect<A, E, R>,
  again: (error: E) => boolean,
  tries: number = TRIES,
): Effect.Effect<A, E, R> =>
  tries <= 1 ? ask : Effect.catchIf(ask, again, (error) =>
    Effect.suspend(() => {
      printError(`penstock: ${error.message}; try again`)
      return retryTyped(ask, again, tries - 1)
    }))

/** Removes the byte order mark that some editors put before a text, where nobody sees or types it. */
const withoutMark = (text: string): string => text.replace(/^\ufeff/, "")

const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0]!

const notEmpty = (text: string, message: string): Effect.Effect<Redacted.Redacted<string>, UsageError> =>
  text === "" ? Effect.fail(new UsageError({ message })) : Effect.succeed(Redacted.make(text))
