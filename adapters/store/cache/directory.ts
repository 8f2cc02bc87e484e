/** Where the cache lies. */
import { variable } from "../../runtime/variable.ts"
import { xdgDirectory } from "../../runtime/xdg.ts"

/** `PENSTOCK_CACHE_DIR`, else `penstock` in `XDG_CACHE_HOME`, else `~/.cache/penstock`. */
export const cacheDirectory = (): string => variable("PENSTOCK_CACHE_DIR") || xdgDirectory("XDG_CACHE_HOME", ".cache")
