/**
 * The temporary folder of a run, which is always removed.
 *
 * SIGINT, SIGTERM and SIGHUP end the programs that run, remove the folder, and end this process with 128 + the signal.
 * SIGKILL cannot be caught, so the folder then stays until the next run with the same `--scratch`. Its name has the
 * host and the process ID, so the next run can tell that its owner is gone.
 *
 * The state of this module belongs to the process, as signals do: the programs that run, and the folders that exist.
 */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { constants, hostname } from "node:os"
import { join } from "node:path"
import process from "node:process"

/** Begins the names of the folders of this host. Process IDs of other hosts mean nothing here. */
const PREFIX = `penstock-bench-${hostname()}-`

const children = new Set<ChildProcess>()
const folders = new Set<string>()

/** A program has started, as leader of its own process group: a signal must end it. */
export const started = (child: ChildProcess): void => void children.add(child)
/** The program has ended. */
export const ended = (child: ChildProcess): void => void children.delete(child)

const stop = (signal: "SIGINT" | "SIGTERM" | "SIGHUP"): void => {
  for (const { pid } of children) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL")
    } catch {
      // The process has ended.
    }
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  console.error(`Stopped by ${signal}: no results were written, and all temporary files were removed${from()}`)
  process.exit(128 + constants.signals[signal])
}
const from = (): string => folders.size === 0 ? "" : ` from ${[...folders].join(", ")}`

let listening = false
/** From now on, a signal ends the programs that run and removes the temporary folders. */
export const stopCleanly = (): void => {
  if (listening) return
  listening = true
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(signal))
}

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as { code?: string }).code === "EPERM"
  }
}

/**
 * Runs `use` with a new folder in `parent`, and removes the folder afterwards. First removes folders that killed runs
 * left in `parent`.
 */
export const withScratch = async <A>(parent: string, use: (folder: string) => A | Promise<A>): Promise<A> => {
  stopCleanly()
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(PREFIX) ? /^\d+(?=-)/.exec(name.slice(PREFIX.length))?.[0] : undefined
    if (pid !== undefined && !alive(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true })
  }
  const folder = mkdtempSync(join(parent, `${PREFIX}${process.pid}-`))
  folders.add(folder)
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    folders.delete(folder)
  }
}
