/** Ratios as a picture: a panel per corpus, a group per work, a bar per tool; an axis of doublings with 1 = the first tool. */
import { ratioOf, type Results } from "./results.ts"
import { type Work, WORKS } from "./tools.ts"

const COLORS = ["#3b6fb6", "#d1782f", "#4a9a62", "#a4508b", "#8a6d3b", "#c0392b", "#7f8c8d"]
const LIMIT_COLORS = ["#9aa3ab", "#c9ced3"]
const [PANEL, LABELS, BAR, GAP, TOP, MARGIN] = [270, 62, 15, 14, 96, 18]

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`

const label = (ratio: number): string => `${ratio.toFixed(ratio < 1 ? 2 : ratio < 10 ? 1 : 0)}×`

/** An SVG of its own, readable on light and dark pages. */
export const plot = (results: Results): string => {
  const [base, ...others] = results.tools
  const works = WORKS.filter((work) => results.samples.some((sample) => sample.work === work))
  let [peers, limits] = [0, 0]
  const colors = new Map(others.map(({ name, kind }) => [
    name,
    kind === "limit" ? LIMIT_COLORS[limits++ % LIMIT_COLORS.length]! : COLORS[peers++ % COLORS.length]!,
  ]))

  const bars = results.corpora.flatMap(({ name: corpus }) =>
    works.flatMap((work) =>
      others.flatMap(({ name: tool }) => {
        const ratio = ratioOf(results, corpus, tool, work)
        return ratio === undefined ? [] : [{ corpus, work, tool, ratio }]
      })
    )
  )
  const exponents = bars.flatMap(({ ratio }) => [Math.log2(ratio.min), Math.log2(ratio.max)])
  const [low, high] = [Math.floor(Math.min(-1, ...exponents)), Math.ceil(Math.max(1, ...exponents))]
  /** Where a ratio is in the panel that begins at `left`. */
  const at = (left: number, ratio: number): number => left + (Math.log2(ratio) - low) / (high - low) * (PANEL - 34)

  // A work has as many rows as the corpus with the most bars for it.
  const rows = (work: Work): number =>
    Math.max(
      1,
      ...results.corpora.map(({ name }) => bars.filter((bar) => bar.corpus === name && bar.work === work).length),
    )
  const tops = new Map<Work, number>()
  let bottom = TOP
  for (const work of works) {
    tops.set(work, bottom)
    bottom += rows(work) * BAR + GAP
  }
  const width = Math.max(760, MARGIN + LABELS + results.corpora.length * (PANEL + MARGIN))
  const out: Array<string> = []

  out.push(text(MARGIN, 28, `Time of each tool, as a multiple of ${base!.name}`, `class="title"`))
  let x = MARGIN
  for (const [tool, color] of colors) {
    out.push(`<rect x="${x}" y="42" width="12" height="12" rx="2" fill="${color}"/>`, text(x + 17, 52, tool))
    x += 40 + tool.length * 7
  }
  for (const [i, corpus] of results.corpora.entries()) {
    const left = MARGIN + LABELS + i * (PANEL + MARGIN)
    out.push(
      text(
        left,
        TOP - 18,
        `${corpus.name}: ${corpus.files} files, ${Math.round(corpus.bytes / 1e6)} MB`,
        `class="head"`,
      ),
    )
    for (let exponent = low; exponent <= high; exponent++) {
      const line = at(left, 2 ** exponent)
      const kind = exponent === 0 ? "one" : "grid"
      out.push(`<line class="${kind}" x1="${line}" x2="${line}" y1="${TOP - 8}" y2="${bottom - GAP + 6}"/>`)
      const name = exponent < 0 ? `1/${2 ** -exponent}` : String(2 ** exponent)
      out.push(text(line, bottom + 8, name, `text-anchor="middle"`))
    }
    for (const work of works) {
      const here = bars.filter((bar) => bar.corpus === corpus.name && bar.work === work)
      for (const [row, { tool, ratio }] of here.entries()) {
        const y = tops.get(work)! + row * BAR
        const [one, end] = [at(left, 1), at(left, ratio.median)]
        const middle = y + BAR / 2 - 1
        out.push(
          `<rect x="${Math.min(one, end).toFixed(1)}" y="${y}" width="${
            Math.max(1, Math.abs(end - one)).toFixed(1)
          }" ` +
            `height="${BAR - 3}" fill="${colors.get(tool)}"><title>${escape(tool)}: ${
              ratio.median.toFixed(2)
            }</title></rect>`,
          `<line class="spread" x1="${at(left, ratio.min).toFixed(1)}" x2="${
            at(left, ratio.max).toFixed(1)
          }" y1="${middle}" y2="${middle}"/>`,
          text(Math.max(at(left, ratio.max), one) + 4, y + 10, label(ratio.median), `class="value"`),
        )
      }
    }
  }
  for (const work of works) out.push(text(MARGIN, tops.get(work)! + 10, work, `class="head"`))
  const versions = results.tools.filter(({ kind }) => kind !== "limit").map(({ name, version }) => `${name} ${version}`)
  const foot = [
    `Left of 1: faster than ${
      base!.name
    }; right: slower. Median of ${results.runs} rounds, line from smallest to largest. Each line of the grid is a doubling.`,
    `${results.date.slice(0, 10)}. ${results.machine.description}, ${results.machine.fileSystem}. ${
      versions.join(", ")
    }.`,
  ]
  for (const [i, line] of foot.entries()) out.push(text(MARGIN, bottom + 34 + i * 15, line, `class="foot"`))

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${
    bottom + 60
  }" font-family="system-ui, sans-serif" font-size="11">
<style>
text { fill: #333 } .title { font-size: 16px; font-weight: 600 } .head { font-weight: 600 } .value, .foot { fill: #666; font-size: 10px }
.grid { stroke: #e4e4e4 } .one { stroke: #333; stroke-width: 1.5 } .spread { stroke: #000; stroke-opacity: .55 }
</style>
<rect width="100%" height="100%" fill="#fff"/>
${out.join("\n")}
</svg>
`
}
