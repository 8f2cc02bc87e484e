/** Formats that take another secret than a password, through the whole command. */
// On one runtime: every format is tested on all three by its contract, and every command by tests of one format.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { Effect, Redacted } from "effect"
import { newIdentity, recipientOf } from "../../stages/encrypt/age.ts"
import { skipIf } from "../skip.ts"
import { basicEnvironment, commandOf, type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const main = "cli/main.ts"
const run = (args: ReadonlyArray<string>): Promise<Ended> => runScript(main, args, { env: {} })
const pathsOf = (ended: Ended): ReadonlyArray<unknown> =>
  rowsOf(ended).filter(({ type }) => type === "entry").map(({ path }) => path)

test("bkp without encryption and zprt with age keys: convert, list, recover", async () => {
  const identity = await Effect.runPromise(newIdentity)
  const recipient = await Effect.runPromise(recipientOf(identity))
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    writeFileSync(at("src/d/a"), "content")
    symlinkSync("d/a", at("src/l"))
    writeFileSync(at("id"), `# a comment\n${Redacted.value(identity)}\n`)

    const made = await run(["init", "-r", at("bkp"), "--format", "bkp", "--no-encryption", "--json"])
    assert.equal(made.code, 0, made.stderr)
    assert.ok((rowsOf(made)[0]!["notKept"] as ReadonlyArray<string>).includes("owners"))
    const backed = await run(["backup", "-r", at("bkp"), "--json", at("src")])
    assert.equal(backed.code, 0, backed.stderr)
    assert.ok(rowsOf(backed).some(({ type, what }) => type === "loss" && what === "owners"))
    assert.equal((await runScript(main, ["ls", "-r", at("bkp")])).code, 1, "a password that is set is not ignored")
    assert.equal((await runScript(main, ["ls", "-r", at("bkp"), "--no-encryption"])).code, 0)

    const to = ["--to", at("a.zprt"), "--to-format", "zprt", "--to-recipient", recipient, "--to-identity", at("id")]
    const converted = await run(["convert", "-r", at("bkp"), ...to, "--json"])
    assert.equal(converted.code, 3)
    assert.match(converted.stderr, /^Problem with l: The format cannot hold symbolic links/)
    assert.ok((rowsOf(converted)[0]!["notKept"] as ReadonlyArray<string>).includes("symbolic links"))

    const [listed, locked] = await Promise.all([
      run(["ls", "-r", at("a.zprt"), "--identity", at("id"), "--json"]),
      run(["ls", "-r", at("a.zprt")]),
    ])
    assert.deepEqual(pathsOf(listed), ["d/a"])
    assert.match(
      locked.stderr,
      /^penstock: No password: set PENSTOCK_PASSWORD.*, --identity FILE, or run this on a terminal/,
    )

    const whole = readFileSync(at("a.zprt"))
    writeFileSync(at("cut.zprt"), whole.subarray(0, whole.length - 100))
    const recovered = await run(["check", "-r", at("cut.zprt"), "--identity", at("id"), "--recover", "--json"])
    const summary = rowsOf(recovered).at(-1)!
    assert.deepEqual([summary["type"], summary["named"], summary["files"]], ["summary", false, 1], recovered.stderr)
  })
})

test("fogsync with a key file", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "content")
    writeFileSync(at("key"), "0123456789abcdef".repeat(4))
    const args = ["-r", at("fog"), "--key-file", at("key")]
    const made = await runScript("backup.ts", [...args, "--format", "fogsync", at("src")], { env: {} })
    assert.equal(made.code, 0, made.stderr)
    const back = await runScript("restore.ts", [...args, "--target", at("out")], { env: {} })
    assert.equal(back.code, 0, back.stderr)
    assert.equal(readFileSync(at("out/a"), "utf8"), "content")
    const rebuild = async () => {
      const ended = await run(["rebuild", ...args])
      assert.equal(ended.code, 0, ended.stderr)
      return ended.stdout
    }
    assert.match(await rebuild(), /No catalog or index was lost/)
    rmSync(at("fog/FOGSYNC"))
    const rebuilt = await rebuild()
    assert.match(rebuilt, /FOGSYNC was lost or damaged; it was made again/)
    assert.doesNotMatch(rebuilt, /No catalog/)
    assert.ok(existsSync(at("fog/FOGSYNC")))
    writeFileSync(at("key"), "00".repeat(32))
    assert.equal((await run(["ls", ...args])).code, 12)
    assert.match(
      (await run(["ls", "-r", at("fog")])).stderr,
      /^penstock: The format fogsync needs a key: give --key-file/,
    )
  })
})

