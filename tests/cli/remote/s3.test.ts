/** A whole repository in a bucket of Ceph, by the command. */
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { after, before, describe, it } from "node:test"
import { type Ceph, noCeph, startCeph } from "../../servers/ceph.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "../process/spawn.ts"

const main = "tests/cli/process/quick_main.ts"
let ceph: Ceph

before(async () => {
  if (noCeph === undefined) ceph = await startCeph()
})
after(async () => {
  await ceph?.stop()
})

const run = async (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Promise<Ended> => {
  const ended = await runScript(main, args, {
    env: {
      PENSTOCK_PASSWORD: "secret",
      AWS_ACCESS_KEY_ID: ceph.accessKey,
      AWS_SECRET_ACCESS_KEY: ceph.secretKey,
      AWS_CONFIG_FILE: "/nowhere/config",
      ...env,
    },
  })
  for (const text of [ended.stdout, ended.stderr]) {
    assert.ok(!text.includes(ceph.secretKey) && !/Signature=[0-9a-f]/.test(text), `${args[0]} shows a secret`)
  }
  return ended
}

describe("penstock in a bucket", { ...(noCeph === undefined ? {} : { skip: noCeph }) }, () => {
  it("init, backup, snapshots, ls, check and restore", async () => {
    await inDirectory(async (at) => {
      const repo = ["-r", `s3:${ceph.endpoint}/new-bucket/p`]
      mkdirSync(at("src/d"), { recursive: true })
      const big = new Uint8Array(3_000_000).map((_, i) => (i * 2654435761) >>> 13)
      writeFileSync(at("src/d/big"), big)
      writeFileSync(at("src/small"), "hello")
      const none = await run(["snapshots", ...repo])
      assert.equal(none.code, 10, none.stderr)
      const good = async (...args: ReadonlyArray<string>) => {
        const ended = await run(args)
        assert.equal(ended.code, 0, `${args[0]}: ${ended.stderr}`)
        return ended
      }
      await good("init", ...repo)
      const first = await good("backup", ...repo, "--json", at("src"))
      assert.equal(rowsOf(first).at(-1)!["bytes"], 3_000_005)
      const snapshots = rowsOf(await good("snapshots", ...repo, "--json"))
      assert.deepEqual(snapshots.map(({ type }) => type), ["snapshot", "summary"])
      assert.match((await good("ls", ...repo)).stdout, /d\/big/)
      await good("check", ...repo, "--read-data")
      await good("restore", ...repo, "--target", at("out"))
      assert.deepEqual(new Uint8Array(readFileSync(at("out/d/big"))), big)
      assert.equal(readFileSync(at("out/small"), "utf8"), "hello")
    })
  })

  it("wrong keys give one sentence, even with --debug", async () => {
    const repo = `s3:${ceph.endpoint}/another-bucket/p`
    const wrong = "not/the+secret-of-anybody-at-all"
    for (const debug of [[], ["--debug"]]) {
      const ended = await run(["snapshots", "-r", repo, ...debug], { AWS_SECRET_ACCESS_KEY: wrong })
      assert.equal(ended.code, 1, ended.stderr)
      assert.match(ended.stderr, /the secret key is wrong; check AWS_SECRET_ACCESS_KEY/)
      if (debug.length === 0) assert.equal(ended.stderr.trim().split("\n").length, 1, ended.stderr)
      assert.ok(!`${ended.stdout}${ended.stderr}`.includes(wrong))
    }
    const inside = await run(["snapshots", "-r", `s3://AK:${wrong}@bucket/p`])
    assert.notEqual(inside.code, 0)
    assert.match(inside.stderr, /it holds credentials.*set AWS_ACCESS_KEY_ID/)
    assert.ok(!`${inside.stdout}${inside.stderr}`.includes(wrong))
  })
})
