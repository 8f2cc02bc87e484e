/** Makes fifos and device nodes, for which `node:fs` has no calls: by the tools that every Unix has. */
import { execFileSync } from "node:child_process"
import type { Directory } from "../system/directory.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { errorCode } from "../system/errno.ts"

/**
 * Makes the fifo or device node of an entry, mode 0600, under a name in a directory. Returns a sentence when this
 * machine lacks the tool. Throws {@link TargetError}.
 */
export const makeNode = (entry: Entry, directory: Directory, name: string): string | undefined => {
  if (entry.kind === "fifo") return run(entry.path, directory, "mkfifo", ["-m", "600", name])
  const { major, minor } = entry.rdev!
  const letter = entry.kind === "block" ? "b" : "c"
  return run(entry.path, directory, "mknod", ["-m", "600", name, letter, String(major), String(minor)])
}

const run = (path: string, directory: Directory, tool: string, args: ReadonlyArray<string>): string | undefined => {
  const { self } = directory
  // Directories that are held have paths that are.
  if (typeof self !== "string") {
    return "It is in a directory with a name that is not UTF-8, which is supported on Linux only"
  }
  try {
    execFileSync(tool, args, { cwd: self, stdio: ["ignore", "ignore", "pipe"] })
    return undefined
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return `It needs the tool ${tool}, which was not found`
    const said = String((cause as { readonly stderr?: unknown }).stderr ?? "").trim()
    throw new TargetError({
      reason: "io",
      path,
      message: `The tool ${tool} failed: ${said.slice(said.lastIndexOf(":") + 1).trim()}`,
      cause,
    })
  }
}
