/**
 * The chunk index with 1, 10 and 100 million chunks, on each runtime: `npm run bench:index`. Options: bench/README.md.
 */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import type { Full, Reached } from "./index/reached.ts"
import { indexMarkdown, type IndexResults } from "./index/results.ts"
import { commit, machine } from "./machine.ts"
import { find, runOn, RUNTIMES, runtimesOf, versionOf } from "./programs.ts"
import { stopCleanly } from "./scratch.ts"
import { writeResults } from "./write.ts"

const { values } = parseArgs({
  options: {
    chunks: { type: "string", multiple: true, default: ["1e6", "1e7", "1e8"] },
    runtime: { type: "string", multiple: true, default: [...RUNTIMES] },
    name: { type: "string", default: "index" },
    out: { type: "string", default: join(import.meta.dirname, "results") },
    machine: { type: "string", default: "" },
    commit: { type: "string" },
    note: { type: "string", default: "" },
  },
})
const counts = values.chunks.map(Number).sort((a, b) => a - b)
if (counts.some((count) => !Number.isInteger(count) || count < 1 || count > 2 ** 31)) {
  throw new Error("--chunks must be a whole number from 1 to 2^31, such as 1e6")
}
const runtimes = runtimesOf(values.runtime)

stopCleanly()
const reached: Array<IndexResults["reached"][number]> = []
const full: Array<IndexResults["full"][number]> = []
for (const runtime of runtimes) {
  await runOn(runtime, "bench/index/measure.ts", counts.map(String), (value) => {
    const line = value as Reached | Full
    console.error(`${runtime}: ${line.type} ${line.chunks}`)
    if (line.type === "reached") {
      const { type: _, ...rest } = line
      reached.push({ runtime, ...rest })
    } else {
      const { type: _, ...rest } = line
      full.push({ runtime, ...rest })
    }
  })
}
const results: IndexResults = {
  name: values.name,
  date: new Date().toISOString(),
  machine: machine(values.machine, tmpdir()),
  commit: values.commit ?? commit(),
  command: [
    "node bench/index.ts",
    ...values.chunks.map((count) => `--chunks ${count}`),
    ...runtimes.map((runtime) => `--runtime ${runtime}`),
  ].join(" "),
  note: values.note,
  runtimes: runtimes.map((name) => ({ name, version: versionOf(find(name)!, "--version") })),
  reached,
  full,
}
writeResults(values.out, results, indexMarkdown(results))
