/** What `snapshots` lists, and in which groups. */
// On one runtime: it is the same code on all.
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { localStore } from "../../adapters/store/local/local.ts"
import { snapshotRow } from "../../cli/snapshots.ts"
import { snapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { runFormat } from "../suites/format/environment.ts"
import { inDirectory, rowsOf, runScript } from "./process/spawn.ts"

test("a snapshot without a time has none in its row", () => {
  const info = { id: "ab", hostname: "", username: "", paths: [], tags: [] }
  assert.ok(!("time" in snapshotRow({ ...info, time: 0 })))
  assert.equal(snapshotRow({ ...info, time: 1 })["time"], "1970-01-01T00:00:00.001Z")
})

test("snapshots lists the last ones of each host and paths, or of each group", () =>
  inDirectory(async (at) => {
    const store = await Effect.runPromise(localStore.make(at("repo"), { create: true }))
    const made = [
      ["web", 1, ["/srv", "/etc"], ["a"]],
      ["web", 2, ["/srv"], []],
      ["mail", 3, ["/srv"], []],
      ["web", 4, ["/etc", "/srv"], ["b"]],
      ["web", 5, ["/srv"], []],
    ] as const
    await runFormat(
      Effect.gen(function* () {
        const repository = yield* snapshotCatalog.create({})
        for (const [hostname, day, paths, tags] of made) {
          yield* repository.backup(Stream.empty, { hostname, time: new Date(2026, 10, day, 10).getTime(), paths, tags })
        }
      }).pipe(Effect.provideService(ObjectStore, store)),
    )
    const run = (...args: ReadonlyArray<string>) =>
      runScript("tests/cli/process/quick_main.ts", ["snapshots", "-r", at("repo"), ...args], { env: {} })
    const days = async (...args: ReadonlyArray<string>) => {
      const ended = await run("--json", ...args)
      assert.equal(ended.code, 0, ended.stderr)
      const rows = rowsOf(ended)
      assert.deepEqual([rows.at(-1)!["type"], rows.at(-1)!["snapshots"]], ["summary", rows.length - 1])
      return rows.slice(0, -1).map(({ group, time }) => [new Date(String(time)).getDate(), group])
    }
    // By default as restic: of each host and paths, whatever the order of the paths; and as one list.
    assert.deepEqual(await days("--latest", "1"), [3, 4, 5].map((day) => [day, undefined]))
    assert.deepEqual(await days("--latest", "2"), [1, 2, 3, 4, 5].map((day) => [day, undefined]))
    assert.deepEqual(await days("--group-by", "host", "--latest", "2"), [
      [3, { host: "mail" }],
      [4, { host: "web" }],
      [5, { host: "web" }],
    ])
    assert.deepEqual(await days("-g", "paths,tags", "--host", "web"), [
      [1, { paths: ["/etc", "/srv"], tags: ["a"] }],
      [2, { paths: ["/srv"], tags: [] }],
      [5, { paths: ["/srv"], tags: [] }],
      [4, { paths: ["/etc", "/srv"], tags: ["b"] }],
    ])
    assert.deepEqual(await days("-g", "none", "--latest", "1"), [[5, {}]])

    const shown = await run("--compact", "--latest", "1", "--group-by", "host")
    assert.match(
      shown.stdout,
      new RegExp([
        "^1 snapshot of host mail:",
        "ID +Time +Host +Size",
        String.raw`\w{8}  2026-11-03 10:00:00  mail +0 B`,
        "",
        "1 snapshot of host web:",
        "ID +Time +Host +Size",
        String.raw`\w{8}  2026-11-05 10:00:00  web +0 B`,
        "",
        "2 snapshots\n$",
      ].join("\n")),
    )
    const refusals = [
      [["--latest", "0"], /--latest "0" is no number of snapshots/],
      [["--group-by", "size"], /--group-by "size" names something else/],
      [["--stale", "1d", "--latest", "1"], /--stale lists hosts, not snapshots/],
    ] as const
    for (const [args, message] of refusals) {
      const { code, stderr, stdout } = await run(...args)
      assert.deepEqual([code, stdout], [1, ""])
      assert.match(stderr, message)
    }
  }))
