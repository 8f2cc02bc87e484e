/** Where passwords come from. Never from an argument: those are visible to everyone on the machine. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFile } from "node:fs/promises"
import { env, stdin } from "node:process"
import { UsageError } from "./error.ts"
import { printError } from "./output.ts"
import { prompt } from "./prompt.ts"

/** What a password is for: `create` asks twice on a terminal. */
export type PasswordUse = "create" | "open"

/**
 * The password from `PENSTOCK_PASSWORD`, else the first line of `file`, else asked for on the terminal. Fails with
 * {@link UsageError} when there is none of these, when it is empty, or when the two answers differ.
 */
export const password: (
  use: PasswordUse,
  file: string | undefined,
) => Effect.Effect<Redacted.Redacted<string>, UsageError> = Effect.fnUntraced(function* (use, file) {
  const fromEnvironment = env["PENSTOCK_PASSWORD"]
  if (fromEnvironment !== undefined) return yield* notEmpty(fromEnvironment, "PENSTOCK_PASSWORD is empty")
  if (file !== undefined) {
    const text = yield* Effect.tryPromise({
      try: () => readFile(file, "utf8"),
      catch: (error) =>
        new UsageError({ message: `Cannot read the password file ${file}: ${(error as Error).message.split(",")[0]}` }),
    })
    return yield* notEmpty(text.split(/\r?\n/, 1)[0]!, `The first line of the password file ${file} is empty`)
  }
  if (stdin.isTTY !== true) {
    return yield* new UsageError({
      message:
        "No password: set PENSTOCK_PASSWORD, give --password-file FILE, or run this on a terminal where it can be asked for",
    })
  }
  if (use === "open") return yield* notEmpty(yield* prompt("Password: "), "An empty password was given")
  printError("The password cannot be recovered: without it, the backups cannot be read.")
  const first = yield* notEmpty(yield* prompt("New password: "), "An empty password was given")
  const second = yield* prompt("The same again: ")
  if (second !== Redacted.value(first)) {
    return yield* new UsageError({ message: "The two passwords are not the same; nothing was created" })
  }
  return first
})

const notEmpty = (text: string, message: string): Effect.Effect<Redacted.Redacted<string>, UsageError> =>
  text === "" ? Effect.fail(new UsageError({ message })) : Effect.succeed(Redacted.make(text))
