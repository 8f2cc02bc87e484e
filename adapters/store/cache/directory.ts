/** The directory of the cache. */
import { variable } from "../../runtime/variable.ts"
import { xdgDirectory } from "../../runtime/xdg.ts"

/**
 * The directory of the cache: `PENSTOCK_CACHE_DIR`, else `penstock` in `XDG_CACHE_HOME`, else `~/.cache/penstock`.
 * Throws a `StoreError` if a variable is not text in UTF-8.
 *
 * @example Use the cache of the command
 * ```ts
 * import assert from "node:assert/strict"
 * import { cacheDirectory } from "@penstock/penstock/adapters"
 *
 * process.env.PENSTOCK_CACHE_DIR = "/var/cache/penstock"
 * assert.equal(cacheDirectory(), "/var/cache/penstock")
 * ```
 */
export const cacheDirectory = (): string => variable("PENSTOCK_CACHE_DIR") || xdgDirectory("XDG_CACHE_HOME", ".cache")
