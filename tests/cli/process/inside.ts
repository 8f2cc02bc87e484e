/** Runs commands inside the process of a test, one after the other: a process costs a hundred times what they do. */
import process from "node:process"
import { redirect } from "../../../cli/output/streams.ts"
import { exitCode } from "../../../cli/run.ts"
import * as programs from "./programs.ts"

/** A script that can run inside. */
export type Inside = "cli/main.ts" | `tests/cli/process/${"quick" | "fake" | "remote"}_main.ts`

const insides: Readonly<Record<Inside, programs.Program>> = {
  "cli/main.ts": programs.main,
  "tests/cli/process/quick_main.ts": programs.quick,
  "tests/cli/process/fake_main.ts": programs.fakeFormat,
  "tests/cli/process/remote_main.ts": programs.remote,
}

/** Whether a script can run inside. */
export const isInside = (script: string): script is Inside => script in insides

/** Replaces the whole environment, and returns what was there. */
const replaceEnvironment = (by: Readonly<Record<string, string | undefined>>): typeof process.env => {
  const before = { ...process.env }
  for (const name of Object.keys(before)) if (by[name] === undefined) delete process.env[name]
  for (const [name, value] of Object.entries(by)) if (value !== undefined) process.env[name] = value
  return before
}

// As in a process whose streams are pipes, even when somebody runs the test in a terminal.
for (const stream of [process.stdin, process.stdout, process.stderr]) {
  Object.defineProperty(stream, "isTTY", { value: false, configurable: true })
}

let last: Promise<unknown> = Promise.resolve()

/** Runs a script with that environment, after those that were asked for before. */
export const runInside = (
  script: Inside,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> => {
  const run = async () => {
    const written: Record<number, Array<Uint8Array>> = { 1: [], 2: [] }
    const before = replaceEnvironment(env)
    redirect((fd, bytes, at) => {
      written[fd]!.push(bytes.slice(at))
      return bytes.length - at
    })
    try {
      const code = await exitCode(insides[script](args), () => {})
      const [stdout, stderr] = [1, 2].map((fd) => Buffer.concat(written[fd]!).toString())
      return { code, stdout: stdout!, stderr: stderr! }
    } finally {
      replaceEnvironment(before)
    }
  }
  const result = last.then(run)
  last = result.catch(() => {})
  return result
}
