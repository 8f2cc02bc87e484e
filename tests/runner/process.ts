/** Runs test files in a process of a runtime, and tells what became of each. */
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import process from "node:process"
import { argumentsFor, batchMark, type Runtime, uncaughtMark } from "../runtimes/command.ts"
import { parseJunit, type TestResult } from "../runtimes/junit.ts"

/** What became of one file on one runtime. */
export interface FileRun {
  readonly results: ReadonlyArray<TestResult>
  /** What is wrong beside failed tests, each a sentence; counted as failed tests. */
  readonly faults: ReadonlyArray<string>
  readonly output: string
  /** Of a batch, its share. */
  readonly seconds: number
}

/** Whether every test passed or was skipped, and nothing else is wrong. */
export const isClean = ({ faults, results }: FileRun): boolean =>
  faults.length === 0 && results.every(({ outcome }) => outcome !== "failed")

/** Processes that run the tests of one checkout. */
export interface Runner {
  /** Runs files, given by absolute path, in one process; those of a batch that is not clean again, each alone. */
  readonly run: (runtime: Runtime, files: ReadonlyArray<string>) => Promise<ReadonlyMap<string, FileRun>>
  /** Kills what runs, and removes what is left of it. */
  readonly stop: () => void
}

/** A runner for a checkout. A process that does not end within `timeout` seconds is killed. */
export const makeRunner = (root: string, timeout: number): Runner => {
  const scratch = mkdtempSync(join(tmpdir(), "penstock-tests-"))
  const environment = {
    ...process.env,
    PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
    NO_COLOR: "1",
    FORCE_COLOR: undefined,
    NODE_TEST_CONTEXT: undefined,
    DENO_NO_UPDATE_CHECK: "1",
    NODE_NO_WARNINGS: "1",
    // Node strips the types of each module once in a run, and not once in each process.
    NODE_COMPILE_CACHE: join(scratch, "node"),
  }
  const children = new Set<number>()
  let reports = 0

  const start = (runtime: Runtime, entry: string, files: string): Promise<FileRun> =>
    new Promise((done) => {
      const started = performance.now()
      const report = join(scratch, `${reports++}.xml`)
      // Commands remember repositories here, also where a test says nothing of it: never in what is the developer's
      // own.
      const state = join(scratch, `state-${reports}`)
      const command = join(root, "node_modules/.bin", runtime)
      const child = spawn(command, argumentsFor(runtime, root, entry, report), {
        cwd: root,
        env: { ...environment, PENSTOCK_TEST_FILES: files, XDG_STATE_HOME: state, PENSTOCK_TESTS_STATE: state },
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      })
      if (child.pid !== undefined) children.add(child.pid)
      let output = ""
      const collect = (text: string): void => {
        if (output.length < 1 << 20) output += text
      }
      child.stdout.setEncoding("utf8").on("data", collect)
      child.stderr.setEncoding("utf8").on("data", collect)
      const faults: Array<string> = []
      const timer = setTimeout(() => {
        faults.push(`did not end within ${timeout} s and was killed`)
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
      }, timeout * 1000)
      child.on("error", (error) => faults.push(`could not start ${command}: ${error.message}`))
      child.on("close", (code, signal) => {
        clearTimeout(timer)
        if (child.pid !== undefined) children.delete(child.pid)
        let xml = ""
        try {
          xml = readFileSync(report, "utf8")
        } catch {
          // No report: the file crashed, exited, or has no tests.
        }
        const results = parseJunit(xml)
        const failed = results.some((one) => one.outcome === "failed")
        if (faults.length === 0 && !failed) {
          if (code !== 0) faults.push(signal === null ? `exited with code ${code}` : `was killed by ${signal}`)
          else if (results.length === 0) faults.push("ran no test, or ended before its report was written")
        }
        if (output.includes(uncaughtMark)) faults.push("threw outside of any test")
        done({ results, faults, output, seconds: (performance.now() - started) / 1000 })
      })
    })

  const alone = (runtime: Runtime, file: string): Promise<FileRun> => start(runtime, file, "")

  const run: Runner["run"] = async (runtime, files) => {
    if (files.length === 1) return new Map([[files[0]!, await alone(runtime, files[0]!)]])
    const batch = await start(runtime, join(root, "tests/runtimes/batch.ts"), files.join("\n"))
    const runs = new Map(files.map((file) => [file, partOf(batch, file, files.length)]))
    if (isClean(batch) && [...runs.values()].every(({ results }) => results.length > 0)) return runs
    // A report of several files does not tell who crashed, who hung, and who ran nothing: each has to show it alone.
    for (const file of files) runs.set(file, await alone(runtime, file))
    if ([...runs.values()].every(isClean)) {
      const part = (file: string): FileRun => partOf(batch, file, 1)
      const blamed = files.find((file) => !isClean(part(file))) ??
        files.find((file) => part(file).results.length === 0) ?? files[0]!
      const failed = batch.results.filter(({ outcome }) => outcome === "failed").map(({ name }) => name)
      const what = [...batch.faults, ...failed].join("; ") || "it ran no test there"
      const fault = `passes alone, but not in one process with its neighbours (see "Alone" in tests/run.ts): ${what}`
      runs.set(blamed, { ...runs.get(blamed)!, faults: [fault], output: batch.output })
    }
    return runs
  }

  return {
    run,
    stop: () => {
      for (const pid of children) process.kill(-pid, "SIGKILL")
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

/** What a batch says of one of its files. */
const partOf = (batch: FileRun, file: string, files: number): FileRun => {
  const mark = `${batchMark}${file} > `
  const results = batch.results.filter(({ name }) => name.startsWith(mark))
    .map((one) => ({ ...one, name: one.name.slice(mark.length) }))
  return { results, faults: [], output: "", seconds: batch.seconds / files }
}
