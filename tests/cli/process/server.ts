/** Runs many commands through a program such as `setpriv`, in one process of it. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Inside } from "./inside.ts"
import type { Asked } from "./serve_main.ts"
import { basicEnvironment, commandOf, type Ended } from "./spawn.ts"

/** A process that runs commands, one after the other. */
export interface CommandServer {
  readonly run: (
    script: Inside,
    args: ReadonlyArray<string>,
    env: Readonly<Record<string, string>>,
  ) => Promise<Ended>
  readonly end: () => void
}

/** Starts one through a program, which is given with its arguments. */
export const serveCommands = (through: readonly [string, ...ReadonlyArray<string>]): CommandServer => {
  const [program, ...before] = through
  const child = spawn(program, [...before, ...commandOf("tests/cli/process/serve_main.ts")], {
    env: basicEnvironment(),
    stdio: ["pipe", "pipe", "inherit"],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let last: Promise<unknown> = Promise.resolve()
  return {
    run: (script, args, env) => {
      const asked: Asked = { script, args, env: { ...basicEnvironment(), ...env } }
      const ended = last.then(async (): Promise<Ended> => {
        child.stdin.write(`${JSON.stringify(asked)}\n`)
        const { done, value } = await lines.next()
        if (done) throw new Error("The process that runs commands has ended")
        return JSON.parse(value)
      })
      last = ended.catch(() => {})
      return ended
    },
    end: () => child.stdin.end(),
  }
}
