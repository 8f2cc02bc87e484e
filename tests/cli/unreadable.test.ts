/** Real files that cannot be read: the command goes on with the others, and says what to do. */
// On one runtime: many formats and kinds of objects; the stores are tested on all three.
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { after, test } from "node:test"
import { skipIf } from "../skip.ts"
import { missing } from "../tool.ts"
import { type CommandServer, serveCommands } from "./process/server.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const isRoot = process.getuid?.() === 0
const reason = process.platform === "win32" ? "modes are not kept from their owner here" : isRoot && missing("setpriv")

// Without its capabilities, root is denied by mode 000, too.
let server: CommandServer | undefined
after(() => server?.end())

const quick = (args: ReadonlyArray<string>, env: Record<string, string>): Promise<Ended> => {
  const main = "tests/cli/process/quick_main.ts"
  if (!isRoot) return runScript(main, args, { env })
  server ??= serveCommands(["setpriv", "--bounding-set=-all", "--inh-caps=-all"])
  return server.run(main, args, env)
}

/** The names of all files beneath a directory. */
const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    .map((one) => join(one.parentPath, one.name)).sort()

const formats = [
  { format: "rozen", kinds: [/\.roz$/, /\.cat$/, /\.map$/, /\.idx$/, /\.roz-log$/, /ROZEN\.json$/], options: [] },
  { format: "bkp", kinds: [/blocks\//, /metadata\/.*\.pack$/, /heads\//], options: [] },
  { format: "snapshot-catalog", kinds: [/extents\//, /blobs\//, /catalog\.idx$/], options: ["--no-encryption"] },
  { format: "fogsync", kinds: [/blocks\//, /FOGSYNC$/], options: [] },
] as const

for (const { format, kinds, options } of formats) {
  test(
    ...skipIf(reason, `${format}: files of mode 000, and directories in the place of files, cost what they hold`),
    () =>
      inDirectory(async (at) => {
        mkdirSync(at("src"))
        const content = new Uint8Array(3_000_000).map((_, i) => (i * i) >> 7)
        for (const name of ["a", "b", "c"]) {
          writeFileSync(
            at(`src/${name}`),
            content.map((byte) => byte ^ name.charCodeAt(0)),
          )
        }
        writeFileSync(at("key"), "7".repeat(64))
        const env: Record<string, string> = format === "snapshot-catalog"
          ? {}
          : format === "fogsync"
          ? { PENSTOCK_KEY_FILE: at("key") }
          : { PENSTOCK_PASSWORD: "secret" }
        const key = format === "fogsync" ? ["--key-file", at("key")] : []
        const run = (command: string, ...args: ReadonlyArray<string>) =>
          quick([command, "-r", at("repo"), ...key, ...args], env)
        const init = await run("init", "--format", format, ...options)
        assert.equal(init.code, 0, init.stderr)
        const made = await run("backup", at("src"))
        assert.equal(made.code, 0, made.stderr)
        for (const kind of kinds) {
          const file = filesIn(at("repo")).find((name) => kind.test(name))
          assert.ok(file !== undefined, String(kind))
          for (const fault of ["mode 000", "a directory"] as const) {
            if (fault === "mode 000") chmodSync(file, 0)
            else {
              renameSync(file, at("aside"))
              mkdirSync(file, { mode: 0o755 })
            }
            const where: string = `${fault}: ${file}`
            const [checked, restored, listed] = await Promise.all([
              run("check", "--read-data", "--json"),
              run("restore", "--target", at("out"), "--json"),
              run("snapshots", "--json"),
            ])
            const rows = rowsOf(checked)
            assert.equal(rows.at(-1)?.["type"], "summary", `${where}: ${checked.stderr}`)
            const findings = rows.filter(({ type }) => type === "finding")
            assert.ok(findings.length > 0 || fault === "a directory", `${where}: check has nothing on it`)
            assert.equal(checked.code, findings.length > 0 ? 1 : 0, where)
            if (fault === "mode 000") {
              assert.ok(findings.some(({ unreadable }) => unreadable === true), `${where}: ${JSON.stringify(findings)}`)
            }
            // A snapshot that cannot be listed is counted, and the exit code is 1.
            const unlisted = listed.stderr.includes("cannot be listed")
            assert.equal(listed.code, unlisted ? 1 : 0, `${where}: ${listed.stderr}`)
            if (existsSync(at("out"))) {
              for (const name of readdirSync(at("out"))) {
                const lost = rowsOf(restored).some(({ path }) => path === name)
                if (!lost) assert.deepEqual(readFileSync(at(`out/${name}`)), readFileSync(at(`src/${name}`)), where)
              }
              execFileSync("rm", ["-rf", at("out")])
            }
            if (fault === "mode 000") chmodSync(file, 0o600)
            else {
              rmdirSync(file)
              renameSync(at("aside"), file)
            }
          }
        }
        const whole = await run("check", "--read-data")
        assert.equal(whole.code, 0, whole.stdout + whole.stderr)
      }),
  )
}

test(
  ...skipIf(reason, "a repository that cannot be read at all gives one sentence; one object of many gives advice"),
  () =>
    inDirectory(async (at) => {
      mkdirSync(at("src"))
      writeFileSync(at("src/a"), "a")
      const env = { PENSTOCK_PASSWORD: "secret" }
      assert.equal((await quick(["init", "-r", at("repo")], env)).code, 0)
      assert.equal((await quick(["backup", "-r", at("repo"), at("src")], env)).code, 0)
      const files = filesIn(at("repo"))
      const pack = files.find((name) => name.endsWith(".roz"))!
      chmodSync(pack, 0)
      const one = await quick(["check", "-r", at("repo")], env)
      assert.equal(one.code, 1)
      assert.match(
        one.stdout,
        /^1 object cannot be read, but may be intact\..* copy the whole repository .*Remove nothing$/m,
      )
      assert.doesNotMatch(one.stdout, /move them|remove them/)
      for (const file of files) chmodSync(file, 0)
      for (const command of ["check", "snapshots", "rebuild"]) {
        const { code, stderr, stdout } = await quick([command, "-r", at("repo")], env)
        assert.equal(code, 1, command)
        assert.equal(stdout, "")
        assert.match(
          stderr,
          /^penstock: Cannot read .*permission denied; check the owner and mode of the files\n$/,
          command,
        )
      }
    }),
)
