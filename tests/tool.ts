/** Programs of this machine, as judges from outside. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Why a program cannot be asked, or false. */
export const missing = (tool: string): string | false =>
  spawnSync(tool, ["--version"]).error === undefined ? false : `${tool} is not installed`

/**
 * What a program writes to stdout for an input. Fails a test when it fails. By way of a file: Deno's `spawnSync` blocks
 * when a tool writes much before it has read all, and takes no file as stdin.
 */
export const runTool = (tool: string, args: ReadonlyArray<string>, input: Uint8Array): Uint8Array => {
  const directory = mkdtempSync(join(tmpdir(), "penstock-tool-"))
  try {
    writeFileSync(join(directory, "input"), input)
    const { status, stdout, stderr } = spawnSync("sh", ["-c", '"$@" <input', "sh", tool, ...args], {
      cwd: directory,
      maxBuffer: 1 << 28,
    })
    assert.equal(status, 0, `${tool}: ${stderr}`)
    return new Uint8Array(stdout)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
