import assert from "node:assert/strict"
import { test } from "node:test"
import { plot } from "../../bench/plot.ts"
import { markdown, ratioOf, type Results } from "../../bench/results.ts"
import { spread } from "../../bench/spread.ts"
import type { Sample } from "../../bench/rounds.ts"
import { run } from "./run_sample.ts"

const sample = (tool: string, seconds: ReadonlyArray<readonly [number, number]>): Sample => ({
  corpus: "small",
  tool,
  work: "backup",
  costs: seconds.map(([round, seconds]) => ({ round, seconds, cpu: null, memory: null })),
})

const results: Results = {
  ...run,
  seed: "1",
  runs: 3,
  cold: false,
  tools: [
    { name: "base", kind: "penstock", version: "1.0" },
    { name: "a<b", kind: "peer", version: "2.0" },
    { name: "failed", kind: "peer", version: "3.0", lost: ["owners"] },
    { name: "other", kind: "peer", version: "4.0", lost: ["owners"] },
  ],
  missing: [{ name: "borg", missing: "borg not found" }],
  corpora: [{ name: "small", scale: 1, files: 1, bytes: 1 }],
  samples: [sample("base", [[1, 1], [2, 2], [3, 4]]), sample("a<b", [[1, 3], [2, 4], [3, 4]])],
  stored: [{ corpus: "small", tool: "base", first: 1, edited: 1, catalog: null }],
  faults: ["failed restored something else"],
}

test("ratios compare costs of the same round: their median is not the ratio of the medians", () => {
  assert.deepEqual(ratioOf(results, "small", "a<b", "backup"), { min: 1, median: 2, max: 3 })
  assert.equal(ratioOf(results, "small", "failed", "backup"), undefined)
  assert.equal(ratioOf(results, "small", "a<b", "check"), undefined)
  assert.deepEqual(spread([4, 1]), { min: 1, median: 2.5, max: 4 })
})

test("the report names what is missing, what failed and what is not kept", () => {
  const report = markdown(results)
  assert.match(report, /borg \(borg not found\)/)
  assert.match(report, /failed restored something else/)
  assert.match(report, /\*\*Not kept by failed, other, so not compared:\*\* owners/)
  assert.match(report, /\| a<b \| \*\*2\.00\*\* \(1\.00–3\.00\) \|/)
})

test("the plot has a bar for each ratio, and escapes names", () => {
  const svg = plot(results)
  assert.equal(svg.match(/<title>/g)?.length, 1)
  assert.match(svg, /<title>a&lt;b: 2\.00<\/title>/)
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
})
