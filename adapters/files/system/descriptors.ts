/** Paths that lead through the open descriptors of this process, so that a directory can be held by its descriptor. */
import * as fs from "node:fs"
import { statsAt, statsOfOpen } from "./stats.ts"

const { O_RDONLY, O_DIRECTORY = 0, O_NOFOLLOW = 0 } = fs.constants
/**
 * A flag of open(2) on Linux, which `node:fs` does not name: the descriptor only stands for a place. No permission to
 * read that place is needed.
 */
export const O_PATH = 0o10000000
/** The flags to hold a directory with. */
export const HOLD_DIRECTORY: number = O_RDONLY | O_PATH | O_DIRECTORY

/**
 * The directory of the descriptors of this process, as in `/proc/123/fd/`. A path that begins with a descriptor in it
 * is looked up from what the descriptor holds (proc_pid_fd(5)). Undefined where directories cannot be held: on systems
 * other than Linux, without /proc, and on Deno without `--allow-all`.
 */
export const DESCRIPTORS: string | undefined = (() => {
  if (process.platform !== "linux" || !mayReadProc()) return undefined
  try {
    const descriptors = `/proc/${fs.readlinkSync("/proc/self")}/fd/`
    const fd = fs.openSync("/", HOLD_DIRECTORY | O_NOFOLLOW)
    try {
      const found = statsAt(`${descriptors}${fd}/.`)
      const open = statsOfOpen(fd)
      return found.dev === open.dev && found.ino === open.ino ? descriptors : undefined
    } finally {
      fs.closeSync(fd)
    }
  } catch {
    return undefined
  }
})()

/** Asks Deno for its permissions. Without the question, Deno would ask the user at the terminal. */
function mayReadProc(): boolean {
  interface Permissions {
    readonly querySync: (what: { readonly name: "read"; readonly path: string }) => { readonly state: string }
  }
  const { Deno } = globalThis as { readonly Deno?: { readonly permissions: Permissions } }
  return Deno === undefined || Deno.permissions.querySync({ name: "read", path: "/proc/self" }).state === "granted"
}
