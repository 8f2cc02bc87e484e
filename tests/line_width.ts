/**
 * Finds lines of code, comments and prose that are wider than 120 columns. Rows of Markdown tables cannot be wrapped,
 * and a line of a single long word, such as a link, gains nothing by it.
 */
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"

const COLUMNS = 120
const root = resolve(import.meta.dirname, "..")

const { stdout } = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.md"], {
  cwd: root,
  encoding: "utf8",
})
let found = 0
for (const path of stdout.split("\n").filter((path) => path !== "" && !path.startsWith("bench/results/"))) {
  for (const [i, line] of readFileSync(join(root, path), "utf8").split("\n").entries()) {
    const table = path.endsWith(".md") && /^\s*\|/.test(line)
    if ([...line].length <= COLUMNS || table || line.trim().split(" ").length === 1) continue
    console.log(`${path}:${i + 1} has ${[...line].length} columns`)
    found++
  }
}
process.exitCode = found > 0 ? 1 : 0
