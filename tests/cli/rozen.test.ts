import assert from "node:assert/strict"
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import type { Script } from "./process/bundled.ts"
import { type Ended, inDirectory, rowsOf, runScript, type SpawnOptions } from "./process/spawn.ts"

const run = (script: Script, args: ReadonlyArray<string>, options: SpawnOptions = {}): Promise<Ended> =>
  runScript(script, args, { ...options, fromSource: true })

// The entry scripts run from the sources, as in a checkout; other tests of the command run a bundle.
test("backup.ts, then restore.ts: the same tree, and nothing new the second time", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    const big = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 13)
    writeFileSync(at("src/d/big"), big)
    writeFileSync(at("src/small"), "hello")
    const first = await run("backup.ts", ["-r", at("repo"), "--json", at("src")])
    assert.equal(first.code, 0, first.stderr)
    const again = await run("backup.ts", ["-r", at("repo"), "--json", "--force", at("src")])
    const { bytes, bytesAdded, chunksNew, snapshot } = rowsOf(again).at(-1)!
    assert.deepEqual([bytes, bytesAdded, chunksNew], [3_000_005, 0, 0])
    const back = await run("restore.ts", [
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
    const wrong = await runScript("cli/main.ts", ["check", "-r", at("repo")], { env: { PENSTOCK_PASSWORD: "other" } })
    assert.equal(wrong.code, 12)
    rmSync(at("repo/ROZEN.json"))
    const warned = await runScript("cli/main.ts", ["snapshots", "-r", at("repo"), "--json"])
    assert.equal(warned.code, 0)
    assert.match(warned.stderr, /^penstock: ROZEN\.json is missing/)
    assert.deepEqual(rowsOf(warned).map(({ type }) => type), ["snapshot", "snapshot", "summary"])
  })
})
