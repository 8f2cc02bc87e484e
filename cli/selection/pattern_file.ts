/** Reads files of patterns: `--exclude-file`. */
import * as Effect from "effect/Effect"
import { env } from "node:process"
import { readText } from "../process/text_file.ts"
import { UsageError } from "../process/usage_error.ts"

/** The patterns in a file, one per line. Comments are removed and variables replaced, as in restic. */
export const patternsIn: (file: string) => Effect.Effect<ReadonlyArray<string>, UsageError> = Effect.fnUntraced(
  function* (file) {
    const text = yield* readText(file, "exclude file")
    const lines: Array<string> = []
    for (
      const line of text.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"))
    ) {
      let unset: string | undefined
      lines.push(line.replace(/\$(?:\$|\{(\w+)\}|(\w+))/g, (found, braced?: string, plain?: string) => {
        const name = braced ?? plain
        if (name === undefined) return "$"
        const value = env[name]
        if (value === undefined || value === "") unset = name
        return value ?? found
      }))
      if (unset !== undefined) {
        return yield* new UsageError({
          message:
            `${file} says "${line}", but the variable ${unset} is not set: set it, or write $$ for a dollar sign`,
        })
      }
    }
    return lines
  },
)
