/**
 * Finds lines of code, comments and prose that are wider than 120 columns. Rows of Markdown tables and lines
 * of code in Markdown cannot be wrapped, and a line with a very long word, such as a link or hex digits, gains nothing
 * by it.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const COLUMNS = 120
const LONG_WORD = 60
const root = resolve(import.meta.dirname, "..")

const KINDS = ["*.ts", "*.md", "*.as", "*.go", "*.py"]
const { stdout } = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", ...KINDS], {
  cwd: root,
  encoding: "utf8",
})
let found = 0
for (const path of stdout.split("\n").filter((path) => path !== "" && !path.startsWith("bench/results/"))) {
  for (const [i, line] of readFileSync(join(root, path), "utf8").split("\n").entries()) {
    if ([...line].length <= COLUMNS || path.endsWith(".md") && /^(\s*\|| {4})/.test(line)) continue
    if (line.split(/\s+/).some((word) => word.length >= LONG_WORD)) continue
    console.log(`${path}:${i + 1} has ${[...line].length} columns`)
    found++
  }
}
process.exitCode = found > 0 ? 1 : 0
