/**
 * Runs the suite, all `*.test.ts` under tests/, on Node, Deno and Bun: `npm test`, `npm test -- --runtime deno`, `npm test -- chunk/ tree.test`.
 *
 * Each file runs in a process of its own on each runtime, a few at a time (`--jobs N`, by default one more than there are processors, since some
 * wait for servers), and is killed after `--timeout SECONDS`.
 * One line per file; the full output of what failed; then every skip with its reason, the totals per runtime, and as the very last
 * line the totals of all: `N passed, N failed, N skipped`. Exits with 1 when a test failed, when a process crashed, hung or ran no test,
 * when a test was skipped without a reason, or when a runtime ran no test at all.
 *
 * A skipped test needs a reason that is known on every runtime, but Deno and Bun do not report it. So:
 * - skipped everywhere (a program is missing): `{ skip: reason }`; the reason is read from Node's report;
 * - skipped on Deno or Bun only: `test(...skipIf(reason, "name"), …)` of tests/skip.ts, which puts the reason into the name;
 * - never `t.skip()` inside a test: Deno counts that as a pass (tests/layers.test.ts finds the calls).
 * Bun does not mention the tests of a skipped suite; Node's entries for them stand in.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { delimiter, join, relative, resolve } from "node:path"
import { parseArgs } from "node:util"
import { argumentsFor, type Runtime, runtimes, uncaughtMark } from "./runtimes/command.ts"
import { parseJunit, type TestResult } from "./runtimes/junit.ts"

interface FileRun {
  readonly results: readonly TestResult[]
  /** What is wrong beside failed tests, each a sentence; counted as failed tests. */
  readonly faults: readonly string[]
  readonly output: string
  readonly seconds: number
}

const root = resolve(import.meta.dirname, "..")

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: "string", multiple: true, default: [] },
    jobs: { type: "string", default: String(availableParallelism() + 1) },
    timeout: { type: "string", default: "300" },
    folder: { type: "string", default: join(root, "tests") },
  },
})
const chosen = runtimes.filter((runtime) => values.runtime.length === 0 || values.runtime.includes(runtime))
const folder = resolve(values.folder)
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => join(folder, path))
  .filter((path) => positionals.length === 0 || positionals.some((part) => relative(root, path).includes(part)))
  .sort()

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
const stop = (): void => {
  for (const pid of children) process.kill(-pid, "SIGKILL")
  rmSync(scratch, { recursive: true, force: true })
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    stop()
    process.exit(130)
  })
}

const label = (file: string): string => relative(resolve(folder, ".."), file)

