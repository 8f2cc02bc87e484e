/** What `cat` prints of a repository, and that none of it is a secret. */
// On one runtime: it is the same code on all.
import assert from "node:assert/strict"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { inDirectory, rowsOf, runScript } from "./process/spawn.ts"

test("cat prints the config, keys, snapshots and packs of rozen, without secrets", () =>
  inDirectory(async (at) => {
    const key = "0f".repeat(32)
    writeFileSync(at("key"), key)
    const env = { PENSTOCK_REPO: at("repo"), PENSTOCK_KEY_FILE: at("key") }
    const run = (...args: ReadonlyArray<string>) => runScript("tests/cli/process/quick_main.ts", args, { env })
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "content")
    // A character that turns the direction of writing must not reach the terminal.
    const made = await run("backup", "--init", "--json", "--tag", "\u202etag", at("src"))
    assert.equal(made.code, 0, made.stderr)
    const snapshot = String(rowsOf(made).at(-1)!["snapshot"])
    const printed = async (...args: ReadonlyArray<string>) => {
      const { code, stderr, stdout } = await run("cat", ...args)
      assert.equal(code, 0, stderr)
      assert.doesNotMatch(stdout, new RegExp(key))
      return stdout
    }

    const config = JSON.parse(await printed("config"))
    assert.deepEqual([config.format, config.stored.Version, config.stored.Id], ["rozen", 1, config.id])
    const [opened, ...others] = rowsOf({ code: 0, stderr: "", stdout: await printed("keys", "--json") })
    assert.deepEqual([opened!["type"], opened!["kind"], opened!["inUse"], others.length], ["key", "key-file", true, 1])
    const shown = await printed("snapshot", snapshot.slice(0, 8))
    assert.match(shown, /^ {4}"\\u202etag"$/m)
    const { files, id, stored } = JSON.parse(shown)
    assert.deepEqual([files, id, stored.record.id], [1, snapshot, snapshot])
    assert.ok(stored.catalog.bytes > 0 && stored.catalog.chunks > 0)
    assert.match(stored.object, /^INDEX\/00-\w{16}\.idx$/)
    const rows = rowsOf({ code: 0, stderr: "", stdout: await printed("index", "--json") })
    assert.deepEqual(rows.map(({ chunks, indexed, kind, type }) => [type, kind, chunks, indexed]), [
      ["pack", "data", 1, true],
      ["pack", "catalogs", stored.catalog.chunks, true],
      ["summary", undefined, undefined, undefined],
    ])

    const packs = readdirSync(at("repo/DATA"), { recursive: true }).map(String).filter((name) => name.endsWith(".roz"))
    rmSync(join(at("repo/DATA"), packs[0]!))
    const lost = await run("cat", "index", "--json")
    assert.equal(lost.code, 1)
    assert.match(lost.stderr, /DATA\/.*\.roz is missing/)
    assert.equal(rowsOf(lost).find(({ kind }) => kind === "data")!["lost"], true)
    assert.match(String(rowsOf(lost).find(({ type }) => type === "problem")!["message"]), /DATA\/.*\.roz is missing/)
    for (
      const [args, message] of [[["snapshot"], /Give the ID of a snapshot/], [["index", "ab"], /takes no ID/]] as const
    ) {
      const { code, stderr } = await run("cat", ...args)
      assert.equal(code, 1)
      assert.match(stderr, message)
    }
  }))

test("cat says what a format does not have", () =>
  inDirectory(async (at) => {
    const run = (...args: ReadonlyArray<string>) =>
      runScript("tests/cli/process/quick_main.ts", [args[0]!, "-r", at("repo"), ...args.slice(1)], { env: {} })
    assert.equal((await run("init", "--format", "snapshot-catalog")).code, 0)
    const config = await run("cat", "config")
    assert.equal(JSON.parse(config.stdout).format, "snapshot-catalog")
    const [keys, index] = [await run("cat", "keys"), await run("cat", "index")]
    assert.deepEqual([keys.code, index.code], [1, 1])
    assert.match(keys.stderr, /A repository of the format snapshot-catalog has no keys of its own/)
    assert.match(index.stderr, /does not show what its indexes list/)
  }))
