/**
 * Everything that must hold before a change is done, `npm run ok`: one line per check, then the suite on the three
 * runtimes.
 */
import { spawnSync } from "node:child_process"
import { delimiter, join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "..")
const environment = {
  ...process.env,
  PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
  DENO_NO_UPDATE_CHECK: "1",
  NO_COLOR: "1",
}

const checks: ReadonlyArray<readonly [name: string, command: string, ...args: string[]]> = [
  ["types", "tsc", "-p", root],
  ["lint", "deno", "lint", "--quiet"],
  ["format", "deno", "fmt", "--check"],
  ["docs", process.execPath, join(root, "tests/doc_lint.ts")],
  ["width", process.execPath, join(root, "tests/line_width.ts")],
  ["jsr", "deno", "publish", "--dry-run", "--allow-dirty", "--quiet"],
]

let good = true
for (const [name, command, ...args] of checks) {
  const started = performance.now()
  const run = spawnSync(command, args, { cwd: root, env: environment, encoding: "utf8" })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${name.padEnd(8)} ${run.status === 0 ? "ok" : "FAILED"} (${seconds} s)`)
  if (run.status === 0) continue
  good = false
  console.log(`${run.error?.message ?? ""}${run.stdout ?? ""}${run.stderr ?? ""}`.trimEnd())
}
const suite = spawnSync(process.execPath, [join(root, "tests/run.ts"), ...process.argv.slice(2)], {
  cwd: root,
  env: environment,
  stdio: "inherit",
})
process.exitCode = good && suite.status === 0 ? 0 : 1
