/** The secret of a new key: where it comes from. Never from an argument, which everyone on the machine can see. */
import { bytesToHex } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { open } from "node:fs/promises"
import type { NewSecret } from "../../formats/keys.ts"
import type { NewSecretInput } from "../arguments/inputs.ts"
import { printError } from "../output/streams.ts"
import { UsageError } from "../process/usage_error.ts"
import { askPassword, givenPassword, newNames } from "./password.ts"
import { readKey } from "./secrets.ts"

/** Bytes of a key file that is made. */
const KEY_BYTES = 32

/**
 * Finds out what the new secret is, before anything else is done. The result reads it, makes its key file, or asks for
 * a password on the terminal. Fails if more than one is given.
 */
export const newSecret: (
  options: NewSecretInput,
) => Effect.Effect<Effect.Effect<NewSecret, UsageError>, UsageError> = Effect.fnUntraced(
  function* ({ newKeyFile, newPasswordCommand, newPasswordFile, newRecipient }) {
    const password = yield* givenPassword(
      { passwordFile: newPasswordFile, passwordCommand: newPasswordCommand },
      newNames,
    )
    const given = [
      ...password === undefined ? [] : [password.by],
      ...newRecipient === undefined ? [] : ["--new-recipient"],
      ...newKeyFile === undefined ? [] : ["--new-key-file"],
    ]
    if (given.length > 1) {
      return yield* new UsageError({
        message: `${given.join(" and ")} are given, but a key is for one secret: leave one out`,
      })
    }
    if (newRecipient !== undefined) return Effect.succeed({ recipient: newRecipient })
    if (newKeyFile !== undefined) return Effect.map(keyFile(newKeyFile), (key) => ({ key }))
    return Effect.map(
      password?.read ?? askPassword("create", newNames, ["recipient age1...", "key-file FILE"]),
      (password) => ({ password }),
    )
  },
)

/** The key in a file. The file is made, for its owner only, if it is not there. */
const keyFile: (file: string) => Effect.Effect<Redacted.Redacted<Uint8Array>, UsageError> = Effect.fnUntraced(
  function* (file) {
    const key = crypto.getRandomValues(new Uint8Array(KEY_BYTES))
    const made = yield* Effect.tryPromise({
      try: () => makeFile(file, `${bytesToHex(key)}\n`),
      catch: (error) => new UsageError({ message: `Cannot make the key file ${file}: ${(error as Error).message}` }),
    })
    if (!made) return yield* readKey(file)
    printError(`Made the key file ${file}. Whoever has a copy of it can open the repository.`)
    return Redacted.make(key)
  },
)

/** Makes a file that is durable. Gives false if there is one of that name. */
const makeFile = async (file: string, text: string): Promise<boolean> => {
  let handle
  try {
    handle = await open(file, "wx", 0o600)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return true
}
