/** Makes fifos and device nodes with the tools that every Unix has, because `node:fs` has no calls for them. */
import { execFileSync } from "node:child_process"
import type { Directory } from "../system/directory.ts"
import { TargetError } from "../../../stages/walk/errors.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { errorCode } from "../system/errno.ts"

/**
 * Makes the fifo or device node of an entry, with mode 0600, under a name in a directory. Returns a sentence when it is
 * not supported here. Throws {@link TargetError} when the tool fails.
 */
export const makeNode = (entry: Entry, directory: Directory, name: string): string | undefined => {
  if (entry.kind === "fifo") return runTool(entry.path, directory, "mkfifo", ["-m", "600", name])
  const { major, minor } = entry.rdev!
  const letter = entry.kind === "block" ? "b" : "c"
  return runTool(entry.path, directory, "mknod", ["-m", "600", name, letter, String(major), String(minor)])
}

const runTool = (path: string, directory: Directory, tool: string, args: ReadonlyArray<string>): string | undefined => {
  const { self } = directory
  // A directory that is held has a path of ASCII, so this one is not held.
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
