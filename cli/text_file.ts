/** Files that options name. */
import * as Effect from "effect/Effect"
import { readFile } from "node:fs/promises"
import { UsageError } from "./error.ts"

/** The text of a file; `what` is what the file is to the user. */
export const readText = (file: string, what: string): Effect.Effect<string, UsageError> =>
  Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: (error) =>
      new UsageError({ message: `Cannot read the ${what} ${file}: ${(error as Error).message.split(",")[0]}` }),
  })
