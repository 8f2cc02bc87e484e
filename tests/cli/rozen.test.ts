import assert from "node:assert/strict"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { inDirectory, rowsOf, runScript } from "./spawn.ts"

const script = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url).href)
const backup = script("backup.ts")
const restore = script("restore.ts")
const main = script("cli/main.ts")

test("backup.ts, then restore.ts: the same tree, and nothing new the second time", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    const big = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 13)
    writeFileSync(at("src/d/big"), big)
    writeFileSync(at("src/small"), "hello")
    const first = await runScript(backup, ["-r", at("repo"), "--json", at("src")])
    assert.equal(first.code, 0, first.stderr)
    const again = await runScript(backup, ["-r", at("repo"), "--json", "--force", at("src")])
    const { bytes, bytesAdded, chunksNew, snapshot } = rowsOf(again).at(-1)!
    assert.deepEqual([bytes, bytesAdded, chunksNew], [3_000_005, 0, 0])
    const back = await runScript(restore, [
      "-r",
      at("repo"),
      "-s",
      String(snapshot).slice(0, 10),
      "--target",
      at("out"),
    ])
    assert.equal(back.code, 0, back.stderr)
    assert.deepEqual(new Uint8Array(readFileSync(at("out/d/big"))), big)
    assert.equal(readFileSync(at("out/small"), "utf8"), "hello")
    const wrong = await runScript(main, ["check", "-r", at("repo")], { env: { PENSTOCK_PASSWORD: "other" } })
    assert.equal(wrong.code, 12)
    rmSync(at("repo/ROZEN.json"))
    const warned = await runScript(main, ["snapshots", "-r", at("repo"), "--json"])
    assert.equal(warned.code, 0)
    assert.match(warned.stderr, /^penstock: ROZEN\.json is missing/)
    assert.deepEqual(rowsOf(warned).map(({ type }) => type), ["snapshot", "snapshot", "summary"])
  })
})
