import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { noise } from "../suites/format.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "./spawn.ts"

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url).href)
const env = { PENSTOCK_PASSWORD: "secret", PENSTOCK_TO_PASSWORD: "other", PENSTOCK_FROM_PASSWORD: "secret" }
const of = (password: string) => ({ ...env, PENSTOCK_PASSWORD: password })
const penstock = (args: ReadonlyArray<string>, password = "secret"): Promise<Ended> =>
  runScript(main, args, { env: of(password) })
const ok = async (args: ReadonlyArray<string>, password?: string): Promise<Ended> => {
  const ended = await penstock(args, password)
  assert.equal(ended.code, 0, ended.stderr)
  return ended
}

for (const [name, options] of [["of its own", false], ["of the source", true]] as const) {
  test(`copy into a repository with a key ${name}: everything once, and only what is new after that`, async () => {
    await inDirectory(async (at) => {
      mkdirSync(at("src"))
      const big = noise(1_500_000, 1)
      writeFileSync(at("src/big"), big)
      writeFileSync(at("src/small"), "1")
      const backup = (time: string) =>
        ok(["backup", "-q", "--init", "-r", at("from"), "--host", "h", "--time", time, "--tag", "t", at("src")])
      await backup("2026-01-01T10:00:00Z")
      const made = rowsOf(
        await ok(["init", "--json", "-r", at("to"), ...(options ? ["--from-repo", at("from")] : [])], "other"),
      )[0]
      assert.equal(made?.["keyOf"] !== undefined, options)
      const args = ["copy", "-r", at("from"), "--to", at("to"), "--json"]
      const tried = rowsOf(await ok([...args, "--dry-run"]))
      assert.deepEqual(tried.map(({ type }) => type), ["copied", "summary"])
      const first = rowsOf(await ok(args))
      assert.deepEqual(first.map(({ type }) => type), ["copied", "summary"])
      assert.deepEqual([first[0]?.["files"], first[0]?.["bytes"], first[1]?.["copied"]], [2, 1_500_001, 1])

      writeFileSync(at("src/small"), "2")
      await backup("2026-01-02T10:00:00Z")
      const second = rowsOf(await ok(args))
      assert.deepEqual(second.map(({ type }) => type), ["skipped", "copied", "summary"])
      const { bytesAdded, bytesRead, bytesStored } = second[2]!
      assert.equal(bytesAdded, 1)
      assert.ok(Number(bytesRead) < 50_000, `${bytesRead} bytes read`)
      assert.ok(Number(bytesStored) < 50_000, `${bytesStored} bytes stored`)

      const listed = rowsOf(await ok(["snapshots", "-r", at("to"), "--json"], "other")).slice(0, 2)
      assert.deepEqual(
        listed.map(({ hostname, original, paths, tags, time }) => [hostname, paths, tags, time, original]),
        [
          ["h", [at("src")], ["t"], "2026-01-01T10:00:00.000Z", first[0]?.["source"]],
          ["h", [at("src")], ["t"], "2026-01-02T10:00:00.000Z", second[1]?.["source"]],
        ],
      )
      await ok(["check", "--read-data", "-r", at("to")], "other")
      await ok(["restore", "-q", "-r", at("to"), "--target", at("out")], "other")
      assert.deepEqual(new Uint8Array(readFileSync(at("out/big"))), big)
      assert.equal(readFileSync(at("out/small"), "utf8"), "2")

      // What is backed up directly meets what was copied, when the key is the same.
      const direct = await ok(["backup", "--json", "--force", "-r", at("to"), at("src")], "other")
      const { chunksNew } = rowsOf(direct).at(-1)!
      if (options) assert.equal(chunksNew, 0)
      else assert.ok(Number(chunksNew) > 0)
    })
  })
}

test("copy says what it cannot do", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "1")
    await ok(["backup", "-q", "--init", "-r", at("from"), at("src")])
    const fails = async (args: ReadonlyArray<string>, password?: string) => {
      const { code, stderr } = await penstock(args, password)
      assert.notEqual(code, 0)
      return `${code} ${stderr}`
    }
    assert.match(await fails(["copy", "-r", at("from"), "--to", at("from")]), /cannot be copied into itself/)
    assert.match(
      await fails(["copy", "-r", at("from"), "--to", at("to")]),
      /^10 penstock: There is no repository at .*to; make one with: penstock init -r /,
    )
    await ok(["init", "-q", "-r", at("bkp"), "--format", "bkp"], "other")
    assert.match(
      await fails(["copy", "-r", at("from"), "--to", at("bkp")]),
      /is of the format rozen, and .*bkp of bkp: use penstock convert/,
    )
    assert.match(
      await fails(["init", "-r", at("new"), "--format", "bkp", "--from-repo", at("from")]),
      /--from-repo is not for the format bkp/,
    )
    assert.match(
      await fails(["init", "-r", at("new"), "--from-repo", at("none")]),
      /^10 penstock: There is no repository at .*none/,
    )
    await ok(["backup", "-q", "--init", "-r", at("one.zprt"), "--format", "zprt", at("src")])
    assert.match(
      await fails(["copy", "-r", at("one.zprt"), "--to", at("two.zprt")]),
      /holds one snapshot: copy the file, or use penstock convert/,
    )
  })
})

test("copy of a format without a way of its own", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "1")
    await ok(["backup", "-q", "--init", "-r", at("from"), "--format", "bkp", at("src")])
    await ok(["init", "-q", "-r", at("to"), "--format", "bkp"], "other")
    const args = ["copy", "--json", "-r", at("from"), "--to", at("to")]
    assert.deepEqual(rowsOf(await ok(args)).map(({ type }) => type), ["copied", "summary"])
    assert.deepEqual(rowsOf(await ok(args)).map(({ type }) => type), ["skipped", "summary"])
    await ok(["restore", "-q", "-r", at("to"), "--target", at("out")], "other")
    assert.equal(readFileSync(at("out/a"), "utf8"), "1")
  })
})
