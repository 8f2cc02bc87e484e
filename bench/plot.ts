/**
 * Ratios as a picture: a panel for each corpus, a group of rows for each work, a bar for each tool. The axis is
 * logarithmic, and 1 is the first tool.
 */
import { ratioOf, type Results } from "./results.ts"
import type { Runtime } from "./programs.ts"
import { escape, line, RUNTIME_COLORS, svg, text } from "./svg.ts"
import { type Work, WORKS } from "./tool.ts"

const COLORS: Readonly<Record<string, string>> = { peer: "#8a63a8", limit: "#b3bac0" }

/** The colour of a tool. Penstock has that of its runtime. */
const colorOf = (kind: string, tool: string): string =>
  COLORS[kind] ?? RUNTIME_COLORS[/\((\w+)\)$/.exec(tool)?.[1] as Runtime] ?? "#3b6fb6"

const [PANEL, BAR, HEAD, GAP, TOP, MARGIN] = [270, 15, 15, 12, 78, 18]

const label = (ratio: number): string => `${ratio.toFixed(ratio < 1 ? 2 : ratio < 10 ? 1 : 0)}×`
const power = (exponent: number): string => exponent < 0 ? `1/${2 ** -exponent}` : String(2 ** exponent)

/** The picture as SVG, readable on light and dark pages. */
export const plot = (results: Results): string => {
  const [base, ...others] = results.tools
  const labels = Math.max(100, ...others.map(({ name }) => 30 + 6 * name.length))
  const bars = results.corpora.flatMap(({ name: corpus }) =>
    WORKS.flatMap((work) =>
      others.flatMap(({ name: tool, kind }) => {
        const ratio = ratioOf(results, corpus, tool, work)
        return ratio === undefined ? [] : [{ corpus, work, tool, kind, ratio }]
      })
    )
  )
  const exponents = bars.flatMap(({ ratio }) => [Math.log2(ratio.min), Math.log2(ratio.max)])
  const [low, high] = [Math.floor(Math.min(-1, ...exponents)), Math.ceil(Math.max(1, ...exponents))]
  /** The x of a ratio in the panel that begins at `left`. */
  const at = (left: number, ratio: number): number => left + (Math.log2(ratio) - low) / (high - low) * (PANEL - 34)

  // A tool has the same row in all panels.
  const out: Array<string> = []
  const tops = new Map<Work, ReadonlyMap<string, number>>()
  let bottom = TOP
  for (const work of WORKS) {
    const tools = others.filter(({ name }) => bars.some((bar) => bar.work === work && bar.tool === name))
    if (tools.length === 0) continue
    out.push(text(MARGIN, bottom + 10, work, `class="head"`))
    bottom += HEAD
    tops.set(work, new Map(tools.map(({ name }, i) => [name, bottom + i * BAR])))
    for (const [name, y] of tops.get(work)!) out.push(text(MARGIN + 8, y + 10, name))
    bottom += tools.length * BAR + GAP
  }
  const width = Math.max(760, MARGIN + labels + results.corpora.length * (PANEL + MARGIN))
  out.push(text(MARGIN, 28, `Time of each tool, as a multiple of ${base!.name}`, `class="title"`))
  for (const [i, corpus] of results.corpora.entries()) {
    const left = MARGIN + labels + i * (PANEL + MARGIN)
    const title = `${corpus.name}: ${corpus.files} files, ${Math.round(corpus.bytes / 1e6)} MB`
    out.push(text(left, TOP - 24, title, `class="head"`))
    const every = Math.ceil((high - low) / 8)
    for (let exponent = low; exponent <= high; exponent++) {
      if (exponent % every !== 0) continue
      const x = at(left, 2 ** exponent)
      out.push(line(exponent === 0 ? "one" : "grid", x, TOP - 8, x, bottom - GAP + 6))
      out.push(text(x, TOP - 11, power(exponent), `class="value" text-anchor="middle"`))
      out.push(text(x, bottom + 6, power(exponent), `class="value" text-anchor="middle"`))
    }
    for (const { work, tool, kind, ratio } of bars.filter((bar) => bar.corpus === corpus.name)) {
      const y = tops.get(work)!.get(tool)!
      const [one, end, most] = [at(left, 1), at(left, ratio.median), at(left, ratio.max)]
      const middle = y + BAR / 2 - 1
      out.push(
        `<rect x="${Math.min(one, end).toFixed(1)}" y="${y}" width="${Math.max(1, Math.abs(end - one)).toFixed(1)}" ` +
          `height="${BAR - 3}" fill="${colorOf(kind, tool)}"><title>${escape(tool)}: ${
            ratio.median.toFixed(2)
          }</title></rect>`,
        line("spread", at(left, ratio.min), middle, most, middle),
        text(Math.max(most, one) + 4, y + 10, label(ratio.median), `class="value"`),
      )
    }
  }
  const versions = results.tools.filter(({ kind }) => kind !== "limit").map(({ name, version }) => `${name} ${version}`)
  const foot = [
    `Left of 1: faster than ${base!.name}; right: slower. ${
      results.runs === 1 ? "One round" : `Median of ${results.runs} rounds, line from smallest to largest`
    }. Grey: limits, which are not backup programs.`,
    `${results.date.slice(0, 10)}. ${results.machine.description}, ${results.machine.fileSystem}.`,
    ...Array.from({ length: Math.ceil(versions.length / 3) }, (_, i) => versions.slice(3 * i, 3 * i + 3).join(", ")),
  ]
  for (const [i, one] of foot.entries()) out.push(text(MARGIN, bottom + 32 + i * 15, one, `class="foot"`))
  return svg(width, bottom + 30 + foot.length * 15, out)
}
