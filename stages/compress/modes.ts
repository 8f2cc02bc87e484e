/**
 * The modes of compression that users choose from. Their kernels are in `adaptive_zstd.ts`, so that the command can
 * offer the modes without loading the kernels.
 */

/**
 * How hard to compress. Times are compared with `auto`.
 * - `auto`: zstd 3, fast and small.
 * - `fast`: zstd 1, a third less time, and a few percent larger.
 * - `better`: zstd 9, three times the time.
 * - `max`: zstd 19, fifty times the time: for archives.
 * - `off`: nothing is compressed.
 *
 * In all modes, content that does not become smaller is stored as it is, see `adaptive`.
 */
export type CompressionMode = "auto" | "fast" | "better" | "max" | "off"

/** All modes. The first is the default. */
export const COMPRESSION_MODES: ReadonlyArray<CompressionMode> = ["auto", "fast", "better", "max", "off"]

/** The zstd level of each mode. */
export const MODE_LEVELS: Readonly<Record<CompressionMode, number>> = { auto: 3, fast: 1, better: 9, max: 19, off: 3 }
