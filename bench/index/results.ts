/** A report on the chunk index. */
import type { Run } from "../machine.ts"
import { round, table } from "../markdown.ts"
import type { Runtime } from "../programs.ts"
import { type Full, GROUP, type Reached } from "./reached.ts"

export interface IndexResults extends Run {
  readonly runtimes: ReadonlyArray<{ readonly name: Runtime; readonly version: string }>
  readonly reached: ReadonlyArray<Omit<Reached, "type"> & { readonly runtime: Runtime }>
  readonly full: ReadonlyArray<Omit<Full, "type"> & { readonly runtime: Runtime }>
}

/** The most bytes of memory that a chunk should cost. */
export const TARGET = 16

const millions = (count: number): string =>
  `${(count / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })} million`

/** One sentence for each number of chunks: what a chunk costs, and whether that is within the target. */
export const verdicts = (results: IndexResults): ReadonlyArray<string> =>
  [...new Set(results.reached.map(({ chunks }) => chunks))].map((chunks) => {
    const here = results.reached.filter((one) => one.chunks === chunks)
    const most = Math.max(...here.map(({ buffer }) => buffer / chunks))
    const peak = Math.max(...here.map((one) => one.peakPerChunk))
    const state = (bytes: number): string => bytes <= TARGET ? "within" : "over"
    return `${millions(chunks)} chunks: ${round(most)} bytes each (${state(most)} the target of ${TARGET})` +
      (peak === 0 ? "" : `, ${round(peak)} at the worst moment of growing (${state(peak)})`)
  })

/** The whole report. */
export const indexMarkdown = (results: IndexResults): string =>
  [
    `# ${results.name}`,
    [
      `- **Run:** ${results.date.slice(0, 10)}, commit ${results.commit}, \`${results.command}\``,
      `- **Machine:** ${results.machine.description}`,
      `- **Runtimes:** ${results.runtimes.map(({ name, version }) => `${name} ${version}`).join("; ")}`,
      ...verdicts(results).map((verdict) => `- ${verdict}`),
      ...results.full.map(({ runtime, chunks, buffer, message }) =>
        `- **Full** on ${runtime} after ${millions(chunks)} chunks, with a buffer of ${
          Math.round(buffer / 2 ** 20)
        } MiB: ${message}`
      ),
      ...(results.note === "" ? [] : [`- **Note:** ${results.note}`]),
    ].join("\n"),
    `The chunk index (stages/pack/chunk_index.ts), filled from nothing with random IDs on one thread. **Buffer** is the
length of its memory, and **resident** the growth of the memory of the process; both are per chunk. **Peak** is the
largest value since the line above, right after a step of growth. **Presized** is an index that was made for this number
of chunks. Look-ups are of a million random IDs, all in the index or none. **Longest** is the longest time of ${GROUP}
inserts in a row: when the index grew, and otherwise, which includes everything else that the machine did.`,
    ...[...new Set(results.reached.map(({ chunks }) => chunks))].flatMap((chunks) => [
      `## ${millions(chunks)} chunks`,
      table(
        [
          "",
          "buffer, bytes",
          "peak",
          "resident",
          "peak",
          "presized",
          "insert, ns",
          "hit, ns",
          "miss, ns",
          "longest growing, ms",
          "longest other, ms",
        ],
        results.reached.filter((one) => one.chunks === chunks).map((one) => [
          one.grown ? one.runtime : `${one.runtime}, presized`,
          round(one.buffer / chunks),
          one.peakPerChunk === 0 ? "–" : round(one.peakPerChunk),
          round(Math.max(0, one.resident / chunks)),
          one.residentPeakPerChunk === 0 ? "–" : round(one.residentPeakPerChunk),
          one.presized === null ? "impossible" : round(one.presized / chunks),
          ...[one.insert, one.hit, one.miss, one.longestGrowing, one.longestOther].map(round),
        ]),
      ),
    ]),
  ].join("\n\n") + "\n"
