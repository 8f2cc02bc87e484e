/** Programs: where they are, their versions, and the three runtimes. */
import { spawn, spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join, resolve } from "node:path"
import process from "node:process"
import { createInterface } from "node:readline"
import { ended, started } from "./scratch.ts"

/** The checkout that is measured. */
export const root: string = resolve(import.meta.dirname, "..")

export const RUNTIMES = ["node", "deno", "bun"] as const
export type Runtime = (typeof RUNTIMES)[number]

const searched = [process.env["PENSTOCK_PEERS"], join(root, "node_modules/.bin"), process.env["PATH"]]

/** The path of a program in PENSTOCK_PEERS, node_modules or PATH; undefined if it is in none. */
export const find = (name: string): string | undefined =>
  searched.flatMap((paths) => paths?.split(delimiter) ?? []).map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** The version of a program: the first number with a point that it prints. */
export const versionOf = (program: string, ...args: ReadonlyArray<string>): string => {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8", env: quiet })
  return /\d+\.\d+[\w.+-]*/.exec(`${stdout ?? ""}\n${stderr ?? ""}`)?.[0] ?? "unknown"
}

/** The environment that keeps runtimes from printing warnings and looking for updates. */
export const QUIET = { DENO_NO_UPDATE_CHECK: "1", NODE_NO_WARNINGS: "1" } as const
const quiet = { ...process.env, ...QUIET }

/** The arguments of a runtime before the file that it runs. */
export const startOf = (runtime: Runtime): ReadonlyArray<string> => runtime === "deno" ? ["run", "-A"] : []

/** The runtimes with these names. Throws for any other name. */
export const runtimesOf = (names: ReadonlyArray<string>): ReadonlyArray<Runtime> =>
  names.map((name) => {
    const found = RUNTIMES.find((runtime) => runtime === name)
    if (found === undefined) throw new Error(`${name} is not one of ${RUNTIMES.join(", ")}`)
    return found
  })

/**
 * Runs a file of the checkout on a runtime and calls `line` with each line of JSON that it prints. Rejects if it fails.
 */
export const runOn = (
  runtime: Runtime,
  file: string,
  args: ReadonlyArray<string>,
  line: (value: unknown) => void,
): Promise<void> =>
  new Promise((resolve, reject) => {
    const program = find(runtime)
    if (program === undefined) return reject(new Error(`${runtime} was not found`))
    const child = spawn(program, [...startOf(runtime), join(root, file), ...args], {
      env: quiet,
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    })
    started(child)
    createInterface(child.stdout).on("line", (text) => {
      try {
        line(JSON.parse(text))
      } catch (error) {
        reject(error)
      }
    })
    child.on("error", reject)
    child.on("close", (code, signal) => {
      ended(child)
      code === 0 ? resolve() : reject(new Error(`${runtime} ${file} ended with ${code ?? signal}`))
    })
  })
