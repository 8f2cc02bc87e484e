/** The options for remote stores. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ok, summaryOf, withRemote } from "../process/remote_runs.ts"

test(
  "a cache that cannot be used is a warning; rates are checked; the log shows requests",
  { timeout: 240_000 },
  () =>
    withRemote(async (run, at) => {
      fs.writeFileSync(at("cache"), "a file")
      const warned = ok(await run({}, "backup", "--init", at("source")))
      assert.match(warned.stderr, /^penstock: The cache .*cache cannot be used: .*; continuing without it\n$/)
      const logged = ok(await run({}, "snapshots", "--no-cache", "--log-store"))
      assert.match(logged.stderr, /^penstock: get "ROZEN.json", \d+ bytes in \d+ ms: done$/m)
      assert.match(logged.stderr, /^penstock: list "INDEX\/", \d+ objects in \d+ ms: done$/m)
      // A local store has a log, too.
      assert.match(ok(await run({ PENSTOCK_REPO: at("store") }, "snapshots", "--log-store")).stderr, /"ROZEN.json"/)
      for (const rate of ["0", "fast", "-1"]) {
        const wrong = await run({}, "snapshots", `--limit-upload=${rate}`)
        assert.equal(wrong.code, 1)
        assert.match(wrong.stderr, /^penstock: --limit-upload ".*" is not a rate: give KiB per second/)
      }
      const slow = summaryOf(
        await run({}, "restore", "--json", "--no-cache", "--limit-download", "2", "--target", at("t")),
      )
      // The limit delays everything except the last object.
      assert.ok(slow["seconds"]! > 0.2, JSON.stringify(slow))
    }),
)

test("the cache is not backed up", { timeout: 240_000 }, () =>
  withRemote(async (run, at) => {
    const cache = join(at("source"), "cache")
    ok(await run({ PENSTOCK_CACHE_DIR: cache }, "backup", "--init", at("source")))
    assert.ok(fs.existsSync(cache))
    const again = ok(await run({ PENSTOCK_CACHE_DIR: cache }, "backup", at("source")))
    assert.match(again.stderr, /^Leaving out .*cache: it is the cache\n$/)
    assert.doesNotMatch(ok(await run({}, "ls")).stdout, /cache/)
  }))
