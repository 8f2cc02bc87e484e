/** The command on a remote store: retries, counts, cache. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { test } from "node:test"
import { filesIn, ok, summaryOf, withRemote } from "../process/remote_runs.ts"

test("a remote store is retried, counted and cached", { timeout: 240_000 }, () =>
  withRemote(async (run, at) => {
    const first = ok(await run({ FAR_FAILS: "2" }, "backup", "--init", at("source")))
    assert.match(first.stdout, /^Store far:.*store: \d+ requests, [\d.]+ KiB up, [\d.]+ (B|KiB) down, 2 retries$/m)
    assert.equal(first.stderr, "")
    assert.ok(filesIn(at("cache"), "").length > 1)

    const cached = summaryOf(await run({}, "restore", "--json", "--target", at("a")))
    const bare = summaryOf(await run({}, "restore", "--json", "--no-cache", "--target", at("b")))
    for (const [summary, target] of [[cached, "a"], [bare, "b"]] as const) {
      for (const member of ["requests", "bytesUploaded", "bytesDownloaded", "retries"]) {
        assert.equal(typeof summary[member], "number", member)
      }
      assert.equal(fs.readdirSync(at(target)).length, 40)
    }
    assert.ok(cached["bytesDownloaded"]! < bare["bytesDownloaded"]!)
    assert.ok(cached["requests"]! < bare["requests"]!)

    const other = summaryOf(await run({}, "restore", "--json", "--cache-dir", at("other"), "--target", at("c")))
    assert.ok(other["bytesDownloaded"]! >= bare["bytesDownloaded"]!)
    assert.ok(filesIn(at("other"), "CACHEDIR.TAG").length === 1)

    // A local store is not counted.
    const local = ok(await run({ PENSTOCK_REPO: at("store") }, "restore", "--json", "--target", at("d")))
    assert.equal(summaryOf(local)["requests"], undefined)
  }))

test("check reads the store, not the cache", { timeout: 240_000 }, () =>
  withRemote(async (run, at) => {
    ok(await run({}, "backup", "--init", at("source")))
    const [index] = filesIn(at("store"), ".map")
    const whole = fs.readFileSync(index!)
    const damaged = Uint8Array.from(whole)
    damaged[damaged.length - 1]! ^= 1
    fs.chmodSync(index!, 0o600)
    fs.writeFileSync(index!, damaged)
    const bad = await run({}, "check")
    assert.equal(bad.code, 1, bad.stdout)
    assert.match(bad.stdout, /\.map/)
    // The cached copy is enough to restore everything.
    ok(await run({}, "restore", "--target", at("restored")))
    assert.equal(fs.readdirSync(at("restored")).length, 40)
  }))

test(
  "a busy store is waited for, with a message; a dead store gives one sentence",
  { timeout: 240_000 },
  () =>
    withRemote(async (run, at) => {
      ok(await run({}, "init"))
      const busy = { FAR_FAILS: "2", FAR_RETRY_AFTER: "2000" }
      const [waited, quiet, dead] = await Promise.all([
        run(busy, "snapshots"),
        run(busy, "snapshots", "-q"),
        run({ FAR_FAILS: "1000000", FAR_WITHIN: "1000" }, "backup", at("source")),
      ])
      assert.match(
        ok(waited).stderr,
        /^penstock: the store does not answer \(Cannot reach far: the line is dead\); trying again in [23] s\n$/,
      )
      assert.equal(ok(quiet).stderr, "")
      assert.equal(dead.code, 1)
      assert.match(dead.stderr, /^penstock: Cannot reach far: the line is dead; gave up after \d+ tries in 1 s\n$/)
    }),
)
