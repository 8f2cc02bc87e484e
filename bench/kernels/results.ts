/** A report on the speed of kernels. */
import type { Run } from "../machine.ts"
import { binary, megabytes, round, table, withSpread } from "../markdown.ts"
import type { Runtime } from "../programs.ts"
import { type Effort, type Panel, PANELS, type Speed } from "./bench.ts"
import type { ChunkSizes } from "./chunk_sizes.ts"

export interface KernelResults extends Run {
  readonly effort: Effort
  readonly runtimes: ReadonlyArray<{ readonly name: Runtime; readonly version: string }>
  readonly speeds: ReadonlyArray<Omit<Speed, "type"> & { readonly runtime: Runtime }>
  readonly absent: ReadonlyArray<{ readonly runtime: Runtime; readonly what: string }>
  readonly chunking: {
    readonly seed: string
    readonly scale: number
    readonly found: ReadonlyArray<ChunkSizes>
  } | null
}

export const TITLES: Readonly<Record<Panel, string>> = {
  chunk: "Chunkers",
  hash: "Hashers",
  compress: "Compressors",
  decompress: "Decompressors",
  seal: "Encryption",
  open: "Decryption",
  catalog: "Catalog engines",
}

/** A row of a table or picture: one implementation on each runtime. */
export interface Row {
  readonly what: string
  readonly implementation: string
  readonly size: number | null
  readonly ratio: number | undefined
  readonly speeds: ReadonlyMap<Runtime, Speed["rate"]>
}

/** The rows of a panel, in the order in which they were measured. */
export const rowsOf = (results: KernelResults, panel: Panel): ReadonlyArray<Row> => {
  const rows = new Map<string, Row & { readonly speeds: Map<Runtime, Speed["rate"]> }>()
  for (const { runtime, what, implementation, size, rate, ratio } of results.speeds.filter((s) => s.panel === panel)) {
    const key = JSON.stringify([what, implementation, size])
    const row = rows.get(key) ?? { what, implementation, size, ratio, speeds: new Map() }
    row.speeds.set(runtime, rate)
    rows.set(key, row)
  }
  return [...rows.values()]
}

const speedsReport = (results: KernelResults, panel: Panel): ReadonlyArray<string> => {
  const rows = rowsOf(results, panel)
  if (rows.length === 0) return []
  const unit = results.speeds.find((speed) => speed.panel === panel)!.unit
  const sized = panel !== "chunk" && panel !== "catalog"
  const rated = rows.some((row) => row.ratio !== undefined)
  return [
    `## ${TITLES[panel]}, ${unit}`,
    table(
      [
        "",
        "by",
        ...(sized ? ["block"] : []),
        ...results.runtimes.map(({ name }) => name),
        ...(rated ? ["times smaller"] : []),
      ],
      rows.map((row) => [
        row.what,
        row.implementation,
        ...(sized ? [row.size === null ? "" : binary(row.size)] : []),
        ...results.runtimes.map(({ name }) => {
          const rate = row.speeds.get(name)
          return rate === undefined ? "–" : rate.median > 100_000 ? "> 100000" : withSpread(rate)
        }),
        ...(rated ? [row.ratio === undefined ? "" : round(row.ratio)] : []),
      ]),
    ),
  ]
}

const percent = (part: number, of: number): string => of === 0 ? "–" : `${(part / of * 100).toFixed(2)} %`
const kib = (bytes: number): string => (bytes / 1024).toFixed(bytes < 10_240 ? 2 : 0)

const chunkingReport = ({ chunking }: KernelResults): ReadonlyArray<string> =>
  chunking === null ? [] : [
    "## How chunkers cut an edited copy",
    `Each corpus (seed ${chunking.seed}, scale ${chunking.scale}) and its edited copy are cut. The table shows
how much of the copy is in chunks that the corpus does not have, and the ratio of both together before and after
deduplication. Sizes are of all chunks of the corpus before the edit, in KiB; most files of \`small\` are shorter than
any chunk.`,
    ...[...new Set(chunking.found.map(({ corpus }) => corpus))].map((corpus) =>
      table(
        [
          corpus,
          "new in the copy",
          "share of it",
          "dedup ratio",
          "chunks",
          "min",
          "p10",
          "median",
          "p90",
          "max",
          "mean",
        ],
        chunking.found.filter((one) => one.corpus === corpus).map(({ chunker, total, unique, copy, added, sizes }) => [
          chunker,
          `${megabytes(added)} MB`,
          percent(added, copy),
          round(total / unique),
          String(sizes.count),
          ...[sizes.min, sizes.p10, sizes.median, sizes.p90, sizes.max, sizes.mean].map(kib),
        ]),
      )
    ),
  ]

/** The whole report. */
export const kernelMarkdown = (results: KernelResults): string =>
  [
    `# ${results.name}`,
    `![How fast each kernel is, on each runtime](${results.name}.svg)`,
    [
      `- **Run:** ${results.date.slice(0, 10)}, commit ${results.commit}, \`${results.command}\``,
      `- **Machine:** ${results.machine.description}`,
      `- **Runtimes:** ${results.runtimes.map(({ name, version }) => `${name} ${version}`).join("; ")}`,
      `- **Not available, not measured:** ${
        results.absent.map(({ runtime, what }) => `${what} (${runtime})`).join("; ") || "nothing"
      }`,
      ...(results.note === "" ? [] : [`- **Note:** ${results.note}`]),
    ].join("\n"),
    `Median of ${results.effort.rounds} rounds of ${results.effort.ms} ms, with the slowest and the fastest in
parentheses, on one thread. MB are 10^6 bytes of plain content. Catalogs have ${results.effort.entries} entries.
Before anything was timed, all implementations on all runtimes were shown to give the same output, or to read the output
of the others. A kernel with more than 100000 MB/s passes bytes on unchanged.`,
    ...PANELS.flatMap((panel) => speedsReport(results, panel)),
    ...chunkingReport(results),
  ].join("\n\n") + "\n"
