/**
 * What npm users get: the packed library, installed into an empty project, is imported, type-checked and run on the
 * three runtimes.
 */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"
import { test } from "node:test"
import { skipIf } from "./skip.ts"
import { stateHome } from "./state.ts"

const root = resolve(import.meta.dirname, "..")
const skip = process.versions["bun"] !== undefined || "Deno" in globalThis
  ? "packs and installs once, on Node, and runs the result on all three"
  : false

const environment = {
  ...process.env,
  PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
  NO_COLOR: "1",
  NODE_TEST_CONTEXT: undefined,
  XDG_STATE_HOME: stateHome,
}

let project = ""

/** Runs a command in the empty project; fails with its output. */
const run = (command: string, args: readonly string[], cwd: string = project): string => {
  const done = spawnSync(command, args, { cwd, env: environment, encoding: "utf8", maxBuffer: 1 << 26 })
  assert.equal(done.status, 0, `${command} ${args.join(" ")}: ${done.error?.message ?? ""}${done.stdout}${done.stderr}`)
  return done.stdout
}

/** Runs a script of the empty project on each runtime. */
const onEach = (script: string, ...args: string[]): void => {
  run("node", [script, ...args])
  run("bun", [script, ...args])
  run("deno", ["run", "-A", "--quiet", script, ...args])
}

const install = (): void => {
  project = mkdtempSync(join(tmpdir(), "penstock-package-"))
  // Build by hand and pack without scripts: npm prints the output of `prepack` where the name of the tarball belongs.
  run("node", ["tests/build.ts"], root)
  const packed = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], root))
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }))
  run("npm", [
    ...["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"],
    join(project, packed[0].filename),
  ])
}

const roundTrip = `
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
const base = mkdtempSync("round-trip-")
const env = { ...process.env, PENSTOCK_PASSWORD: "correct horse" }
const prefix = "Deno" in globalThis ? ["run", "-A"] : []
const penstock = (...args) => {
  const done = spawnSync(process.execPath, [...prefix, "node_modules/penstock/dist/cli/main.js", ...args], { env, encoding: "utf8" })
  if (done.status !== 0) throw new Error(args[0] + " exited with " + done.status + ": " + done.stdout + done.stderr)
}
try {
  mkdirSync(join(base, "in"))
  writeFileSync(join(base, "in/a.txt"), "hello".repeat(100_000))
  // So much that threads start, to store and to restore.
  for (let i = 0; i < 2500; i++) writeFileSync(join(base, "in/" + i), (i + " ").repeat(800))
  penstock("init", "-r", join(base, "repo"))
  penstock("backup", "-r", join(base, "repo"), join(base, "in"))
  penstock("restore", "-r", join(base, "repo"), "--target", join(base, "out"))
  if (readFileSync(join(base, "out/a.txt"), "utf8") !== "hello".repeat(100_000)) throw new Error("Restored content differs")
  for (let i = 0; i < 2500; i++) {
    if (readFileSync(join(base, "out/" + i), "utf8") !== (i + " ").repeat(800)) throw new Error("Content of " + i + " differs")
  }
} finally {
  rmSync(base, { recursive: true, force: true })
}
`

test(...skipIf(skip, "the packed library"), async (t) => {
  try {
    install()
    await t.test("the package holds what is published and nothing else", () => {
      const installed = join(project, "node_modules/penstock")
      assert.deepEqual(
        readdirSync(installed).sort().filter((name) => !/^(README|CHANGELOG|LICENSE)/.test(name)),
        ["dist", "package.json"],
      )
      assert.ok(existsSync(join(installed, "LICENSE")))
      const files = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" })
      assert.deepEqual(files.filter((path) => /(^|\/)(tests|bench)\//.test(path)), [])
      for (const path of files.filter((path) => /\.(js|d\.ts)$/.test(path))) {
        const source = readFileSync(join(installed, "dist", path), "utf8")
        // An import specifier in code stands at the start of a line; one in a docstring does not.
        assert.doesNotMatch(source, /^(?:import|export|\}).* from "\.{1,2}\/[^"]*(?<!\.d)\.ts"/m, path)
      }
    })

    // A thread that is not found is an error of a backup only; a restore goes on without.
    await t.test("the threads of the command lie beside what starts them", () => {
      const command = join(project, "node_modules/penstock/dist/cli")
      const started = readdirSync(command).flatMap((name) =>
        [
          ...readFileSync(join(command, name), "utf8").matchAll(/new URL\(\s*"\.\/([^"]+)",\s*import\.meta\.url\)/g),
        ].map(([, thread]) => thread!)
      )
      assert.deepEqual(started.sort(), ["batch_thread.js", "opening_thread.js", "thread.js"])
      for (const thread of started) assert.ok(existsSync(join(command, thread)), thread)
    })

    await t.test("every entry point is imported on Node, Bun and Deno", () => {
      const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
      const entries = Object.keys(exports).filter((entry) => entry !== "./package.json")
      const lines = entries.map((entry) => {
        const name = join("penstock", entry).replaceAll("\\", "/")
        return `if (Object.keys(await import("${name}")).length === 0) throw new Error("${name} exports nothing")`
      })
      writeFileSync(join(project, "import.js"), lines.join("\n"))
      onEach("import.js")
    })

    await t.test("the declarations are found and are not any", () => {
      writeFileSync(
        join(project, "types.ts"),
        [
          `import { ObjectStore, StoreError } from "penstock"`,
          `type IsAny<T> = 0 extends 1 & T ? true : false`,
          `export const proof: [IsAny<typeof ObjectStore>, IsAny<StoreError>, IsAny<StoreError["message"]>] = [false, false, false]`,
        ].join("\n"),
      )
      const options = [
        "--strict",
        "--noEmit",
        "--skipLibCheck",
        "--types",
        "",
        "--target",
        "ES2024",
        "--lib",
        "ES2024,DOM",
      ]
      run("tsc", [...options, "--module", "NodeNext", "types.ts"])
    })

    await t.test("the command prints its help on Node, Bun and Deno", () => {
      assert.match(run("node_modules/.bin/penstock", ["--help"]), /penstock/)
      onEach("node_modules/penstock/dist/cli/main.js", "--help")
    })

    await t.test("the installed command backs up and restores on Node, Bun and Deno", () => {
      writeFileSync(join(project, "round_trip.js"), roundTrip)
      onEach("round_trip.js")
    })
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
})
