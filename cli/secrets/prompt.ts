/** Asks on the terminal without showing what is typed. */
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { stdin } from "node:process"
import { StringDecoder } from "node:string_decoder"
import { displayText } from "../../stages/walk/path.ts"

/**
 * Characters that came after the end of the last line, as when the answers to two questions are pasted. They belong to
 * the terminal, of which the process has one, so they are kept for the next prompt of the process.
 */
let typedAhead = ""

const CTRL_C = "\x03"
const CTRL_D = "\x04"
const CTRL_U = "\x15"
const DELETE = "\x7f"

/**
 * Shows `label` on stderr and returns the line that is typed, without echoing it. Ctrl-C and Ctrl-D interrupt. The
 * terminal is left as it was, even after an interruption. stdin must be a terminal.
 */
export const prompt = (label: string): Effect.Effect<string> =>
  Effect.callback<string>((resume) => {
    const decoder = new StringDecoder("utf8")
    let typed: Array<string> = []
    const end = (result: Effect.Effect<string>): void => {
      close()
      resume(result)
    }
    const onData = (bytes: Uint8Array): void => {
      take(decoder.write(bytes as Buffer))
    }
    const take = (text: string): void => {
      let at = 0
      for (const character of text) {
        at += character.length
        if (character === "\r" || character === "\n") {
          typedAhead = text.slice(at)
          return end(Effect.succeed(typed.join("")))
        }
        if (character === CTRL_C || (character === CTRL_D && typed.length === 0)) return end(Effect.interrupt)
        if (character === DELETE || character === "\b") typed.pop()
        else if (character === CTRL_U) typed = []
        else if (character >= " ") typed.push(character)
      }
    }
    let asking = true
    const close = (): void => {
      if (!asking) return
      asking = false
      stdin.off("data", onData)
      try {
        stdin.setRawMode(false)
        stdin.pause()
        writeSync(2, "\n")
      } catch {
        // The terminal has gone.
      }
    }
    // Echo is turned off before the question is shown, since the answer may come at once.
    stdin.setRawMode(true)
    stdin.on("data", onData)
    stdin.resume()
    writeSync(2, displayText(label))
    const early = typedAhead
    typedAhead = ""
    take(early)
    return Effect.sync(close)
  })
