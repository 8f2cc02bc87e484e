/** Directories of this user, by the XDG Base Directory Specification. */
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { variable } from "./variable.ts"

/**
 * The directory `penstock` in the one that a variable names; without the variable, in the directory `usual` of the home
 * directory. A relative path in the variable is ignored, as the specification wants it.
 */
export const xdgDirectory = (name: "XDG_CACHE_HOME" | "XDG_STATE_HOME", usual: string): string => {
  const named = variable(name)
  return join(named !== undefined && isAbsolute(named) ? named : join(homedir(), usual), "penstock")
}
