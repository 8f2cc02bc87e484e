/** How hard to compress, in words. */
import type { KernelSpec } from "../kernel/kernel.ts"
import { adaptive } from "./adaptive.ts"
import { zstd } from "./zstd.ts"

/**
 * `auto`: zstd 3, what is fast and small. `fast`: zstd 1, a third less time and a few percent larger. `better`: zstd 9,
 * three times the time. `max`: zstd 19, for archives: fifty times. `off`: nothing is compressed. But for `off`, what
 * does not become smaller is stored as it is, which samples show, so that media costs next to nothing.
 */
export type CompressionMode = "auto" | "fast" | "better" | "max" | "off"

/** All modes, the default first. */
export const COMPRESSION_MODES: ReadonlyArray<CompressionMode> = ["auto", "fast", "better", "max", "off"]

/** zstd levels of the modes. */
export const MODE_LEVELS: Readonly<Record<CompressionMode, number>> = { auto: 3, fast: 1, better: 9, max: 19, off: 3 }

/** The kernel of a mode. Whatever the mode, it decodes what any other encoded. */
export const adaptiveZstd = (mode: CompressionMode = "auto"): KernelSpec<"compress"> =>
  adaptive(zstd({ level: MODE_LEVELS[mode] }), { store: mode === "off" })
