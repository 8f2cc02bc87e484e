/** Each kernel, portable and native, on each runtime: `npm run bench:kernels`. Options: bench/README.md. */
import assert from "node:assert/strict"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Group, GROUPS, type Line } from "./kernels/bench.ts"
import { chunkSizes } from "./kernels/chunk_sizes.ts"
import { kernelPlot } from "./kernels/plot.ts"
import { kernelMarkdown, type KernelResults } from "./kernels/results.ts"
import { commit, machine } from "./machine.ts"
import { find, runOn, type Runtime, RUNTIMES, runtimesOf, versionOf } from "./programs.ts"
import { withScratch } from "./scratch.ts"
import { writeResults } from "./write.ts"

const FILE = "bench/kernels/measure.ts"

const { values } = parseArgs({
  options: {
    kernel: { type: "string", multiple: true, default: [...GROUPS] },
    runtime: { type: "string", multiple: true, default: [...RUNTIMES] },
    rounds: { type: "string", default: "7" },
    ms: { type: "string", default: "100" },
    entries: { type: "string", default: "50000" },
    scale: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    name: { type: "string", default: "kernels" },
    out: { type: "string", default: join(import.meta.dirname, "results") },
    scratch: { type: "string", default: tmpdir() },
    machine: { type: "string", default: "" },
    commit: { type: "string" },
    note: { type: "string", default: "" },
  },
})
const effort = { rounds: Number(values.rounds), ms: Number(values.ms), entries: Number(values.entries) }
const scale = Number(values.scale)
if (!(effort.rounds >= 1) || !(effort.ms > 0) || !(effort.entries >= 100) || !(scale > 0)) {
  throw new Error("--rounds must be at least 1, --entries at least 100, and --ms and --scale above 0")
}
const odd = values.kernel.find((kernel) => !(GROUPS as ReadonlyArray<string>).includes(kernel))
if (odd !== undefined) throw new Error(`${odd} is not one of ${GROUPS.join(", ")}`)
const groups = values.kernel as ReadonlyArray<Group>
const runtimes = runtimesOf(values.runtime)

await withScratch(values.scratch, async (scratch) => {
  console.error("Comparing outputs")
  const digests = new Map<string, string>()
  for (const runtime of runtimes) {
    await runOn(runtime, FILE, ["compare", ...groups], (value) => {
      const line = value as Line
      if (line.type !== "output") return
      const digest = digests.get(line.what) ?? line.digest
      digests.set(line.what, digest)
      assert.equal(line.digest, digest, `${line.what}: ${runtime} and ${runtimes[0]} disagree`)
    })
  }

  const speeds: Array<KernelResults["speeds"][number]> = []
  const absent: Array<{ runtime: Runtime; what: string }> = []
  for (const group of groups) {
    for (const runtime of runtimes) {
      console.error(`${group} on ${runtime}`)
      await runOn(runtime, FILE, [values.rounds, values.ms, values.entries, group], (value) => {
        const { type, ...line } = value as Line
        if (type === "speed") speeds.push({ runtime, ...line as Omit<KernelResults["speeds"][number], "runtime"> })
        else if (type === "absent") absent.push({ runtime, what: (line as { what: string }).what })
      })
    }
  }
  if (groups.includes("chunk")) console.error("Measuring the sizes of chunks")
  const results: KernelResults = {
    name: values.name,
    date: new Date().toISOString(),
    machine: machine(values.machine, values.scratch),
    commit: values.commit ?? commit(),
    command: [
      "npm run bench:kernels --",
      ...groups.length === GROUPS.length ? [] : groups.map((group) => `--kernel ${group}`),
      ...runtimes.map((runtime) => `--runtime ${runtime}`),
      `--rounds ${effort.rounds} --ms ${effort.ms} --entries ${effort.entries} --scale ${scale}`,
    ].join(" "),
    note: values.note,
    effort,
    runtimes: runtimes.map((name) => ({ name, version: versionOf(find(name)!, "--version") })),
    speeds,
    absent,
    chunking: groups.includes("chunk")
      ? { seed: values.seed, scale, found: chunkSizes(scratch, values.seed, scale) }
      : null,
  }
  writeResults(values.out, results, kernelMarkdown(results), kernelPlot(results))
})
