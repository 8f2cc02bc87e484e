/** The server of a repository is killed during a command, and comes back or does not. */
// On one runtime: what a command does when a server dies is portable; the store is tested on all three.
import assert from "node:assert/strict"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { after, before, describe, it } from "node:test"
import { type Ceph, noCeph, startCeph } from "../../servers/ceph.ts"
import { type Before, httpGate } from "../../servers/http_gate.ts"
import { noise } from "../../suites/noise.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "../process/spawn.ts"

const main = "tests/cli/process/remote_main.ts"
const MIB = 1 << 20
/** Of 2 MiB: three packs, the last one not full. */
const FILES = 20
/** Requests that write or read packs of content. */
const isPack = (url: string): boolean => /\.roz(\?|$)/.test(url)
const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

let ceph: Ceph

before(async () => {
  if (noCeph === undefined) ceph = await startCeph()
})
after(async () => {
  await ceph?.stop()
})

/** Runs the command with a bucket, through a gate. */
const run = async (
  at: (name: string) => string,
  args: ReadonlyArray<string>,
  on: Before = async () => {},
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> => {
  const gate = await httpGate(ceph.endpoint, on)
  try {
    return await runScript(main, args, {
      env: {
        PENSTOCK_PASSWORD: "secret",
        PENSTOCK_REPO: `s3:${gate.endpoint}/killed/${at("").length}-${at("").split("-").at(-1)}`,
        PENSTOCK_CACHE_DIR: at("cache"),
        AWS_ACCESS_KEY_ID: ceph.accessKey,
        AWS_SECRET_ACCESS_KEY: ceph.secretKey,
        AWS_CONFIG_FILE: "/nowhere/config",
        ...env,
      },
    })
  } finally {
    await gate.close()
  }
}

const summaryOf = (ended: Ended): Readonly<Record<string, number>> => {
  assert.equal(ended.code, 0, ended.stderr)
  return rowsOf(ended).at(-1) as Readonly<Record<string, number>>
}

/** Runs in a directory with files in `source`, and a new repository. */
const withRepository = (use: (at: (name: string) => string) => Promise<void>): Promise<void> =>
  inDirectory(async (at) => {
    mkdirSync(at("source"))
    for (let i = 0; i < FILES; i++) writeFileSync(join(at("source"), `f${i}`), noise(2 * MIB, i))
    const made = await run(at, ["init"])
    assert.equal(made.code, 0, made.stderr)
    await use(at)
  })

const assertRestored = (at: (name: string) => string): void => {
  for (let i = 0; i < FILES; i++) {
    assert.ok(readFileSync(join(at("out"), `f${i}`)).equals(noise(2 * MIB, i)), `f${i} is as it was`)
  }
}

/** Kills the gateway at the first request for which this is true. With `back`, starts it again after a while. */
const killing = (when: (method: string, url: string) => boolean, back: boolean) => {
  let over: Promise<void> | undefined
  let started: Promise<void> | undefined
  return {
    on: (async (method, url) => {
      if (over === undefined && when(method, url)) {
        over = (async () => {
          await ceph.killGateway()
          if (back) started = pause(1500).then(() => ceph.startGateway())
        })()
      }
      await over
    }) satisfies Before,
    killed: () => over !== undefined,
    back: () => started ?? ceph.startGateway(),
  }
}

describe("the server is killed", { ...(noCeph === undefined ? {} : { skip: noCeph }) }, () => {
  it("and comes back: backup and restore go on", { timeout: 240_000 }, () =>
    withRepository(async (at) => {
      const writing = killing((method, url) => method === "PUT" && isPack(url), true)
      const stored = summaryOf(await run(at, ["backup", "--json", at("source")], writing.on))
      await writing.back()
      assert.ok(writing.killed())
      assert.ok(stored["retries"]! > 0)
      assert.equal(stored["files"], FILES)

      const reading = killing((method, url) => method === "GET" && isPack(url), true)
      const restored = summaryOf(await run(at, ["restore", "--json", "--target", at("out")], reading.on))
      await reading.back()
      assert.ok(reading.killed())
      assert.ok(restored["retries"]! > 0)
      assertRestored(at)
      const checked = await run(at, ["check", "--read-data"])
      assert.equal(checked.code, 0, checked.stdout)
    }))

  it(
    "and stays away: one sentence; the next run uses what is stored",
    { timeout: 240_000 },
    () =>
      withRepository(async (at) => {
        let packs = 0
        let before = Infinity
        const writing = killing((method, url) => method === "PUT" && isPack(url) && ++packs === 2, false)
        // The gate holds the second pack until the first is stored.
        const on: Before = async (method, url, answered) => {
          if (method === "PUT" && isPack(url) && packs === 0) before = answered()
          if (method === "PUT" && isPack(url) && packs === 1) { while (answered() <= before) await pause(10) }
          await writing.on(method, url)
        }
        const failed = await run(at, ["backup", at("source")], on, { FAR_WITHIN: "3000" })
        await writing.back()
        assert.ok(writing.killed())
        assert.equal(failed.code, 1, failed.stderr)
        const said = failed.stderr.trim().split("\n")
        assert.equal(said.filter((line) => !/again in/.test(line)).length, 1, failed.stderr)
        assert.match(said.at(-1)!, /s3:.*killed.*gave up after \d+ tries in \d+ s/)

        const next = summaryOf(await run(at, ["backup", "--json", at("source")]))
        assert.ok(next["chunksReused"]! > 0, "what was stored is used")
        assert.ok(next["bytesAdded"]! < FILES * 2 * MIB)
        const restored = await run(at, ["restore", "--target", at("out")])
        assert.equal(restored.code, 0, restored.stderr)
        assertRestored(at)
      }),
  )
})
