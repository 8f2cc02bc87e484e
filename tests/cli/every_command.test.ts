/** Each subcommand as a process, from its bundle. Other tests run most commands inside their own process. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { noise } from "../suites/noise.ts"
import { inDirectory, runScript } from "./process/spawn.ts"

test("each subcommand runs, prints and ends as a process", () =>
  inDirectory(async (at) => {
    const env = { PENSTOCK_REPO: at("repo"), PENSTOCK_KEY_FILE: at("key") }
    const run = async (...args: ReadonlyArray<string>): Promise<string> => {
      const ended = await runScript("tests/cli/process/quick_main.ts", args, { env, spawned: true })
      assert.equal(ended.code, 0, `${args.join(" ")}: ${ended.stderr}`)
      return ended.stdout
    }
    writeFileSync(at("key"), `${"0f".repeat(32)}\n`)
    mkdirSync(at("src"))
    // Text, since the output is read as text; more than a pipe holds.
    const content = Buffer.from(noise(300_000, 1)).toString("base64")
    writeFileSync(at("src/a"), content)

    await run("init", "-q")
    const first = /^Snapshot ([0-9a-f]+) of .* saved$/m.exec(await run("backup", at("src")))![1]!
    assert.match(await run("snapshots"), /1 snapshot/)
    assert.equal(await run("ls"), ".\na\n")
    const dumped = await run("dump", "a")
    assert.equal(createHash("sha256").update(dumped).digest("hex"), createHash("sha256").update(content).digest("hex"))
    writeFileSync(at("src/b"), "more")
    await run("backup", "-q", at("src"))
    assert.match(await run("diff", first, "latest"), /^\+ +b$/m)
    assert.match(await run("find", "b"), /^\+ +b$/m)
    assert.match(await run("stats", "--mode", "raw-data"), /^Stored: /m)
    assert.match(await run("verify", "--sample", "2"), /^OK/)
    await run("check", "--read-data")
    await run("rebuild")
    assert.match(await run("key", "list"), /key-file/)
    assert.match(await run("cat", "index"), /"kind": "data"/)
    await run("init", "-q", "-r", at("copy"))
    assert.match(await run("copy", "--to", at("copy"), "--to-key-file", at("key")), /2 snapshots copied/)
    assert.match(await run("forget", first), /^Forgot 1 snapshot\nWhat only they held still takes up space: /m)
    await run("convert", "-q", "--to", at("other"), "--to-format", "snapshot-catalog")
    await run("restore", "-q", "--target", at("out"))
    assert.equal(readFileSync(at("out/a"), "utf8"), content)
    assert.match(await run("version"), /^penstock /)
  }))
