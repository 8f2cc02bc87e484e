/**
 * What npm users get: the packed library, installed into an empty project, is imported, type-checked and run on the
 * three runtimes; and into an application that has an Effect of its own.
 */
// On Node: it packs and installs once, and runs the result on all three.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"
import { test } from "node:test"
import { stateHome } from "./state.ts"

const root = resolve(import.meta.dirname, "..")

const environment = {
  ...process.env,
  PATH: [join(root, "node_modules/.bin"), process.env["PATH"]].join(delimiter),
  NO_COLOR: "1",
  NODE_TEST_CONTEXT: undefined,
  XDG_STATE_HOME: stateHome,
}

let project = ""
/** The packed library. */
let tarball = ""

const tried = (command: string, args: readonly string[], cwd: string) =>
  spawnSync(command, args, { cwd, env: environment, encoding: "utf8", maxBuffer: 1 << 26 })

/** Runs a command in the empty project; fails with its output. */
const run = (command: string, args: readonly string[], cwd: string = project): string => {
  const done = tried(command, args, cwd)
  assert.equal(done.status, 0, `${command} ${args.join(" ")}: ${done.error?.message ?? ""}${done.stdout}${done.stderr}`)
  return done.stdout
}

/** Runs a script of the empty project on each runtime. */
const onEach = (script: string, args: readonly string[] = [], cwd: string = project): void => {
  run("node", [script, ...args], cwd)
  run("bun", [script, ...args], cwd)
  run("deno", ["run", "-A", "--quiet", script, ...args], cwd)
}

// Without scripts: those of ssh2 would compile native code, which it does not need.
const INSTALL = ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"]

/** A new project, of nobody yet. */
const newProject = (): string => {
  const made = mkdtempSync(join(tmpdir(), "penstock-package-"))
  writeFileSync(join(made, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }))
  return made
}

const install = (): void => {
  project = newProject()
  // Build by hand and pack without scripts: npm prints the output of `prepack` where the name of the tarball belongs.
  run("node", ["tests/build.ts"], root)
  const packed = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", project], root))
  tarball = join(project, packed[0].filename)
  run("npm", [...INSTALL, tarball])
}

/**
 * A project with an Effect of its own: ours, without its types and sources, repacked as another version; or with
 * `manifestOnly`, its package.json alone.
 */
const withEffect = (version: string, manifestOnly = false): string => {
  const made = newProject()
  const copy = join(made, "copy")
  const effect = join(root, "node_modules/effect")
  if (manifestOnly) mkdirSync(copy)
  else {
    cpSync(effect, copy, {
      recursive: true,
      filter: (path) => !/\.map$|\.ts$|\/effect\/src$/.test(path.replaceAll("\\", "/")),
    })
  }
  const manifest = JSON.parse(readFileSync(join(effect, "package.json"), "utf8"))
  writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, version }))
  run("npm", ["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", made], copy)
  rmSync(copy, { recursive: true })
  run("npm", [...INSTALL, join(made, `effect-${version}.tgz`)], made)
  return made
}

/** Each Effect that is installed in a project: its version. */
const effectsIn = (made: string): ReadonlyArray<string> =>
  readdirSync(join(made, "node_modules"), { recursive: true, encoding: "utf8" })
    .filter((path) => /(^|\/)(node_modules\/)?effect\/package\.json$/.test(path.replaceAll("\\", "/")))
    .map((path) => JSON.parse(readFileSync(join(made, "node_modules", path), "utf8")))
    .filter(({ name }) => name === "effect")
    .map(({ version }) => version)

/** An application that hands its own Effect, layers and secrets to the library. */
const application = `
import { Effect, Exit, Redacted, Stream } from "effect"
import { aes256gcm, rozen, RepositoryError } from "@penstock/penstock"
import { accelerators, memoryStore } from "@penstock/penstock/adapters"
aes256gcm(Redacted.make(new Uint8Array(32)))
const content = new TextEncoder().encode("content")
const password = Redacted.make("secret")
const program = Effect.gen(function* () {
  const repository = yield* rozen.create({ password })
  yield* repository.backup(Stream.succeed({ path: "a", kind: "file", metadata: {}, size: 7, content }), { paths: [] })
  const wrong = yield* Effect.exit(rozen.open({ password: Redacted.make("other") }))
  const refused = Exit.isFailure(wrong) && wrong.cause.reasons[0].error instanceof RepositoryError
  if (!refused) throw new Error(String(wrong))
  const [snapshot] = yield* (yield* rozen.open({ password })).snapshots
  if (snapshot.files !== 1) throw new Error("There is no file")
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([memoryStore.layer, accelerators])))
`

