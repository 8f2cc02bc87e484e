/**
 * Builds dist/ for npm: JavaScript and declarations of what is published, since Node does not strip types inside node_modules.
 * `npm run build`; `npm pack` runs it first.
 */
import { spawnSync } from "node:child_process"
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const dist = join(root, "dist")
rmSync(dist, { recursive: true, force: true })
const compiler = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "tests/build.json")], {
  stdio: ["ignore", 2, 2],
})
if (compiler.status !== 0) process.exit(1)

// tsc rewrites the imports of JavaScript; those of declarations, and modules that are named by URL (workers), are ours to rewrite.
const byUrl = /(new URL\(\s*["'`]\.{1,2}\/[^"'`]+)\.ts(["'`]\s*,\s*import\.meta\.url)/g
const inTypes = /(\b(?:from|import)\s*\(?\s*"\.{1,2}\/[^"]+)\.ts(")/g
for (const path of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
  if (!/\.(js|d\.ts)$/.test(path)) continue
  const source = readFileSync(join(dist, path), "utf8")
  const rewritten = source.replace(path.endsWith(".js") ? byUrl : inTypes, "$1.js$2")
  if (rewritten !== source) writeFileSync(join(dist, path), rewritten)
}

// Files that the sources read at run time, and the specifications of the formats.
for (const folder of ["stages", "formats", "adapters", "cli"]) {
  if (!existsSync(join(root, folder))) continue
  cpSync(join(root, folder), join(dist, folder), { recursive: true, filter: (path) => !path.endsWith(".ts") })
}
const command = join(dist, "cli/main.js")
if (existsSync(command)) chmodSync(command, 0o755)
