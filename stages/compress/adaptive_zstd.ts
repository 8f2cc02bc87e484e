/** The kernel of each mode of compression. */
import type { KernelSpec } from "../kernel/kernel.ts"
import { adaptive } from "./adaptive.ts"
import { type CompressionMode, MODE_LEVELS } from "./modes.ts"
import { zstd } from "./zstd.ts"

export { COMPRESSION_MODES, type CompressionMode, MODE_LEVELS } from "./modes.ts"

/** The kernel of a mode. In every mode it decodes what any other mode encoded. */
export const adaptiveZstd = (mode: CompressionMode = "auto"): KernelSpec<"compress"> =>
  adaptive(zstd({ level: MODE_LEVELS[mode] }), { store: mode === "off" })
