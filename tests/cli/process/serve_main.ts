/** Runs commands inside one process: each line of stdin asks for one, each line of stdout tells how it ended. */
import process from "node:process"
import { createInterface } from "node:readline"
import { type Inside, runInside } from "./inside.ts"

/** What a line of stdin asks for. */
export interface Asked {
  readonly script: Inside
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
}

for await (const line of createInterface({ input: process.stdin })) {
  const { args, env, script } = JSON.parse(line) as Asked
  process.stdout.write(`${JSON.stringify(await runInside(script, args, env))}\n`)
}
