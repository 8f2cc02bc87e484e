/**
 * Measures what a command costs, without root and without another program.
 *
 * - wall time: from the start of the process to its end.
 * - CPU time: what Linux adds to `cutime` and `cstime` in /proc/self/stat once a child and its descendants have ended,
 *   in steps of 10 ms.
 * - peak memory: `VmHWM` (the most that was resident at once) of the process and each descendant, read from /proc every
 *   20 ms and added up. Memory allocated in the last 20 ms can be missed. For several processes the sum is an upper
 *   bound, because their peaks may come at different times.
 *
 * On systems other than Linux, CPU time and memory are null.
 */
import { spawn } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import process, { platform } from "node:process"
import { ended, started } from "./scratch.ts"

/** A program with its arguments. */
export interface Command {
  readonly argv: readonly [string, ...ReadonlyArray<string>]
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Exit codes other than 0 that do not count as failure. */
  readonly accepted?: ReadonlyArray<number>
}

/** The cost of a command. */
export interface Cost {
  /** Wall time in seconds. */
  readonly seconds: number
  /** User and system time in seconds. */
  readonly cpu: number | null
  /** Peak memory in bytes. */
  readonly memory: number | null
}

/** Time between two looks at the memory of processes. */
const SAMPLE_MS = 20

/** CPU seconds of all children that have ended. A tick is 10 ms on every Linux that Node runs on. */
const cpuOfChildren = (): number => {
  const fields = readFileSync("/proc/self/stat", "latin1").replace(/^.*\) /s, "").split(" ")
  // cutime and cstime, fields 16 and 17; the first field left here is the third.
  return (Number(fields[13]) + Number(fields[14])) / 100
}

/** Notes the peak of a process and its descendants in `peaks`, by process ID. */
const sample = (pid: number, peaks: Map<number, number>): void => {
  try {
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))
    if (peak !== null) peaks.set(pid, Number(peak[1]) * 1024)
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").trim()
      if (children !== "") { for (const child of children.split(" ")) sample(Number(child), peaks) }
    }
  } catch {
    // The process has ended.
  }
}

/**
 * Runs a command to its end and drops its output. Only one may run at a time. If it does not exit with 0 or an accepted
 * code, rejects with the end of its stderr.
 */
export const measure = (command: Command): Promise<Cost> =>
  new Promise((resolve, reject) => {
    const linux = platform === "linux"
    const [program, ...args] = command.argv
    const peaks = new Map<number, number>()
    let errors = ""
    const cpu = linux ? cpuOfChildren() : 0
    const start = performance.now()
    const child = spawn(program, args, {
      cwd: command.cwd,
      env: { ...process.env, ...command.env },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    })
    started(child)
    const timer = linux && child.pid !== undefined ? setInterval(() => sample(child.pid!, peaks), SAMPLE_MS) : undefined
    let cost: Cost | undefined
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors = (errors + text).slice(-2000))
    child.on("error", (error) => {
      clearInterval(timer)
      reject(error)
    })
    child.on("exit", () => {
      clearInterval(timer)
      cost = {
        seconds: (performance.now() - start) / 1000,
        cpu: linux ? Math.round((cpuOfChildren() - cpu) * 100) / 100 : null,
        memory: peaks.size > 0 ? [...peaks.values()].reduce((sum, peak) => sum + peak, 0) : null,
      }
    })
    child.on("close", (code, signal) => {
      ended(child)
      if (cost !== undefined && (code === 0 || command.accepted?.includes(code ?? -1))) resolve(cost)
      else {reject(
          new Error(`${program.split("/").at(-1)} ${args[0] ?? ""} ended with ${code ?? signal}: ${errors.trim()}`),
        )}
    })
  })
