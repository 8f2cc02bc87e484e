/** Runs the command on the runtime that runs the test: inside the process of the test, or as one of its own. */
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { stateHome } from "../../state.ts"
import { bundled, inside, type Script, source } from "./bundled.ts"

/** How a run ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How to run it. */
export interface SpawnOptions {
  /** Variables beside those of {@link basicEnvironment}. By default, the password is `secret`. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Whether it runs as a process of its own. It also does with `input` and what follows here. */
  readonly spawned?: boolean
  /** Whether to run the TypeScript of the checkout instead of its bundle, which starts faster. */
  readonly fromSource?: boolean
  /** A program that runs it, with its arguments. */
  readonly through?: ReadonlyArray<string>
  /** Called when the process runs. */
  readonly started?: (child: ReturnType<typeof spawn>) => void
}

/** The variables that every process gets. */
export const basicEnvironment = (): Record<string, string> => {
  const cache = process.env["NODE_COMPILE_CACHE"]
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: process.env["HOME"] ?? "/",
    XDG_STATE_HOME: stateHome,
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
  }
}

/** The program and its arguments that run a script on this runtime. */
export const commandOf = (
  script: Script,
  { fromSource = false }: Pick<SpawnOptions, "fromSource"> = {},
): readonly [program: string, ...ReadonlyArray<string>] => [
  process.execPath,
  ...("Deno" in globalThis ? ["run", "-A", "--no-check"] : []),
  fromSource ? source(script) : bundled(script),
]

/**
 * Runs a script, by default from the bundle. Where only the arguments and the environment matter it runs inside this
 * process, one after the other.
 */
export const runScript = async (
  script: Script,
  args: ReadonlyArray<string>,
  options: SpawnOptions = {},
): Promise<Ended> => {
  const { env = { PENSTOCK_PASSWORD: "secret" }, fromSource, input, spawned, started, through } = options
  if (!spawned && !fromSource && input === undefined && started === undefined && through === undefined) {
    const { isInside, runInside } = await inside()
    if (isInside(script)) return runInside(script, args, { ...basicEnvironment(), ...env })
  }
  return runProcess(script, args, { ...options, env })
}

const runProcess = (
  script: Script,
  args: ReadonlyArray<string>,
  { env, input, started, through = [], ...how }: SpawnOptions,
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const [program, ...prefix] = [...through, ...commandOf(script, how)] as [string, ...Array<string>]
    const child = spawn(program, [...prefix, ...args], {
      env: { ...basicEnvironment(), ...env },
      stdio: ["pipe", "pipe", "pipe"],
    })
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (part) => stdout += part)
    child.stderr.on("data", (part) => stderr += part)
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, stdout, stderr }))
    child.stdin.on("error", () => {})
    child.stdin.end(input ?? "")
    started?.(child)
  })

/** Runs `penstock` with the fake format. */
export const penstock = (args: ReadonlyArray<string>, options?: SpawnOptions): Promise<Ended> =>
  runScript("tests/cli/process/fake_main.ts", ["penstock", ...args], options)

/** Runs `backup.ts` with the fake format. */
export const backupScript = (args: ReadonlyArray<string>, options?: SpawnOptions): Promise<Ended> =>
  runScript("tests/cli/process/fake_main.ts", ["backup.ts", ...args], options)

/** The JSON objects of stdout. */
export const rowsOf = ({ stdout }: Ended): ReadonlyArray<Readonly<Record<string, unknown>>> =>
  stdout.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))

/** Runs with a directory that is removed afterwards. */
export const inDirectory = async (use: (path: (name: string) => string) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), "penstock-cli-"))
  try {
    await use((name) => join(directory, name))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
