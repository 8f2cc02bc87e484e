/** Asks on the terminal without showing what is typed. */
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { stdin } from "node:process"
import { StringDecoder } from "node:string_decoder"
import { displayText } from "../../stages/walk/path.ts"

/** Characters that came together with the line before: a pasted answer to two questions. */
let ahead = ""

/**
 * Shows `label` on stderr and gives the line that is typed, which is not echoed. Ctrl-C and Ctrl-D interrupt. The
 * terminal is put back as it was, also on interruption. stdin must be a terminal.
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
          ahead = text.slice(at)
          return end(Effect.succeed(typed.join("")))
        }
        if (character === "\x03" || (character === "\x04" && typed.length === 0)) return end(Effect.interrupt)
        if (character === "\x7f" || character === "\b") typed.pop()
        else if (character === "\x15") typed = []
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
    // First no echo, then the question: an answer may come at once.
    stdin.setRawMode(true)
    stdin.on("data", onData)
    stdin.resume()
    writeSync(2, displayText(label))
    const early = ahead
    ahead = ""
    take(early)
    return Effect.sync(close)
  })
