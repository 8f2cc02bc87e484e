/**
 * Makes bundles of what runs as a process, by Bun's bundler: they start in a fourth of the time that the sources need.
 */
import { spawnSync } from "node:child_process"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"

/** Loaded from their own packages: they have native code or WebAssembly in files beside them. */
const OUTSIDE = ["@napi-rs/blake-hash", "blake3-wasm", "@sqlite.org/sqlite-wasm", "ssh2"]
/** The threads, which code in any file of a bundle finds beside it. */
const THREADS = [
  "adapters/runtime/storing_thread.ts",
  "adapters/runtime/decoding_thread.ts",
  "adapters/files/target/batch_thread.ts",
]

const root = resolve(import.meta.dirname, "..")

// What the bundler leaves: modules that are named by URL (workers).
const byUrl = /(new URL\(\s*["'`]\.{1,2}\/[^"'`]+)\.ts(["'`]\s*,\s*import\.meta\.url)/g
/** Names modules that are named by URL as what they are compiled to. */
export const rewriteUrls = (source: string): string => source.replace(byUrl, "$1.js$2")

/**
 * Bundles `entries`, paths from the root whose names differ, into `NAME.js` of a directory, which must have no other
 * files.
 */
export const bundle = (entries: ReadonlyArray<string>, directory: string): void => {
  const { error, status, stderr } = spawnSync(join(root, "node_modules/.bin/bun"), [
    ...["build", ...entries, ...THREADS, "--splitting", "--format=esm", "--target=node", `--outdir=${directory}`],
    ...["--entry-naming=[name].[ext]", "--chunk-naming=chunk-[hash].[ext]"],
    ...OUTSIDE.map((name) => `--external=${name}`),
  ], { cwd: root, stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" })
  if (status !== 0) throw new Error(`bun build: ${error?.message ?? stderr}`)
  for (const name of readdirSync(directory).filter((name) => name.endsWith(".js"))) {
    const source = readFileSync(join(directory, name), "utf8")
    const rewritten = rewriteUrls(source)
    if (rewritten !== source) writeFileSync(join(directory, name), rewritten)
  }
  // Node looks for the kind of each module in its folder first, and then in all above.
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }\n')
}
