/** How a test starts a script as another process of the runtime that it runs on. */
import process from "node:process"

/** The program and its arguments. */
export const childCommand = (script: string): readonly [program: string, ...ReadonlyArray<string>] => [
  process.execPath,
  ...("Deno" in globalThis ? ["run", "-A", "--no-check"] : []),
  script,
]
