import assert from "node:assert/strict"
import { test } from "node:test"
import { indexMarkdown, type IndexResults, verdicts } from "../../bench/index/results.ts"
import { json } from "../../bench/write.ts"
import { run } from "./run_sample.ts"

const reached = {
  runtime: "node",
  chunks: 1_000_000,
  grown: true,
  buffer: 15_000_000,
  peakPerChunk: 20,
  resident: 17_000_000,
  residentPeakPerChunk: 21,
  presized: null,
  insert: 100,
  hit: 50,
  miss: 60,
  longestGrowing: 1,
  longestOther: 2,
} as const

const results: IndexResults = {
  ...run,
  runtimes: [{ name: "node", version: "24" }, { name: "bun", version: "1" }],
  reached: [reached, { ...reached, runtime: "bun", buffer: 16_000_000 }],
  full: [{ runtime: "bun", chunks: 2_000_000, buffer: 2 ** 30, message: "no more" }],
}

test("the verdict is that of the worst runtime, with and without growth", () => {
  assert.deepEqual(verdicts(results), [
    "1 million chunks: 16.0 bytes each (within the target of 16), 20.0 at the worst moment of growing (over)",
  ])
  const report = indexMarkdown(results)
  assert.match(report, /\*\*Full\*\* on bun after 2 million chunks, with a buffer of 1024 MiB: no more/)
  assert.match(report, /\| node \| 15\.0 \| 20\.0 \| 17\.0 \| 21\.0 \| impossible \|/)
})

test("JSON of results can be read back, and has a line for each element of a list", () => {
  const text = json(results)
  assert.deepEqual(JSON.parse(text), results)
  assert.equal(text.split("\n").filter((line) => line.includes('"insert"')).length, 2)
})
