/** Pieces of pictures, readable on light and dark pages. */

/** A colour for each runtime, in all pictures. */
export const RUNTIME_COLORS = { node: "#3b8f4e", deno: "#333333", bun: "#d1782f" } as const

export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

export const text = (x: number, y: number, content: string, more = ""): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(content)}</text>`

export const line = (kind: string, x1: number, y1: number, x2: number, y2: number): string =>
  `<line class="${kind}" x1="${x1.toFixed(1)}" x2="${x2.toFixed(1)}" y1="${y1.toFixed(1)}" y2="${y2.toFixed(1)}"/>`

/** Small squares with names, in as many rows as the width needs. Returns the y below them. */
export const legend = (
  out: Array<string>,
  entries: Iterable<readonly [string, string]>,
  left: number,
  top: number,
  width: number,
): number => {
  let [x, y] = [left, top]
  for (const [name, color] of entries) {
    const needed = 36 + name.length * 6.4
    if (x > left && x + needed > width) [x, y] = [left, y + 18]
    out.push(`<rect x="${x.toFixed(1)}" y="${y - 10}" width="12" height="12" rx="2" fill="${color}"/>`)
    out.push(text(x + 17, y, name))
    x += needed
  }
  return y + 18
}

/** The whole picture as an SVG file. */
export const svg = (width: number, height: number, content: ReadonlyArray<string>): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}"
  font-family="system-ui, sans-serif" font-size="11">
<style>
text { fill: #333 } .title { font-size: 16px; font-weight: 600 }
.head { font-weight: 600 } .value, .foot { fill: #666; font-size: 10px }
.grid { stroke: #e4e4e4 } .one { stroke: #333; stroke-width: 1.5 }
.spread { stroke: #000; stroke-opacity: .55 } .range { stroke: #bbb; stroke-width: 3 }
</style>
<rect width="100%" height="100%" fill="#fff"/>
${content.join("\n")}
</svg>
`
