import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { noise } from "../suites/noise.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"
const env = { PENSTOCK_PASSWORD: "secret", PENSTOCK_TO_PASSWORD: "other", PENSTOCK_FROM_PASSWORD: "secret" }
const penstock = (args: ReadonlyArray<string>, password = "secret"): Promise<Ended> =>
  runScript(main, args, { env: { ...env, PENSTOCK_PASSWORD: password } })
const ok = async (args: ReadonlyArray<string>, password?: string): Promise<ReturnType<typeof rowsOf>> => {
  const ended = await penstock(args, password)
  assert.equal(ended.code, 0, ended.stderr)
  return args.includes("--json") ? rowsOf(ended) : []
}
const fails = async (args: ReadonlyArray<string>, password?: string): Promise<string> => {
  const { code, stderr } = await penstock(args, password)
  assert.notEqual(code, 0)
  return `${code} ${stderr}`
}

test("copy into a repository with another key: first everything, later only new data", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    const big = noise(1_500_000, 1)
    writeFileSync(at("src/big"), big)
    writeFileSync(at("src/small"), "1")
    const backup = (time: string) =>
      ok(["backup", "-q", "--init", "-r", at("from"), "--host", "h", "--time", time, "--tag", "t", at("src")])
    await backup("2026-01-01T10:00:00Z")
    const args = ["copy", "-r", at("from"), "--to", at("to"), "--json"]
    assert.match(await fails(args), /^10 penstock: There is no repository at .*to; make one with: penstock init -r /)
    await ok(["init", "-q", "-r", at("to")], "other")
    const first = await ok(args)
    assert.deepEqual(first.map(({ type }) => type), ["copied", "summary"])
    assert.deepEqual([first[0]?.["files"], first[0]?.["bytes"], first[1]?.["copied"]], [2, 1_500_001, 1])

    writeFileSync(at("src/small"), "2")
    await backup("2026-01-02T10:00:00Z")
    const second = await ok(args)
    assert.deepEqual(second.map(({ type }) => type), ["skipped", "copied", "summary"])
    const { bytesAdded, bytesRead, bytesStored } = second[2]!
    assert.equal(bytesAdded, 1)
    assert.ok(Number(bytesRead) < 50_000, `${bytesRead} bytes read`)
    assert.ok(Number(bytesStored) < 50_000, `${bytesStored} bytes stored`)

    const listed = (await ok(["snapshots", "-r", at("to"), "--json"], "other")).slice(0, 2)
    assert.deepEqual(
      listed.map(({ hostname, original, paths, tags, time }) => [hostname, paths, tags, time, original]),
      [
        ["h", [at("src")], ["t"], "2026-01-01T10:00:00.000Z", first[0]?.["source"]],
        ["h", [at("src")], ["t"], "2026-01-02T10:00:00.000Z", second[1]?.["source"]],
      ],
    )
    await ok(["restore", "-q", "-r", at("to"), "--target", at("out")], "other")
    assert.deepEqual(new Uint8Array(readFileSync(at("out/big"))), big)
    assert.equal(readFileSync(at("out/small"), "utf8"), "2")
  })
})

test("init --from-repo: the same data, copied and backed up directly, is stored once", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), noise(600_000, 1))
    await ok(["backup", "-q", "--init", "-r", at("from"), at("src")])
    const [made] = await ok(["init", "--json", "-r", at("to"), "--from-repo", at("from")], "other")
    assert.match(String(made?.["keyOf"]), /^[0-9a-f]{32}$/)
    await ok(["copy", "-q", "-r", at("from"), "--to", at("to")])
    const direct = await ok(["backup", "--json", "--force", "-r", at("to"), at("src")], "other")
    assert.equal(direct.at(-1)?.["chunksNew"], 0)
  })
})

test("copy refuses what it cannot do, with a reason", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "1")
    assert.match(await fails(["copy", "-r", at("from"), "--to", at("from")]), /cannot be copied into itself/)
    await ok(["init", "-q", "-r", at("catalog"), "--format", "snapshot-catalog", "--no-encryption"])
    await ok(["init", "-q", "-r", at("to")], "other")
    assert.match(
      await fails(["copy", "-r", at("catalog"), "--no-encryption", "--to", at("to")]),
      /has the format snapshot-catalog, but .*to has rozen: use penstock convert/,
    )
    assert.match(
      await fails(["init", "-r", at("new"), "--format", "bkp", "--from-repo", at("from")]),
      /--from-repo is not for the format bkp/,
    )
    await ok(["backup", "-q", "--init", "-r", at("one.zprt"), "--format", "zprt", at("src")])
    assert.match(
      await fails(["copy", "-r", at("one.zprt"), "--to", at("two.zprt")]),
      /holds one snapshot: copy the file, or use penstock convert/,
    )
  })
})
