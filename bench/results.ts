/** The results of a run: medians, ratios, and a report in Markdown. */
import type { Run } from "./machine.ts"
import { megabytes, round, table, withSpread } from "./markdown.ts"
import type { Sample, Stored } from "./rounds.ts"
import { type Spread, spread } from "./spread.ts"
import { type Work, WORKS } from "./tool.ts"

/** The results of a run, as they are stored. */
export interface Results extends Run {
  readonly seed: string
  readonly runs: number
  /** Whether no round warmed up. */
  readonly cold: boolean
  readonly tools: ReadonlyArray<{
    readonly name: string
    readonly kind: string
    readonly version: string
    /** What the tool does not keep, which was not compared. */
    readonly lost?: ReadonlyArray<string>
  }>
  readonly missing: ReadonlyArray<{ readonly name: string; readonly missing: string }>
  readonly corpora: ReadonlyArray<{
    readonly name: string
    /** Null for a folder of the user. */
    readonly scale: number | null
    readonly files: number
    readonly bytes: number
  }>
  readonly samples: ReadonlyArray<Sample>
  readonly stored: ReadonlyArray<Stored>
  readonly faults: ReadonlyArray<string>
}

/** The costs of a work by a tool; undefined if there are none. */
export const sampleOf = (results: Results, corpus: string, tool: string, work: Work): Sample | undefined =>
  results.samples.find((sample) => sample.corpus === corpus && sample.tool === tool && sample.work === work)

/** The wall time of a tool, divided by that of the first tool in the same round; undefined if one of them has none. */
export const ratioOf = (results: Results, corpus: string, tool: string, work: Work): Spread | undefined => {
  const base = sampleOf(results, corpus, results.tools[0]!.name, work)
  const ratios = sampleOf(results, corpus, tool, work)?.costs.flatMap((cost) => {
    const other = base?.costs.find((one) => one.round === cost.round)
    return other === undefined ? [] : [cost.seconds / other.seconds]
  })
  return ratios === undefined || ratios.length === 0 ? undefined : spread(ratios)
}

const rounds = ({ cold, runs }: Results): string =>
  (runs === 1
    ? "Each number is of one round"
    : `Each number is the median of ${runs} rounds, with the smallest and the largest in parentheses`) +
  (cold ? "." : ", after a round that is not counted.")

/** A table with a row for each tool and a column for each work. */
const byWork = (
  results: Results,
  title: string,
  tools: Results["tools"],
  cell: (tool: string, work: Work) => string | undefined,
): string => {
  const works = WORKS.filter((work) => results.samples.some((sample) => sample.work === work))
  return table(
    [title, ...works],
    tools.map(({ name }) => [name, ...works.map((work) => cell(name, work) ?? "–")]),
  )
}

/** Traffic to and from a server, in the last round. Other rounds differ little. */
const traffic = (results: Results, tools: Results["tools"], corpus: string): ReadonlyArray<string> => {
  const last = (tool: string, work: Work) => sampleOf(results, corpus, tool, work)?.costs.at(-1)?.traffic
  if (!results.samples.some((sample) => sample.corpus === corpus && sample.costs[0]?.traffic !== undefined)) return []
  return [
    byWork(results, "requests", tools, (tool, work) => last(tool, work)?.requests.toString()),
    byWork(results, "MB sent, received", tools, (tool, work) => {
      const passed = last(tool, work)
      return passed && `${megabytes(passed.sent)}, ${megabytes(passed.received)}`
    }),
  ]
}

const corpusReport = (results: Results, { name, scale, files, bytes }: Results["corpora"][number]): string => {
  const base = results.tools[0]!.name
  const tools = results.tools.filter((tool) =>
    results.samples.some((sample) => sample.corpus === name && sample.tool === tool.name)
  )
  const stored = results.stored.filter((one) => one.corpus === name)
  return [
    `## ${name}: ${files} files, ${megabytes(bytes)} MB${scale === null ? "" : ` (scale ${scale})`}`,
    byWork(results, "wall time, s", tools, (tool, work) => {
      const sample = sampleOf(results, name, tool, work)
      return sample && withSpread(spread(sample.costs.map((cost) => cost.seconds)))
    }),
    byWork(results, `time ÷ ${base}`, tools.filter((tool) => tool.name !== base), (tool, work) => {
      const ratio = ratioOf(results, name, tool, work)
      return ratio && withSpread(ratio)
    }),
    byWork(results, "CPU s, peak MB", tools, (tool, work) => {
      const costs = sampleOf(results, name, tool, work)?.costs ?? []
      const [cpu, memory] = [costs.map((cost) => cost.cpu), costs.map((cost) => cost.memory)]
        .map((values) => values.filter((value) => value !== null))
      if (cpu!.length === 0 || memory!.length === 0) return undefined
      return `${round(spread(cpu!).median)} s, ${(spread(memory!).max / 1e6).toFixed(0)} MB`
    }),
    ...traffic(results, tools, name),
    ...stored.length === 0 ? [] : [table(
      ["stored, MB", "first backup", "added by edited", "catalog and indexes"],
      stored.map(({ tool, first, edited, catalog }) => [
        tool,
        megabytes(first),
        results.samples.some((one) => one.tool === tool && one.work === "edited") ? megabytes(edited - first) : "–",
        catalog === null ? "–" : `${megabytes(catalog)} (${(catalog / bytes * 100).toFixed(2)} % of the data)`,
      ]),
    )],
  ].join("\n\n")
}

/** What tools do not keep: a line for all tools that lose the same. */
const losses = (tools: Results["tools"]): ReadonlyArray<string> => {
  const losers = new Map<string, Array<string>>()
  for (const { name, lost = [] } of tools) {
    if (lost.length > 0) losers.set(lost.join(", "), [...losers.get(lost.join(", ")) ?? [], name])
  }
  return [...losers].map(([lost, names]) => `- **Not kept by ${names.join(", ")}, so not compared:** ${lost}`)
}

/** The whole report. */
export const markdown = (results: Results): string =>
  [
    `# ${results.name}`,
    `![How long each work takes, relative to ${results.tools[0]!.name}](${results.name}.svg)`,
    [
      `- **Run:** ${results.date.slice(0, 10)}, commit ${results.commit}, \`${results.command}\``,
      `- **Machine:** ${results.machine.description}; ` +
      `source, repositories and restored trees on ${results.machine.fileSystem}`,
      `- **Tools:** ${results.tools.map(({ name, version }) => `${name} ${version}`).join("; ")}`,
      ...losses(results.tools),
      `- **Missing, not measured:** ${
        results.missing.map(({ name, missing }) => `${name} (${missing})`).join("; ") || "none"
      }`,
      `- **Failures, not counted:** ${results.faults.join("; ") || "nothing"}`,
      ...(results.note === "" ? [] : [`- **Note:** ${results.note}`]),
    ].join("\n"),
    `${rounds(results)} Peak memory is the largest of all rounds.
Tools take turns at each work. Files are in the page cache; repositories are new in each round, on the same file system
as the source. The times of a round count only if the restored tree was equal to the source: names, kinds, modes,
owners, mtimes, links and every byte, except what is not kept (above). \`again\` is a backup with nothing changed,
\`edited\` one after an edit of about 2 % of the files, and \`check\` reads and verifies all data.
\`tar | zstd -3 | age\` and \`cp -a\` are not backup programs but limits: they neither deduplicate nor find changes.
[bench/README.md](../README.md) says what is measured and how.`,
    ...results.corpora.map((corpus) => corpusReport(results, corpus)),
  ].join("\n\n") + "\n"
