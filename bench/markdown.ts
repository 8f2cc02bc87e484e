/** Numbers and tables as text. */
import type { Spread } from "./spread.ts"

export const round = (value: number): string => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)

/** Median in bold, then smallest and largest. */
export const withSpread = ({ min, median, max }: Spread): string => `**${round(median)}** (${round(min)}–${round(max)})`

export const megabytes = (bytes: number): string => round(bytes / 1e6)

/** A power of two as `64 KiB` or `1 MiB`. */
export const binary = (bytes: number): string =>
  bytes >= 1 << 20 && bytes % (1 << 20) === 0 ? `${bytes >> 20} MiB` : `${bytes >> 10} KiB`

/** A table whose first column is text and whose others are numbers. Bars in cells are escaped. */
export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map((_, i) => i === 0 ? "---" : "--:"), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n")
