/** Where the cache lies. */
import { homedir } from "node:os"
import { join } from "node:path"
import { env } from "node:process"

/** `PENSTOCK_CACHE_DIR`, else `penstock` in `XDG_CACHE_HOME`, else `~/.cache/penstock`. */
export const cacheDirectory = (): string => {
  const { PENSTOCK_CACHE_DIR: own, XDG_CACHE_HOME: all } = env
  return own !== undefined && own !== ""
    ? own
    : join(all !== undefined && all !== "" ? all : join(homedir(), ".cache"), "penstock")
}
