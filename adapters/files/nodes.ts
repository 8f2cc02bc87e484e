/** Makes fifos and device nodes, for which `node:fs` has no calls: by the tools that every Unix has. */
import { execFileSync } from "node:child_process"
import type { Entry } from "../../stages/walk/entry.ts"
import { TargetError } from "../../stages/walk/target.ts"
import { errorCode } from "./errno.ts"

/** Makes the fifo or device node of an entry at `path`, mode 0600. Returns a sentence when this machine lacks the tool. Throws {@link TargetError}. */
export const makeNode = (entry: Entry, path: string): string | undefined => {
  if (entry.kind === "fifo") return run(entry.path, "mkfifo", ["-m", "600", path])
  const { major, minor } = entry.rdev!
  return run(entry.path, "mknod", ["-m", "600", path, entry.kind === "block" ? "b" : "c", String(major), String(minor)])
}

const run = (path: string, tool: string, args: ReadonlyArray<string>): string | undefined => {
  try {
    execFileSync(tool, args, { stdio: ["ignore", "ignore", "pipe"] })
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
