/**
 * Catalogs in slices: what a run adds, and what a command fetches. `npm run bench:catalogs`. Options: bench/README.md.
 */
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { CATALOG_SLICES, type SliceLayout } from "../stages/catalog/slices/slices.ts"
import { type Corpus, fewFiles, manyFiles } from "./catalogs/corpus.ts"
import { LAYOUTS } from "./catalogs/layouts.ts"
import { type Added, measureAdded, measureRead, type Read } from "./catalogs/measure.ts"
import { catalogsMarkdown, type CatalogsResults } from "./catalogs/results.ts"
import { commit, machine } from "./machine.ts"
import { writeResults } from "./write.ts"

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "300000" },
    runs: { type: "string", default: "250" },
    name: { type: "string", default: "catalogs" },
    out: { type: "string", default: join(import.meta.dirname, "results") },
    machine: { type: "string", default: "" },
    commit: { type: "string" },
    note: { type: "string", default: "" },
  },
})
const files = Number(values.files)
const runs = Number(values.runs)
if (![files, runs].every((n) => Number.isInteger(n) && n > 0)) throw new Error("--files and --runs must be counts")

/** Bytes of a block of a catalog, before it is compressed. */
const BLOCK = 16 << 10
/** How many runs the mean of what a run adds is of. */
const RUNS = 10

const slices = (changes: Partial<SliceLayout>): SliceLayout => ({ ...CATALOG_SLICES, ...changes })
const corpora: ReadonlyArray<() => Corpus> = [fewFiles, () => manyFiles(files)]
const added: Array<Added> = []
const read: Array<Read> = []
const tell = (what: string): void => console.error(what)

for (const make of corpora) {
  const measure = async (layout: typeof LAYOUTS[number], page: number, all: ReadonlyArray<SliceLayout>) => {
    const corpus = make()
    tell(`${corpus.name}, ${layout.name}, pages of ${page}`)
    added.push(...await measureAdded(corpus, layout, page, RUNS, all, BLOCK))
  }
  for (const page of [1024, 2048, 4096]) {
    await measure(LAYOUTS[0]!, page, [512, 1024, 2048, 4096].map((sliceBytes) => slices({ sliceBytes })))
  }
  await measure(LAYOUTS[0]!, 4096, [
    ...[8, 16, 32, 64].map((fanOut) => slices({ fanOut })),
    ...[16, 64, 256].map((topNames) => slices({ topNames })),
    slices({ nameBytes: 16 }),
  ])
  for (const layout of LAYOUTS.slice(1)) {
    for (const page of [1024, 4096]) {
      await measure(
        layout,
        page,
        [512, 1024].map((sliceBytes) => slices({ sliceBytes })),
      )
    }
  }
}
const reading = async (
  make: () => Corpus,
  page: number,
  block: number,
  after: number,
  whole: ReadonlyArray<number>,
) => {
  const corpus = make()
  tell(`${corpus.name}, pages of ${page}, blocks of ${block}: reading`)
  read.push(...await measureRead(corpus, page, [0, after], slices({}), block, whole))
}
for (const page of [1024, 2048, 4096]) await reading(() => manyFiles(files), page, BLOCK, Math.min(runs, 50), [0])
await reading(() => manyFiles(files), 4096, 64 << 10, Math.min(runs, 50), [0])
for (const page of [1024, 4096]) await reading(fewFiles, page, BLOCK, runs, [0, 64 << 10])

const results: CatalogsResults = {
  name: values.name,
  date: new Date().toISOString(),
  machine: machine(values.machine, tmpdir()),
  commit: values.commit ?? commit(),
  command: `node bench/catalogs.ts --files ${files} --runs ${runs}`,
  note: values.note,
  added,
  read,
}
writeResults(values.out, results, catalogsMarkdown(results))
