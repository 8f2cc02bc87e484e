/** Commands that run a test file on each runtime and write a JUnit report. */
import { join } from "node:path"

/** The runtimes that the suite runs on. */
export const runtimes = ["node", "deno", "bun"] as const

/** The name of a runtime, which is also that of its command. */
export type Runtime = (typeof runtimes)[number]

/** Begins the line about an error outside any test on Deno. */
export const uncaughtMark = "Uncaught outside of any test:"

/** Begins the name of the suite with the tests of one file of a batch (tests/runtimes/batch.ts). */
export const batchMark = "= "

/**
 * Arguments that run `file`, write the report to `report` and readable results to stdout. The paths are absolute.
 *
 * Node runs the file itself. `node --test file` would pass a file that calls `process.exit(0)` in its first test. Bun's
 * limit of 5 seconds per test is lifted; the runner limits the time of the whole file on all three.
 */
export const argumentsFor = (runtime: Runtime, root: string, file: string, report: string): readonly string[] => {
  switch (runtime) {
    case "node":
      return [
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=junit",
        `--test-reporter-destination=${report}`,
        file,
      ]
    case "deno":
      return [
        "test",
        "-A",
        "--no-check",
        `--preload=${join(root, "tests/runtimes/deno_preload.ts")}`,
        `--junit-path=${report}`,
        file,
      ]
    case "bun":
      return ["test", "--timeout=3600000", "--reporter=junit", `--reporter-outfile=${report}`, file]
  }
}
