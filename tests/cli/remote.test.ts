/** The command on a store that is remote. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { type Ended, inDirectory, rowsOf, runScript } from "./spawn.ts"

const main = fileURLToPath(new URL("./remote_main.ts", import.meta.url).href)

type Run = (env: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) => Promise<Ended>

/** Runs in a directory with files to back up, `source`; the store is `far:` and the directory `store`, the cache `cache`. */
const withRemote = (use: (run: Run, at: (name: string) => string) => Promise<void>): Promise<void> =>
  inDirectory(async (at) => {
    fs.mkdirSync(at("source"))
    for (let i = 0; i < 40; i++) fs.writeFileSync(join(at("source"), `file${i}`), `content of file ${i} `.repeat(40))
    const run: Run = (env, ...args) =>
      runScript(main, args, {
        env: {
          PENSTOCK_PASSWORD: "secret",
          PENSTOCK_REPO: `far:${at("store")}`,
          PENSTOCK_CACHE_DIR: at("cache"),
          ...env,
        },
      })
    await use(run, at)
  })

const ok = (ended: Ended): Ended => {
  assert.equal(ended.code, 0, ended.stderr)
  return ended
}

const summaryOf = (ended: Ended): Readonly<Record<string, number>> => {
  const last = rowsOf(ok(ended)).at(-1)!
  assert.equal(last["type"], "summary")
  return last as Readonly<Record<string, number>>
}

const filesIn = (directory: string, end: string): ReadonlyArray<string> =>
  fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(end))
    .map((name) => join(directory, name))

test("a remote store is tried again, counted and cached", { timeout: 240_000 }, () =>
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

    // Of a store that is not remote there is nothing to tell.
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
    // With the copy everything can be restored.
    ok(await run({}, "restore", "--target", at("restored")))
    assert.equal(fs.readdirSync(at("restored")).length, 40)
  }))

test(
  "a store that is busy is waited for, and that is told; one that is dead ends in a sentence",
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

test(
  "a cache that cannot be used is a warning; rates are checked; the log shows requests",
  { timeout: 240_000 },
  () =>
    withRemote(async (run, at) => {
      fs.writeFileSync(at("cache"), "a file")
      const warned = ok(await run({}, "backup", "--init", at("source")))
      assert.match(warned.stderr, /^penstock: The cache .*cache cannot be used: .*; going on without it\n$/)
      const logged = ok(await run({}, "snapshots", "--no-cache", "--log-store"))
      assert.match(logged.stderr, /^penstock: get "ROZEN.json", \d+ bytes in \d+ ms: done$/m)
      assert.match(logged.stderr, /^penstock: list "INDEX\/", \d+ objects in \d+ ms: done$/m)
      // Also of a local one.
      assert.match(ok(await run({ PENSTOCK_REPO: at("store") }, "snapshots", "--log-store")).stderr, /"ROZEN.json"/)
      for (const rate of ["0", "fast", "-1"]) {
        const wrong = await run({}, "snapshots", `--limit-upload=${rate}`)
        assert.equal(wrong.code, 1)
        assert.match(wrong.stderr, /^penstock: --limit-upload ".*" is not a rate; give KiB per second/)
      }
      const slow = summaryOf(
        await run({}, "restore", "--json", "--no-cache", "--limit-download", "2", "--target", at("t")),
      )
      // Everything but the last object is paid for.
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
