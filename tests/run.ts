/**
 * Runs the suite, all `*.test.ts` under tests/: `npm test`, `npm test -- --all`, `npm test -- chunk/ tree.test`.
 *
 * **Where a file runs.** On Node, Deno and Bun, but for portable files, which run on one of them. A file is portable
 * when it lies in tests/formats/ or tests/stages/, whose code imports no runtime (tests/layers.test.ts enforces that),
 * and is none of these:
 * - the contract of a port: it calls a `…Suite` of tests/suites/;
 * - vectors: its name or an import says `vectors`;
 * - one that asks which runtime it is on (`globalThis`), or skips in a way whose reason only Node tells (`skip:`, a
 *   suite by `skipIf`);
 * - in tests/stages/, one of kernels or with a runtime: it imports of `node:` more than test and assert, of adapters/
 *   more than stores.
 *
 * A line `// On every runtime: WHY`, `// On one runtime: WHY` or `// On Node: WHY` overrides the rule. The last is for
 * files that start the other runtimes themselves. The runtime of a portable file follows from its name and the day, so
 * that in three days each file runs on each. The day is printed; `--rotation N` repeats it. `--all`, or a part of a
 * path, runs all on all; `--runtime NAME` runs all on that one.
 *
 * **In what process.** Files that are expected to take less than three seconds share one with others of their folder on
 * the same runtime, unless they may change the process, such as its environment (any `process.…` but a few), start
 * servers, or have a line `// Alone: WHY`. A batch that is not clean
 * runs again, each file alone, so that a crash, a hang and a file without tests are told of that file; a batch whose
 * files all pass alone has failed still. The longest run first, by tests/runner/durations.json, which `--remember`
 * writes anew (each file in a process of its own); where it is stale, the run takes longer, and no more. `--jobs N` run
 * at a time, by default one more than there are processors, since some wait for servers; each is killed after
 * `--timeout SECONDS`.
 *
 * **What is printed.** One line per file; the full output of what failed; then every skip with its reason, the totals
 * per runtime, and as the very last line the totals of all: `N passed, N failed, N skipped`. Exits with 1 when a test
 * failed, when a process crashed, hung or ran no test, when a test was skipped without a reason, or when a runtime ran
 * no test at all.
 *
 * A skipped test needs a reason that is known on every runtime, but Deno and Bun do not report it. So:
 * - skipped everywhere (a program is missing): `{ skip: reason }`; the reason is read from Node's report;
 * - skipped on Deno or Bun only: `test(...skipIf(reason, "name"), …)` of tests/skip.ts, which puts the reason into the
 *   name;
 * - never `t.skip()` inside a test: Deno counts that as a pass (tests/layers.test.ts finds the calls).
 * Bun does not mention the tests of a skipped suite; Node's entries for them stand in.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join, relative, resolve } from "node:path"
import { parseArgs } from "node:util"
import { readDurations, rotated, type TestFile, testFiles, today, writeDurations } from "./runner/files.ts"
import { jobsOf } from "./runner/jobs.ts"
import { type FileRun, isClean, makeRunner } from "./runner/process.ts"
import { explained, skipLines } from "./runner/skips.ts"
import { type Runtime, runtimes } from "./runtimes/command.ts"
import type { TestResult } from "./runtimes/junit.ts"

const root = resolve(import.meta.dirname, "..")

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: "boolean", default: false },
    runtime: { type: "string", multiple: true, default: [] },
    rotation: { type: "string" },
    alone: { type: "boolean", default: false },
    remember: { type: "boolean", default: false },
    jobs: { type: "string", default: String(availableParallelism() + 1) },
    timeout: { type: "string", default: "300" },
    folder: { type: "string", default: join(root, "tests") },
  },
})
const chosen = runtimes.filter((runtime) => values.runtime.length === 0 || values.runtime.includes(runtime))
const everywhere = values.rotation === undefined && (values.all || values.runtime.length > 0 || positionals.length > 0)
const rotation = Number(values.rotation ?? today())
const files = testFiles(resolve(values.folder), readDurations())
  .filter(({ path }) => positionals.length === 0 || positionals.some((part) => relative(root, path).includes(part)))
const places = new Map(files.map((file): [TestFile, ReadonlyArray<Runtime>] => {
  const one = rotated(file.label, rotation)
  if (file.runsOn === "node") return [file, chosen.filter((runtime) => runtime === "node")]
  return [file, everywhere || file.runsOn === "every" ? chosen : chosen.filter((runtime) => runtime === one)]
}))

const count = (runs: ReadonlyArray<FileRun>, outcome: TestResult["outcome"]): number =>
  runs.reduce(
    (sum, run) =>
      sum + run.results.filter((one) => one.outcome === outcome).length +
      (outcome === "failed" ? run.faults.length : 0),
    0,
  )

const totals = (runs: ReadonlyArray<FileRun>): string =>
  `${count(runs, "passed")} passed, ${count(runs, "failed")} failed, ${count(runs, "skipped")} skipped`

const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** Prints the line of a file that has run everywhere, and what failed in it. */
const printFile = (label: string, runs: ReadonlyMap<Runtime, FileRun>): void => {
  const cells = [...runs].map(([runtime, run]) => {
    const [passed, failed, skipped] = [count([run], "passed"), count([run], "failed"), count([run], "skipped")]
    const parts = [`${passed}`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`]
    return `${runtime} ${parts.filter((part) => part !== false).join(", ")} (${run.seconds.toFixed(1)} s)`
  })
  print(`${label.padEnd(44)} ${cells.join("  ")}`)
  for (const [runtime, run] of runs) {
    if (isClean(run)) continue
    print(`---- ${label} on ${runtime}: output ----`)
    print(run.output.trimEnd())
    for (const { name, outcome } of run.results) if (outcome === "failed") print(`FAILED ${name}`)
    for (const fault of run.faults) print(`FAILED ${label} ${fault}`)
    print(`---- end ----`)
  }
}

/** Seconds of processor time of all children so far; nothing where Linux does not tell it. */
const processorSeconds = (): number | undefined => {
  try {
    // The name of the program, in brackets, may hold spaces. Field 16 and 17 of proc_pid_stat(5), in hundredths.
    const fields = readFileSync("/proc/self/stat", "utf8").replace(/\(.*\)/, "x").split(" ")
    return (Number(fields[15]) + Number(fields[16])) / 100
  } catch {
    return undefined
  }
}

const runner = makeRunner(root, Number(values.timeout))
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    runner.stop()
    process.exit(130)
  })
}

const main = async (): Promise<boolean> => {
  if (chosen.length === 0) throw new Error(`No such runtime: ${values.runtime.join(", ")}; there are ${runtimes}`)
  if (!Number.isInteger(rotation)) throw new Error(`--rotation takes a whole number, not ${values.rotation}`)
  const started = performance.now()
  const portable = files.filter((file) => file.runsOn === "one").length
  if (!everywhere && portable > 0) {
    print(`${portable} portable files on one runtime each; the same again: --rotation ${rotation}; all on all: --all`)
  }
  const queue = jobsOf(places, !values.alone && !values.remember)
  const running = new Map(files.map((file) => [file.path, new Map<Runtime, FileRun>()]))
  const done = new Map<string, ReadonlyMap<Runtime, FileRun>>()
  let next = 0
  const worker = async (): Promise<void> => {
    for (let job = queue[next++]; job !== undefined; job = queue[next++]) {
      const runs = await runner.run(job.runtime, job.files.map(({ path }) => path))
      for (const file of job.files) {
        const on = running.get(file.path)!.set(job.runtime, runs.get(file.path)!)
        if (on.size < places.get(file)!.length) continue
        // Without Node in this run nobody knows the reasons; a portable file has them in the names.
        const all = explained(
          new Map(chosen.flatMap((one) => on.has(one) ? [[one, on.get(one)!]] : [])),
          chosen.includes("node"),
        )
        done.set(file.label, all)
        printFile(file.label, all)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, worker))
  const skips = skipLines(new Map([...done].sort(([a], [b]) => a < b ? -1 : 1)))
  if (skips.length > 0) print(["\nSkipped:", ...skips].join("\n  "))
  print("")
  let good = true
  for (const runtime of chosen) {
    const runs = [...done.values()].flatMap((on) => on.get(runtime) ?? [])
    if (runs.length === 0 && positionals.length > 0 && done.size > 0) continue
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
  if (values.remember && good) writeDurations(done)
  const spent = processorSeconds()
  print(
    `all together   ${((performance.now() - started) / 1000).toFixed(1)} s, ${queue.length} processes` +
      (spent === undefined ? "" : `, ${spent.toFixed(0)} s of processor time`),
  )
  print(totals([...done.values()].flatMap((on) => [...on.values()])))
  return good
}

try {
  process.exitCode = await main() ? 0 : 1
} finally {
  runner.stop()
}
