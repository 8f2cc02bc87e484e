/** Speeds as a picture: a panel for each stage, a row for each implementation, a dot for each runtime. */
import { escape, legend, line, RUNTIME_COLORS, svg, text } from "../svg.ts"
import { type Panel, PANELS } from "./bench.ts"
import { type KernelResults, type Row, rowsOf, TITLES } from "./results.ts"

const [WIDTH, LABELS, ROW, HEAD, GAP, MARGIN] = [460, 210, 16, 44, 26, 18]
/** The one size that is drawn of kernels that were measured with several. */
const SHOWN = 1 << 20
/** A kernel that is faster does nothing to the bytes. */
const IDLE = 100_000

/** The most telling rows: blocks of 1 MiB of text, without kernels that take no time. */
const shown = (results: KernelResults, panel: Panel): ReadonlyArray<Row> => {
  return rowsOf(results, panel).filter((row) =>
    (panel === "chunk" || row.size === null || row.size === SHOWN) && !row.what.endsWith(", noise") &&
    !row.implementation.endsWith("which stores") && [...row.speeds.values()].every((rate) => rate.median < IDLE)
  )
}

const labelOf = ({ what, implementation }: Row): string => `${what.replace(/, text$/, "")} · ${implementation}`
const valueOf = (rate: number): string => rate.toFixed(rate < 10 ? 1 : 0)

interface Shown {
  readonly panel: Panel
  readonly unit: string
  readonly rows: ReadonlyArray<Row>
}

/** The powers of ten around the speeds of these panels. */
const axisOf = (panels: ReadonlyArray<Shown>): readonly [number, number] => {
  const medians = panels.flatMap(({ rows }) =>
    rows.flatMap((row) => [...row.speeds.values()].map((rate) => rate.median))
  )
  return [Math.floor(Math.log10(Math.min(...medians))), Math.ceil(Math.log10(Math.max(...medians)))]
}

const panelOf = ({ panel, unit, rows }: Shown, [low, high]: readonly [number, number], left: number, top: number) => {
  const out: Array<string> = []
  const plotted = WIDTH - LABELS - 40
  const at = (rate: number): number => left + LABELS + (Math.log10(rate) - low) / Math.max(1, high - low) * plotted
  const bottom = top + HEAD + rows.length * ROW
  out.push(text(left, top + 14, `${TITLES[panel]}, ${unit}`, `class="head"`))
  for (let exponent = low; exponent <= high; exponent++) {
    const x = at(10 ** exponent)
    out.push(line("grid", x, top + HEAD - 12, x, bottom - 2))
    out.push(text(x, top + HEAD - 16, String(10 ** exponent), `class="value" text-anchor="middle"`))
  }
  for (const [i, row] of rows.entries()) {
    const y = top + HEAD + i * ROW
    const rates = [...row.speeds.values()].map((rate) => rate.median)
    const [slowest, fastest] = [Math.min(...rates), Math.max(...rates)]
    out.push(text(left, y + 4, labelOf(row)), line("range", at(slowest), y, at(fastest), y))
    for (const [runtime, { median }] of row.speeds) {
      const title = `${escape(labelOf(row))}, ${runtime}: ${valueOf(median)} ${unit}`
      const [cx, color] = [at(median).toFixed(1), RUNTIME_COLORS[runtime]]
      out.push(
        `<circle cx="${cx}" cy="${y}" r="4.5" fill="${color}" fill-opacity=".85"><title>${title}</title></circle>`,
      )
    }
    out.push(text(at(fastest) + 8, y + 4, valueOf(fastest), `class="value"`))
  }
  return { out, bottom }
}

/** The picture as SVG. */
export const kernelPlot = (results: KernelResults): string => {
  const out = [
    text(
      MARGIN,
      28,
      "Speed of each kernel: further right is faster; each line is ten times the one before",
      `class="title"`,
    ),
  ]
  const width = 2 * WIDTH + 3 * MARGIN
  const colors = results.runtimes.map(({ name, version }) => [`${name} ${version}`, RUNTIME_COLORS[name]] as const)
  const below = legend(out, colors, MARGIN, 52, width)
  const panels = PANELS.map((panel): Shown => ({
    panel,
    unit: results.speeds.find((speed) => speed.panel === panel)?.unit ?? "",
    rows: shown(results, panel),
  })).filter(({ rows }) => rows.length > 0)
  // Each panel goes into the shorter column.
  const ends = [below, below]
  for (const panel of panels) {
    const column = ends[0]! <= ends[1]! ? 0 : 1
    const axis = axisOf(panels.filter(({ unit }) => unit === panel.unit))
    const { out: drawn, bottom } = panelOf(panel, axis, MARGIN + column * (WIDTH + MARGIN), ends[column]!)
    out.push(...drawn)
    ends[column] = bottom + GAP
  }
  const bottom = Math.max(...ends)
  const foot = [
    "One thread. Blocks of 1 MiB: text that compresses to about 40 %; noise for chunkers, hashers and ciphers. The " +
    "number is that of the fastest runtime.",
    `${results.date.slice(0, 10)}. ${results.machine.description}.`,
  ]
  for (const [i, line] of foot.entries()) out.push(text(MARGIN, bottom + i * 15, line, `class="foot"`))
  return svg(width, Math.ceil(bottom + 26), out)
}
