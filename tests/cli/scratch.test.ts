/** A directory for temporary files that cannot be used gives one sentence, before anything is changed. */
// On one runtime: many formats and commands; what makes temporary files has its own tests on all three.
import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { after, test } from "node:test"
import { skipIf } from "../skip.ts"
import { type CommandServer, serveCommands } from "./process/server.ts"
import { type Ended, inDirectory, runScript, type SpawnOptions } from "./process/spawn.ts"

const isRoot = process.getuid?.() === 0

/** All files of a directory with a hash of their content. */
const state = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name)).sort()
    .map((name) => `${name} ${createHash("sha256").update(readFileSync(name)).digest("hex")}`)

const quick = (
  args: ReadonlyArray<string>,
  env: Record<string, string>,
  options: SpawnOptions = {},
) => runScript("tests/cli/process/quick_main.ts", args, { ...options, env })

let server: CommandServer | undefined
after(() => server?.end())

/** As {@link quick}, for root without its capabilities, who may not write everywhere. */
const withoutCapabilities = (args: ReadonlyArray<string>, env: Record<string, string>): Promise<Ended> => {
  server ??= serveCommands(["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
  return server.run("tests/cli/process/quick_main.ts", args, env)
}

const formats = [
  { format: "rozen", options: [], env: { PENSTOCK_PASSWORD: "secret" } },
  { format: "rozen", options: ["--option", "rozen.version=0"], env: { PENSTOCK_PASSWORD: "secret" } },
  { format: "snapshot-catalog", options: ["--no-encryption"], env: {} },
] as const

/** Makes a repository, then runs each command with a bad TMPDIR. */
const refused = async (
  at: (name: string) => string,
  { env, format, options }: (typeof formats)[number],
  tmpdir: string,
  why: RegExp,
  run: (args: ReadonlyArray<string>, env: Record<string, string>) => Promise<Ended> = quick,
): Promise<void> => {
  mkdirSync(at("src"), { recursive: true })
  // Enough entries to make the catalog larger than the small file system.
  for (let n = 0; n < 600; n++) writeFileSync(at(`src/${"long name ".repeat(15)}${n}`), "")
  const repo = ["-r", at("repo")]
  const made = await quick(["init", ...repo, "--format", format, ...options], env)
  assert.equal(made.code, 0, made.stderr)
  assert.equal((await quick(["backup", ...repo, at("src")], env)).code, 0)
  // Gives a rebuild something to do.
  const index = readdirSync(at("repo"), { recursive: true, encoding: "utf8" }).find((name) =>
    /\.map$|catalog\.idx$/.test(name)
  )
  if (index !== undefined) writeFileSync(at(`repo/${index}`), "damaged")
  const before = state(at("repo"))
  const commands = [
    ["check"],
    ["check", "--read-data"],
    ["rebuild"],
    ["backup", at("src")],
    ["restore", "--target", at("out")],
    ["ls"],
    ["dump"],
    ["dump", "nothing"],
  ]
  for (const [command, ...args] of commands) {
    const { code, stderr, stdout } = await run([command!, ...repo, ...args], { ...env, TMPDIR: tmpdir })
    const what = `${format} ${options} ${command} ${args}: ${stdout}${stderr}`
    assert.equal(code, 1, what)
    const last = stderr.trimEnd().split("\n").at(-1)!
    assert.match(last, /^penstock: Cannot keep a database in .*; set TMPDIR to a directory with enough room$/, what)
    assert.ok(last.includes(tmpdir), what)
    assert.match(last, why, what)
    assert.doesNotMatch(stdout + last, /damaged|missing|remove/, what)
    assert.deepEqual(state(at("repo")), before, `${what}: the repository was touched`)
    assert.equal(existsSync(at("out")), false, `${what}: the target was touched`)
  }
}

const tries = "d=$(mktemp -d) && mount -t tmpfs -o size=8k tmpfs $d && umount $d; s=$?; rmdir $d; exit $s"
const noMount = isRoot && process.platform === "linux" && spawnSync("sh", ["-c", tries]).status === 0
  ? false
  : "a small file system cannot be mounted here"

for (const one of formats) {
  const name = `${one.format} ${one.options}`
  test(`${name}: a directory that does not exist`, () =>
    inDirectory((at) => refused(at, one, at("nowhere"), /: it is not there;/)))

  test(`${name}: a file`, () =>
    inDirectory(async (at) => {
      writeFileSync(at("file"), "")
      await refused(at, one, at("file"), /: it is not a directory;/)
    }))

  const noSetpriv = isRoot && spawnSync("setpriv", ["--version"]).error !== undefined
    ? "setpriv is not installed"
    : false
  test(...skipIf(noSetpriv, `${name}: a directory that is not writable`), () =>
    inDirectory(async (at) => {
      mkdirSync(at("closed"), { mode: 0o500 })
      await refused(
        at,
        one,
        at("closed"),
        /: no file may be made in it;/,
        isRoot ? withoutCapabilities : quick,
      )
      chmodSync(at("closed"), 0o700)
    }))

  for (const [size, what] of [["8k", "full"], ["72k", "too small for the catalog"]] as const) {
    test(...skipIf(noMount, `${name}: a directory that is ${what}`), () =>
      inDirectory(async (at) => {
        mkdirSync(at("small"))
        execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at("small")])
        try {
          if (what === "full") writeFileSync(at("small/full"), new Uint8Array(8192))
          await refused(at, one, at("small"), /: it is full;/)
        } finally {
          execFileSync("umount", [at("small")])
        }
      }))
  }
}

test("a tar archive from a pipe needs a temporary file", () =>
  inDirectory(async (at) => {
    const env = { PENSTOCK_PASSWORD: "secret" }
    assert.equal((await quick(["init", "-r", at("repo"), "--format", "bkp"], env)).code, 0)
    const before = state(at("repo"))
    const { code, stderr } = await quick(
      ["backup", "-r", at("repo"), "--tar"],
      { ...env, TMPDIR: at("nowhere") },
      { input: "\0".repeat(1024) },
    )
    assert.equal(code, 1)
    assert.match(
      stderr,
      /Cannot keep the tar archive in .*nowhere.*: it is not there; set TMPDIR to a directory with enough room/,
    )
    assert.deepEqual(state(at("repo")), before)
  }))

test("commands that need no database need no space for one", () =>
  inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "a")
    const env = { PENSTOCK_PASSWORD: "secret", TMPDIR: at("nowhere") }
    assert.equal((await quick(["init", "-r", at("repo"), "--format", "bkp"], env)).code, 0)
    for (
      const [command, ...args] of [["backup", at("src")], ["check"], ["restore", "--target", at("out")], ["rebuild"]]
    ) {
      const { code, stderr } = await quick([command!, "-r", at("repo"), ...args], env)
      assert.equal(code, 0, `${command}: ${stderr}`)
    }
  }))
