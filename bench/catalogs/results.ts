/** A report on catalogs in slices. */
import { CATALOG_SLICES } from "../../stages/catalog/slices/slices.ts"
import type { Run } from "../machine.ts"
import { binary, table } from "../markdown.ts"
import type { Added, Read } from "./measure.ts"

export interface CatalogsResults extends Run {
  readonly added: ReadonlyArray<Added>
  readonly read: ReadonlyArray<Read>
}

const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(bytes < 100_000 ? 1 : 0)
const bytesOf = (count: number): string => count < 1024 ? `${count} B` : binary(count)

const isUsual = (one: Added, ...but: ReadonlyArray<keyof typeof CATALOG_SLICES>): boolean =>
  (["sliceBytes", "fanOut", "topNames", "nameBytes"] as const).every((key) =>
    but.includes(key) || one[key] === CATALOG_SLICES[key]
  )

/** Rows of one kind for each corpus, with what a run adds in each. */
const addedTable = (head: string, all: ReadonlyArray<Added>, label: (one: Added) => string): string => {
  const corpora = [...new Set(all.map(({ corpus }) => corpus))]
  const labels = [...new Set(all.map(label))]
  return table(
    [head, ...corpora.flatMap((corpus) => [`${corpus}: a run`, "the first"])],
    labels.map((name) => [
      name,
      ...corpora.flatMap((corpus) => {
        const found = all.find((one) => one.corpus === corpus && label(one) === name)
        return found === undefined ? ["–", "–"] : [kilobytes(found.run), kilobytes(found.first)]
      }),
    ]),
  )
}

/** A row for each way to store and each number of runs, a column for each command. */
const readTable = (read: ReadonlyArray<Read>): string => {
  const label = (one: Read): string =>
    [
      `${one.corpus} after ${one.runs} runs`,
      `pages of ${bytesOf(one.pageBytes)}`,
      `blocks of ${bytesOf(one.blockBytes)}`,
      ...(one.wholeBytes === 0 ? [] : [`whole ${bytesOf(one.wholeBytes)}`]),
    ].join(", ")
  const commands = [...new Set(read.map(({ command }) => command))]
  return table(
    ["", ...commands.flatMap((command) => [`${command}: requests`, "kB"])],
    [...new Set(read.map(label))].map((name) => [
      name,
      ...commands.flatMap((command) => {
        const one = read.find((one) => label(one) === name && one.command === command)!
        return [
          `${one.requests.toFixed(1)} (${one.mostRequests})`,
          `${kilobytes(one.bytes)} (${kilobytes(one.mostBytes)})`,
        ]
      }),
    ]),
  )
}

/** The whole report. */
export const catalogsMarkdown = (results: CatalogsResults): string => {
  const { added, read } = results
  const own = added.filter(({ layout }) => layout === added[0]!.layout)
  const paged = (one: Added): string => `pages of ${bytesOf(one.pageBytes)}, slices of ${bytesOf(one.sliceBytes)}`
  return [
    `# ${results.name}`,
    [
      `- **Run:** ${results.date.slice(0, 10)}, commit ${results.commit}, \`${results.command}\``,
      `- **Machine:** ${results.machine.description}`,
      ...(results.note === "" ? [] : [`- **Note:** ${results.note}`]),
    ].join("\n"),
    `Catalogs in slices (stages/catalog/slices/), in a store that packs, compresses and counts as rozen does: blocks of
16 KiB in these tables, 36 bytes of footer and 16 of index for each chunk, headers and seals. Log, index of data packs
and snapshot are not counted. In each run 20 random files are rewritten, and the catalog of the run before is changed in
place. All numbers are kB. Unless a table says otherwise, pages have 4 KiB, slices 1 KiB, lists 16 names, the top list
at most 128, and names 32 bytes.`,
    "## What a run adds: pages and slices",
    addedTable("", own.filter((one) => isUsual(one, "sliceBytes")), paged),
    "## Lists",
    addedTable(
      "",
      own.filter((one) => one.pageBytes === 4096 && one.sliceBytes === CATALOG_SLICES.sliceBytes),
      (one) => `${one.fanOut} names, top ${one.topNames}, ${one.nameBytes} bytes`,
    ),
    "## Other ways to lay rows out",
    `**What changes apart**: size, times and chunk list in a table by ID. **Names apart**: a table of names by
directory, and all else by ID.`,
    addedTable(
      "",
      added.filter((one) => isUsual(one, "sliceBytes") && one.pageBytes !== 2048 && one.sliceBytes <= 1024),
      (one) => `${one.layout}, ${paged(one)}`,
    ),
    "## What a command fetches of the catalog",
    `Means of 20 places, with the most in parentheses; nothing is cached before. A request is one stretch of a pack.
**Whole**: packs up to this size are fetched at once, which are those of runs that change little. Most requests wait for
the one before: what a page or list says decides what is needed next.`,
    readTable(read),
  ].join("\n\n") + "\n"
}
