/**
 * Skipped tests and their reasons. Deno and Bun do not report these: the name of the test or Node's run of the same
 * file has them.
 */
import type { Runtime } from "../runtimes/command.ts"
import type { TestResult } from "../runtimes/junit.ts"
import type { FileRun } from "./process.ts"

const inName = / \[skip: (.+)\]$/

/** Completes the runs of one file: each skip has its reason, and each that has none is a fault. */
export const explained = (runs: ReadonlyMap<Runtime, FileRun>, everyReason: boolean): Map<Runtime, FileRun> => {
  const node = runs.get("node")?.results.filter((one) => one.outcome === "skipped") ?? []
  const known = new Map(node.map((one) => [one.name, one.reason]))
  return new Map([...runs].map(([runtime, run]) => {
    const results = run.results.map((one): TestResult => {
      if (one.outcome !== "skipped" || one.reason !== undefined) return one
      const reason = inName.exec(one.name)?.[1] ?? known.get(one.name)
      return reason === undefined ? one : { ...one, reason }
    })
    // Bun does not mention the tests of a skipped suite.
    if (runtime === "bun") results.push(...node.filter(({ name }) => !results.some((one) => one.name === name)))
    const faults = run.faults.filter((fault) => !(fault.startsWith("ran no test") && results.length > 0))
    const unexplained = results.filter((one) => everyReason && one.outcome === "skipped" && one.reason === undefined)
    return [runtime, {
      ...run,
      results,
      faults: [...faults, ...unexplained.map(({ name }) => `skips "${name}" without a reason (see tests/skip.ts)`)],
    }]
  }))
}

/** A line for each skip: the test, why, and where. */
export const skipLines = (all: ReadonlyMap<string, ReadonlyMap<Runtime, FileRun>>): ReadonlyArray<string> => {
  const where = new Map<string, Array<Runtime>>()
  for (const [label, runs] of all) {
    for (const [runtime, { results }] of runs) {
      for (const { name, outcome, reason } of results) {
        if (outcome !== "skipped") continue
        const why = reason ?? (runs.has("node") ? "NO REASON GIVEN" : "only a run on Node tells why")
        const line = `${label} > ${name.replace(inName, "")}: ${why}`
        where.set(line, [...where.get(line) ?? [], runtime])
      }
    }
  }
  return [...where].map(([line, on]) => `${line} (${on.join(", ")})`)
}
