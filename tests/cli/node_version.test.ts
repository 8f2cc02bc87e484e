import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { test } from "node:test"
import { bundled } from "./process/bundled.ts"

const root = resolve(import.meta.dirname, "../..")
const node = join(root, "node_modules/.bin/node")
const scripts = ["cli/main.ts", "backup.ts", "restore.ts"] as const

/** Runs a script on a Node that claims to have this version. */
const runAs = (version: string, script: string) => {
  const lie = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } })`
  return spawnSync(node, ["--import", `data:text/javascript,${encodeURIComponent(lie)}`, script, "--version"], {
    encoding: "utf8",
  })
}

test("a Node that is too old gives one sentence", () => {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const needed = /^>=(\d+)\.(\d+)$/.exec(engines.node)!
  const [major, minor] = [Number(needed[1]), Number(needed[2])]
  for (const script of scripts) {
    for (const version of [`${major}.${minor - 1}.9`, `${major - 1}.99.0`, "12.22.12"]) {
      const { status, stderr, stdout } = runAs(version, bundled(script))
      const sentence = `this is Node ${version}, and Penstock needs ${major}.${minor} or later: ` +
        "install that, or run it with Deno or Bun"
      assert.deepEqual([status, stdout, stderr], [1, "", `penstock: ${sentence}\n`])
    }
    for (const version of [`${major}.${minor}.0`, `${major + 1}.0.0`]) {
      assert.equal(runAs(version, bundled(script)).status, 0, version)
    }
  }
})

test("an old Node parses only the check of an entry point", () => {
  const importsOf = (source: string): ReadonlyArray<string> =>
    [...source.matchAll(/^(?:import|export)\b[^(]*?from ["'](.*)["']/gm)].map((match) => match[1]!)
  for (const script of scripts) {
    const source = readFileSync(join(root, script), "utf8")
    assert.deepEqual(importsOf(source).map((name) => name.replace(/^.*\//, "")), ["node_version.ts"], script)
    // In a bundle, the check is in a file that imports no other.
    const entry = readFileSync(bundled(script), "utf8")
    const [chunk, ...others] = importsOf(entry)
    assert.deepEqual(others, [])
    const check = readFileSync(join(bundled(script), "..", chunk!), "utf8")
    assert.deepEqual(importsOf(check), [])
    for (const code of [entry, check]) assert.doesNotMatch(code, /\?\.|\?\?|\bawait\b|\*\*|node:/)
  }
})