const runFile = (runtime: Runtime, file: string): Promise<FileRun> =>
  new Promise((done) => {
    const started = performance.now()
    const report = join(scratch, `${runtime}-${files.indexOf(file)}.xml`)
    const command = join(root, "node_modules/.bin", runtime)
    const child = spawn(command, argumentsFor(runtime, root, file, report), {
      cwd: root,
      env: environment,
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
    const faults: string[] = []
    const timer = setTimeout(() => {
      faults.push(`did not end within ${values.timeout} s and was killed`)
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
    }, Number(values.timeout) * 1000)
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

/** Completes the skips of a run on Deno or Bun from Node's run of the same file. */
const complete = (run: FileRun, node: FileRun | undefined, runtime: Runtime): FileRun => {
  const known = new Map(node?.results.filter((one) => one.outcome === "skipped").map((one) => [one.name, one.reason]))
  const results = run.results.map((one): TestResult => {
    if (one.outcome !== "skipped" || one.reason !== undefined) return one
    const reason = / \[skip: (.+)\]$/.exec(one.name)?.[1] ?? known.get(one.name)
    return reason === undefined ? one : { ...one, reason }
  })
  if (runtime === "bun") {
    for (const one of node?.results ?? []) {
      if (one.outcome === "skipped" && !results.some(({ name }) => name === one.name)) results.push(one)
    }
  }
  // Without Node in this run nobody knows the reasons.
  const unexplained = chosen.includes("node")
    ? results.filter((one) => one.outcome === "skipped" && one.reason === undefined)
    : []
  const faults = run.faults.filter((fault) => !(fault.startsWith("ran no test") && results.length > 0))
  return {
    ...run,
    results,
    faults: [...faults, ...unexplained.map(({ name }) => `skips "${name}" without a reason (see tests/skip.ts)`)],
  }
}

const count = (runs: readonly FileRun[], outcome: TestResult["outcome"]): number =>
  runs.reduce(
    (sum, run) =>
      sum + run.results.filter((one) => one.outcome === outcome).length +
      (outcome === "failed" ? run.faults.length : 0),
    0,
  )

const totals = (runs: readonly FileRun[]): string =>
  `${count(runs, "passed")} passed, ${count(runs, "failed")} failed, ${count(runs, "skipped")} skipped`

const print = (text: string): void => void process.stdout.write(`${text}\n`)

const all = new Map<Runtime, Map<string, FileRun>>(chosen.map((runtime) => [runtime, new Map()]))

/** Prints the line of a file that has run everywhere, and what failed in it. */
const reportFile = (file: string): void => {
  const cells: string[] = []
  for (const runtime of chosen) {
    const node = all.get("node")?.get(file)
    const run = complete(all.get(runtime)!.get(file)!, node, runtime)
    all.get(runtime)!.set(file, run)
    const [passed, failed, skipped] = [count([run], "passed"), count([run], "failed"), count([run], "skipped")]
    const parts = [`${passed}`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`]
    cells.push(`${runtime} ${parts.filter((part) => part !== false).join(", ")} (${run.seconds.toFixed(1)} s)`)
  }
  print(`${label(file).padEnd(44)} ${cells.join("  ")}`)
  for (const runtime of chosen) {
    const run = all.get(runtime)!.get(file)!
    if (count([run], "failed") === 0) continue
    print(`---- ${label(file)} on ${runtime}: output ----`)
    print(run.output.trimEnd())
    for (const { name, outcome } of run.results) if (outcome === "failed") print(`FAILED ${name}`)
    for (const fault of run.faults) print(`FAILED ${label(file)} ${fault}`)
    print(`---- end ----`)
  }
}

const reportSkips = (): void => {
  const where = new Map<string, Runtime[]>()
  for (const [runtime, runs] of all) {
    for (const [file, run] of runs) {
      for (const { name, outcome, reason } of run.results) {
        if (outcome !== "skipped") continue
        const bare = name.replace(/ \[skip: .+\]$/, "")
        const key = `${label(file)} > ${bare}: ${
          reason ?? (chosen.includes("node") ? "NO REASON GIVEN" : "only a run on Node tells why")
        }`
        where.set(key, [...where.get(key) ?? [], runtime])
      }
    }
  }
  if (where.size > 0) print("\nSkipped:")
  for (const [key, on] of where) print(`  ${key} (${on.join(", ")})`)
}

const main = async (): Promise<boolean> => {
  if (chosen.length === 0) throw new Error(`No such runtime: ${values.runtime.join(", ")}; there are ${runtimes}`)
  const started = performance.now()
  const queue = files.flatMap((file) => chosen.map((runtime) => ({ file, runtime })))
  let next = 0
  let reported = 0
  const worker = async (): Promise<void> => {
    for (let job = queue[next++]; job !== undefined; job = queue[next++]) {
      all.get(job.runtime)!.set(job.file, await runFile(job.runtime, job.file))
      while (reported < files.length && chosen.every((runtime) => all.get(runtime)!.has(files[reported]!))) {
        reportFile(files[reported++]!)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker))
  reportSkips()
  print("")
  let good = true
  for (const [runtime, byFile] of all) {
    const runs = [...byFile.values()]
    const version = spawnSync(join(root, "node_modules/.bin", runtime), ["--version"], { encoding: "utf8" })
    const number = /\d+\.\d+\.\d+/.exec(version.stdout ?? "")?.[0] ?? "?"
    const seconds = runs.reduce((sum, run) => sum + run.seconds, 0).toFixed(1)
    print(`${`${runtime} ${number}`.padEnd(14)} ${totals(runs)} (${runs.length} files, ${seconds} s)`)
    if (count(runs, "failed") > 0) good = false
    // With a filter it may be right that all that was asked for is skipped.
    const ran = count(runs, "passed") + count(runs, "failed") + (positionals.length > 0 ? count(runs, "skipped") : 0)
    if (ran === 0) {
      print(`FAILED ${runtime} ran no test at all`)
      good = false
    }
  }
  print(`all together   ${((performance.now() - started) / 1000).toFixed(1)} s`)
  print(totals([...all.values()].flatMap((byFile) => [...byFile.values()])))
  return good
}

try {
  process.exitCode = await main() ? 0 : 1
} finally {
  stop()
}
