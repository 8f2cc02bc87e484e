// On Node: it measures what is the same everywhere.
import assert from "node:assert/strict"
import { test } from "node:test"
import { fewFiles } from "../../bench/catalogs/corpus.ts"
import { LAYOUTS } from "../../bench/catalogs/layouts.ts"
import { measureAdded, measureRead } from "../../bench/catalogs/measure.ts"
import { catalogsMarkdown } from "../../bench/catalogs/results.ts"
import { CATALOG_SLICES } from "../../stages/catalog/slices/slices.ts"
import { run } from "./run_sample.ts"

test("a run with 20 changed files among 5,000 adds 25 kB of catalog at most, a directory needs 100 kB", async () => {
  const block = 16 << 10
  const [added] = await measureAdded(fewFiles(), LAYOUTS[0]!, 4096, 3, [CATALOG_SLICES], block)
  assert.ok(added!.run > 5000 && added!.run < 25_000, `${added!.run} bytes`)
  const read = await measureRead(fewFiles(), 4096, [0, 3], CATALOG_SLICES, block, [0])
  for (const { bytes, command, requests, runs } of read) {
    if (command !== "ls DIR") continue
    assert.ok(bytes > 10_000 && bytes < 100_000, `${bytes} bytes after ${runs} runs`)
    assert.ok(requests >= 3 && requests <= 12, `${requests} requests after ${runs} runs`)
  }
  assert.match(catalogsMarkdown({ ...run, name: "catalogs", added: [added!], read }), /\| 5,000 files after 3 runs, /)
})
