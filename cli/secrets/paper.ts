/** Where a paper key comes from: a file, a variable, or the terminal. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { stdin } from "node:process"
import { readText } from "../process/text_file.ts"
import { UsageError } from "../process/usage_error.ts"
import { variable } from "../process/variable.ts"
import { prompt } from "./prompt.ts"

const VARIABLE = "PENSTOCK_PAPER_KEY"

/** Reads a paper key from the file, or else from `PENSTOCK_PAPER_KEY`, or asks for it. */
export const readPaper: (file: string | undefined) => Effect.Effect<Redacted.Redacted<string>, UsageError> = Effect
  .fnUntraced(function* (file) {
    if (file !== undefined) return Redacted.make(yield* readText(file, "paper key"))
    const text = yield* variable(VARIABLE)
    if (text !== undefined) return Redacted.make(text)
    if (stdin.isTTY !== true) {
      return yield* new UsageError({
        message: `No paper key: give --paper-key-file FILE, set ${VARIABLE}, or run this on a terminal`,
      })
    }
    const lines: Array<string> = []
    for (;;) {
      const line = yield* prompt(`Paper key, line ${lines.length + 1} (an empty line ends it): `)
      if (line.trim() === "") return Redacted.make(lines.join("\n"))
      lines.push(line)
    }
  })