const roundTrip = `
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
const base = mkdtempSync("round-trip-")
const env = { ...process.env, PENSTOCK_PASSWORD: "correct horse" }
const prefix = "Deno" in globalThis ? ["run", "-A"] : []
const penstock = (...args) => {
  const main = "node_modules/@penstock/penstock/dist/bin/main.js"
  const done = spawnSync(process.execPath, [...prefix, main, ...args], { env, encoding: "utf8" })
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
  const restored = (name) => readFileSync(join(base, "out", name), "utf8")
  if (restored("a.txt") !== "hello".repeat(100_000)) throw new Error("Restored content differs")
  for (let i = 0; i < 2500; i++) {
    if (restored(String(i)) !== (i + " ").repeat(800)) throw new Error("Content of " + i + " differs")
  }
} finally {
  rmSync(base, { recursive: true, force: true })
}
`

test("the packed library", async (t) => {
  try {
    install()
    await t.test("the package holds what is published and nothing else", () => {
      const installed = join(project, "node_modules/@penstock/penstock")
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
      const command = join(project, "node_modules/@penstock/penstock/dist/bin")
      const started = readdirSync(command).flatMap((name) =>
        [
          ...readFileSync(join(command, name), "utf8").matchAll(/new URL\(\s*"\.\/([^"]+)",\s*import\.meta\.url\)/g),
        ].map(([, thread]) => thread!)
      )
      assert.deepEqual(started.sort(), ["batch_thread.js", "decoding_thread.js", "storing_thread.js"])
      for (const thread of started) assert.ok(existsSync(join(command, thread)), thread)
    })

    await t.test("every entry point is imported on Node, Bun and Deno", () => {
      const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
      const entries = Object.keys(exports).filter((entry) => entry !== "./package.json")
      const lines = entries.map((entry) => {
        const name = join("@penstock/penstock", entry).replaceAll("\\", "/")
        return `if (Object.keys(await import("${name}")).length === 0) throw new Error("${name} exports nothing")`
      })
      writeFileSync(join(project, "import.js"), lines.join("\n"))
      onEach("import.js")
    })

    await t.test("the declarations are found and are not any", () => {
      writeFileSync(
        join(project, "types.ts"),
        [
          `import { ObjectStore, StoreError } from "@penstock/penstock"`,
          `type IsAny<T> = 0 extends 1 & T ? true : false`,
          `type Proof = [IsAny<typeof ObjectStore>, IsAny<StoreError>, IsAny<StoreError["message"]>]`,
          `export const proof: Proof = [false, false, false]`,
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
      onEach("node_modules/@penstock/penstock/dist/bin/main.js", ["--help"])
    })

    await t.test("the installed command backs up and restores on Node, Bun and Deno", () => {
      writeFileSync(join(project, "round_trip.js"), roundTrip)
      onEach("round_trip.js")
    })

    await t.test("an application with a later Effect shares it: there is one copy, and all works with it", () => {
      const made = withEffect("4.1.1")
      try {
        run("npm", [...INSTALL, "--omit=optional", tarball], made)
        assert.deepEqual(effectsIn(made), ["4.1.1"])
        writeFileSync(join(made, "application.js"), application)
        onEach("application.js", [], made)
      } finally {
        rmSync(made, { recursive: true, force: true })
      }
    })

    await t.test("an application with an earlier Effect is told when it installs the library, not when it runs", () => {
      const made = withEffect("4.0.9", true)
      try {
        const { status, stderr } = tried("npm", [...INSTALL, tarball], made)
        assert.notEqual(status, 0)
        assert.match(stderr, /ERESOLVE[^]*peer effect@"\^4\.1\.0" from @penstock\/penstock/)
        assert.ok(!existsSync(join(made, "node_modules/@penstock")))
      } finally {
        rmSync(made, { recursive: true, force: true })
      }
    })
  } finally {
    rmSync(project, { recursive: true, force: true })
  }
})
