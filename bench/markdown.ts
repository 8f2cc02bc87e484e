/** Numbers and tables as text. */
import type { Spread } from "./spread.ts"

export const round = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

/** Median in bold, then smallest and largest. */
export const withSpread = ({ min, median, max }: Spread): string => `**${round(median)}** (${round(min)}–${round(max)})`

export const megabytes = (bytes: number): string => round(bytes / 1e6)

/** Of a power of two: `64 KiB`, `1 MiB`. */
export const binary = (bytes: number): string =>
  bytes >= 1 << 20 && bytes % (1 << 20) === 0 ? `${bytes >> 20} MiB` : `${bytes >> 10} KiB`

/** The first column is text, the others are numbers. A bar within a cell is escaped. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, i) => i === 0 ? "---" : "--:"), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n")
