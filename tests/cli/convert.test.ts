import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { inDirectory, penstock, rowsOf } from "./process/spawn.ts"

const env = { PENSTOCK_PASSWORD: "secret", PENSTOCK_TO_PASSWORD: "other" }

test("convert makes every snapshot once; it names damaged files, and snapshots that the target had", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/kept"), "1")
    const backup = (time: string) =>
      penstock(["backup", "--init", "-r", at("from"), "--host", "h", "--time", time, "--tag", "t", at("src")])
    assert.equal((await backup("2026-01-01T10:00:00Z")).code, 0)
    writeFileSync(at("src/damaged"), "2")
    assert.equal((await backup("2026-01-02T10:00:00Z")).code, 0)

    const args = ["convert", "-r", at("from"), "--to", at("to"), "--json"]
    const tried = await penstock([...args, "--dry-run"], { env })
    assert.equal(tried.code, 0, tried.stderr)
    assert.deepEqual(rowsOf(tried).map(({ type }) => type), ["formats", "converted", "converted", "summary"])

    const one = await penstock([...args, "--snapshot", "latest"], { env })
    assert.equal(one.code, 3)
    assert.match(one.stderr, /^Problem with damaged: Its block is damaged/)
    const [formats, problem, converted, summary] = rowsOf(one)
    assert.deepEqual(formats, { type: "formats", from: "rozen", to: "rozen", notKept: [], notKeptOfRecord: [] })
    assert.deepEqual([problem?.["path"], problem?.["source"]], ["damaged", converted?.["source"]])
    assert.deepEqual([converted?.["files"], converted?.["problems"]], [1, 1])
    assert.deepEqual([summary?.["converted"], summary?.["skipped"], summary?.["problems"]], [1, 0, 1])

    const rest = await penstock(args, { env })
    assert.equal(rest.code, 0, rest.stderr)
    assert.deepEqual(rowsOf(rest).map(({ type }) => type), ["formats", "converted", "skipped", "summary"])

    const listed = await penstock(["snapshots", "-r", at("to"), "--json"], { env: { PENSTOCK_PASSWORD: "other" } })
    assert.deepEqual(
      rowsOf(listed).slice(0, 2).map(({ hostname, paths, tags, time }) => [hostname, paths, tags, time]),
      [
        ["h", [at("src")], ["t"], "2026-01-01T10:00:00.000Z"],
        ["h", [at("src")], ["t"], "2026-01-02T10:00:00.000Z"],
      ],
    )
  })
})

test("convert refuses what it cannot do, with a reason", async () => {
  await inDirectory(async (at) => {
    const fails = async (...args: ReadonlyArray<string>) => {
      const { code, stderr } = await penstock(["convert", ...args], { env })
      assert.notEqual(code, 0)
      return stderr
    }
    assert.match(await fails("-r", at("from"), "--to", at("from")), /cannot be converted into itself/)
    assert.match(await fails("-r", at("from"), "--to", at("to"), "--all", "-s", "1"), /either --all or --snapshot/)
    assert.match(await fails("-r", at("from"), "--to", at("to")), /^penstock: There is no repository at .*from; make/)
    assert.match(await fails("-r", at("from")), /Missing required flag: --to \(see penstock convert --help\)/)
  })
})
