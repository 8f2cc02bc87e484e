/** Facts of a snapshot that options give are kept or refused. */
// On one runtime: many combinations of repositories; the rule is portable code.
import assert from "node:assert/strict"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { bkp } from "../../../formats/bkp/mod.ts"
import { fogsync } from "../../../formats/fogsync/mod.ts"
import { recordLossesBetween, wholeRecord } from "../../../formats/record_fidelity.ts"
import { rozen } from "../../../formats/rozen/mod.ts"
import { rozenV0 } from "../../../formats/rozen/v0/mod.ts"
import { snapshotCatalog } from "../../../formats/snapshot_catalog/mod.ts"
import { zprt } from "../../../formats/zprt/mod.ts"
import { inDirectory, rowsOf, runScript } from "../process/spawn.ts"

const run = (...args: ReadonlyArray<string>) => runScript("cli/main.ts", args, { env: { PENSTOCK_PASSWORD: "secret" } })

test("backup refuses to record facts that the format does not keep, before anything is made", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "1")
    const refused = async (format: string, ...told: ReadonlyArray<string>) => {
      const ended = await run("backup", "--init", "-r", at(format), "--format", format, ...told, at("src"))
      assert.equal(ended.code, 1, ended.stdout)
      assert.ok(!existsSync(at(format)))
      return ended.stderr
    }
    assert.equal(await refused("bkp", "--tag", "t"), "penstock: The format bkp keeps no tags: leave --tag out\n")
    assert.equal(
      await refused("zprt", "--tag", "t", "--host", "h", "--time", "2026-01-01"),
      "penstock: The format zprt keeps no tags, no host name and no time: leave --tag, --host and --time out\n",
    )
  })
})

test("filters about facts that the format does not keep are refused; init and convert name these facts", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "1")
    const plain = ["-r", at("bkp"), "--no-encryption"]
    const made = await run("init", "--json", ...plain, "--format", "bkp")
    assert.deepEqual(rowsOf(made).at(-1)!["notKeptOfRecord"], [
      "tags",
      "user name",
      "paths",
      "fractions of a second of time",
    ])
    // No option gave the name of this machine.
    const backed = await run("backup", "-q", ...plain, "--time", "2026-01-01T10:00:00Z", "--host", "h", at("src"))
    assert.equal(backed.code, 0, backed.stderr)
    const listed = rowsOf(await run("snapshots", "--json", ...plain, "--host", "h"))[0]!
    assert.deepEqual([listed["hostname"], listed["time"]], ["h", "2026-01-01T10:00:00.000Z"])

    const message = "penstock: The format bkp keeps no tags and no paths: leave --tag and --path out\n"
    const filter = ["--tag", "t", "--path", at("src")]
    const commands = [["snapshots"], ["ls"], ["dump", "a"], ["check"], ["restore", "-t", at("out")]]
    for (const command of [...commands, ["convert", "--to", at("to")], ["copy", "--to", at("to")]]) {
      const ended = await run(...command, ...plain, ...filter)
      assert.deepEqual([ended.code, ended.stderr], [1, message], command[0])
    }
    assert.ok(!existsSync(at("to")))

    const to = ["--to", at("a.zprt"), "--to-format", "zprt"]
    const converted = await runScript("cli/main.ts", ["convert", "--json", ...plain, ...to], {
      env: { PENSTOCK_TO_PASSWORD: "secret" },
    })
    assert.equal(converted.code, 0, converted.stderr)
    assert.deepEqual(rowsOf(converted)[0]!["notKeptOfRecord"], ["host name", "time"])
    const zipped = await run("backup", "-q", "-r", at("a.zprt"), at("src"))
    assert.equal(zipped.code, 0, zipped.stderr)
  })
})

test("each format declares what it keeps of a record", () => {
  for (const { name, record } of [rozen, rozenV0, snapshotCatalog, fogsync]) {
    assert.deepEqual(recordLossesBetween(wholeRecord, record), [], name)
  }
  assert.deepEqual(recordLossesBetween(bkp.record, zprt.record), ["host name", "time"])
  assert.deepEqual(recordLossesBetween(zprt.record, bkp.record), [])
})
