/**
 * Where a run keeps what it needs meanwhile, and how it leaves nothing behind.
 *
 * SIGINT, SIGTERM and SIGHUP end the programs that run, remove the folder, and end this process with 128 + the signal.
 * After SIGKILL, which cannot be caught, the folder stays until the next run with the same `--scratch`: its name has
 * the host and the process ID, so that run knows whom it belonged to.
 */
import type { ChildProcess } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { constants, hostname } from "node:os"
import { join } from "node:path"
import process from "node:process"

/** Of the folders of this host: processes elsewhere have other numbers. */
const PREFIX = `penstock-bench-${hostname()}-`

const children = new Set<ChildProcess>()
const folders = new Set<string>()

/** A program runs, as leader of a process group of its own. */
export const started = (child: ChildProcess): void => void children.add(child)
export const ended = (child: ChildProcess): void => void children.delete(child)

const stop = (signal: "SIGINT" | "SIGTERM" | "SIGHUP"): void => {
  for (const { pid } of children) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL")
    } catch {
      // It has ended meanwhile.
    }
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  console.error(`Stopped by ${signal}; no results are written, and nothing is left${from()}`)
  process.exit(128 + constants.signals[signal])
}
const from = (): string => folders.size === 0 ? "" : ` in ${[...folders].join(", ")}`

let listening = false
/** From here on, a signal ends the programs that run and removes what is in scratch folders. */
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

/** Hands a fresh folder in `parent` to `use` and removes it after, and those that killed runs left there before. */
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