test("--compression takes the modes of the format", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "text ".repeat(20_000))
    const stored = async (...args: ReadonlyArray<string>): Promise<number> => {
      const made = await runScript("backup.ts", [...args, "--json", at("src")])
      assert.equal(made.code, 0, made.stderr)
      return rowsOf(made).at(-1)!["bytesStored"] as number
    }
    assert.ok(await stored("-r", at("small"), "--compression", "better") < 20_000)
    assert.ok(await stored("-r", at("large"), "--compression", "off") > 100_000)
    const refused = await runScript("backup.ts", [
      ...["-r", at("bkp"), "--format", "bkp", "--compression", "max", at("src")],
    ])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /bkp has no modes of compression/)
    assert.equal(existsSync(at("bkp")), false)
  })
})

test("a repository beneath a backed-up path is left out, with all of its files", async () => {
  const identity = await Effect.runPromise(newIdentity)
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    writeFileSync(at("src/a"), "content")
    writeFileSync(at("id"), `${Redacted.value(identity)}\n`)
    const cases = [
      { own: /zprt/, args: ["-r", at("src/d/a.zprt"), "--identity", at("id"), "--format", "zprt"] },
      { own: /[.]db/, args: ["-r", `sqlite:${at("src/d/b.db")}`, "--format", "snapshot-catalog"] },
    ]
    for (const { args, own } of cases) {
      const made = await run(["backup", "--init", ...args, at("src")])
      assert.equal(made.code, 0, made.stderr)
      const listed = await run(["ls", "--json", ...args.slice(0, -2)])
      assert.deepEqual(pathsOf(listed).filter((path) => own.test(String(path))), [])
    }
    const named = await run(["ls", "-r", at("src/d/b.db")])
    assert.match(named.stderr, /is a SQLite database; if a repository lies in it, name it as sqlite:/)
  })
})

test(
  ...skipIf(process.platform !== "linux" && "only Linux has /dev/full", "a failure to write to stdout is an error"),
  async () => {
    await inDirectory(async (at) => {
      mkdirSync(at("src"))
      writeFileSync(at("src/a"), "content")
      const made = await run(["backup", "--init", "-r", at("repo"), "--format", "snapshot-catalog", at("src")])
      assert.equal(made.code, 0, made.stderr)
      for (const command of [["ls"], ["dump"], ["dump", "a"]]) {
        const ended = spawnSync("sh", [
          ...["-c", 'exec "$0" "$@" > /dev/full'],
          ...[...commandOf(main), ...command, "-r", at("repo")],
        ], { encoding: "utf8", env: basicEnvironment() })
        assert.equal(ended.status, 1, command.join(" "))
        assert.match(ended.stderr, /^penstock: Cannot write to standard output: /)
      }
    })
  },
)

const ownersOnly = (umask: number): Promise<void> =>
  inDirectory(async (at) => {
    mkdirSync(at("made"))
    const repos = [at("made/a/rozen"), `sqlite:${at("made/db")}`, at("made/b/x.zprt")]
    for (const repo of repos) {
      const before = process.umask(umask)
      const ending = runScript(main, ["init", "-r", repo, ...repo.endsWith("zprt") ? ["--format", "zprt"] : []], {
        env: { PENSTOCK_PASSWORD: "secret", XDG_STATE_HOME: at("made/s") },
      })
      process.umask(before)
      const ended = await ending
      assert.equal(ended.code, 0, ended.stderr)
    }
    const made = readdirSync(at("made"), { recursive: true, encoding: "utf8" })
    for (const name of ["a/rozen/ROZEN.json", "db", "b/x.zprt", "s/penstock/known_repositories"]) {
      assert.ok(made.includes(name), name)
    }
    for (const name of made) {
      const info = statSync(at(`made/${name}`))
      assert.equal(info.mode & 0o777, info.isDirectory() ? 0o700 : 0o600, name)
    }
  })

for (const umask of [0, 0o177]) {
  test(`everything that init makes is for its owner only, with the umask ${umask.toString(8)}`, () => ownersOnly(umask))
}
