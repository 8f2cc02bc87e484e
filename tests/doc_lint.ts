/**
 * Lints the docstrings of the public face: `deno doc --lint` over every entry point.
 *
 * It runs over a copy of the sources without node_modules. Beside them, deno takes the types of every dependency for
 * private types of the library.
 */
import { spawnSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as {
  readonly exports: Readonly<Record<string, string>>
}

const copy = mkdtempSync(join(tmpdir(), "penstock-doc-lint-"))
try {
  for (const name of ["mod.ts", "stages", "formats", "adapters", "cli", "deno.json"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  const { error, status, stderr } = spawnSync("deno", ["doc", "--lint", ...Object.values(exports)], {
    cwd: copy,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  })
  if (error !== undefined) throw error
  if (status !== 0) {
    const found = stderr.split(/\n(?=error\[)/).filter((part) => part.startsWith("error"))
    console.log(found.join("\n").replaceAll(`${copy}/`, ""))
    process.exitCode = 1
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
