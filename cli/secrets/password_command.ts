/** A program that prints a password. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { UsageError } from "../process/usage_error.ts"
import { TEXT_MAXIMUM } from "../process/text_file.ts"

/**
 * Runs a command line in the shell and returns what it prints. Its messages go to stderr. It gets no stdin, since that
 * may be what is backed up. `by` is the option or variable that names the command. No message contains the command
 * line, which may hold the password. An interruption ends the program.
 */
export const outputOf = (commandLine: string, by: string): Effect.Effect<Uint8Array, UsageError> =>
  Effect.callback((resume) => {
    const failed = (why: string): void => {
      resume(Effect.fail(new UsageError({ message: `The command of ${by} gives no password: ${why}` })))
    }
    const child = spawn(commandLine, { shell: true, stdio: ["ignore", "pipe", "inherit"] })
    const parts: Array<Uint8Array> = []
    let length = 0
    child.stdout.on("data", (part: Uint8Array) => {
      parts.push(part)
      length += part.length
      if (length > TEXT_MAXIMUM) child.kill()
    })
    child.on("error", () => failed("it cannot be started"))
    child.on("close", (code, signal) => {
      if (length > TEXT_MAXIMUM) return failed(`it prints more than ${TEXT_MAXIMUM >> 20} MiB`)
      if (code !== 0) return failed(code === null ? `${signal} ended it` : `its exit code is ${code}`)
      const all = new Uint8Array(length)
      let at = 0
      for (const part of parts) {
        all.set(part, at)
        at += part.length
      }
      resume(Effect.succeed(all))
    })
    return Effect.sync(() => void child.kill())
  })
