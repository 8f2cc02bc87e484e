/** Runs the command as a process of the runtime that runs the test. */
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"

/** How a run ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How to run it. */
export interface SpawnOptions {
  /** Beside `PATH` and `HOME`; by default the password `secret`. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Called when the process runs. */
  readonly started?: (child: ReturnType<typeof spawn>) => void
}

const fakeMain = fileURLToPath(new URL("./fake_main.ts", import.meta.url).href)
const runtimeArguments = "Deno" in globalThis ? ["run", "-A"] : []

/** Runs a TypeScript file. */
export const runScript = (
  script: string,
  args: ReadonlyArray<string>,
  { env = { PENSTOCK_PASSWORD: "secret" }, input, started }: SpawnOptions = {},
): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...runtimeArguments, script, ...args], {
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "/", ...env },
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
  runScript(fakeMain, ["penstock", ...args], options)

/** Runs `backup.ts` with the fake format. */
export const backupScript = (args: ReadonlyArray<string>, options?: SpawnOptions): Promise<Ended> =>
  runScript(fakeMain, ["backup.ts", ...args], options)

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
