/** Directories of this user, as the XDG Base Directory Specification names them. */
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { variable } from "./variable.ts"

/**
 * `penstock` in the directory that a variable names, else in `usual` of the home directory. A relative path in the
 * variable does not count.
 */
export const xdgDirectory = (name: "XDG_CACHE_HOME" | "XDG_STATE_HOME", usual: string): string => {
  const named = variable(name)
  return join(named !== undefined && isAbsolute(named) ? named : join(homedir(), usual), "penstock")
}
