/** What `forget` prints and removes, and what it refuses. */
// On one runtime: what a policy keeps is tested without the command.
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { localStore } from "../../adapters/store/local/local.ts"
import { snapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { runFormat } from "../suites/format/environment.ts"
import { type Ended, inDirectory, rowsOf, runScript } from "./process/spawn.ts"

/** Runs the command with all formats, and without a secret unless there is one. */
const run = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = {}): Promise<Ended> =>
  runScript("tests/cli/process/quick_main.ts", args, { env })

test("forget shows what it keeps and why, removes the rest, and refuses to remove all", () =>
  inDirectory(async (at) => {
    const store = await Effect.runPromise(localStore.make(at("repo"), { create: true }))
    await runFormat(
      Effect.gen(function* () {
        const repository = yield* snapshotCatalog.create({})
        for (const [hostname, day] of [["web", 2], ["web", 3], ["web", 4], ["mail", 4]] as const) {
          const time = new Date(2026, 10, day, 10).getTime()
          yield* repository.backup(Stream.empty, { hostname, time, paths: ["/srv"] })
        }
      }).pipe(Effect.provideService(ObjectStore, store)),
    )
    const forget = (...args: ReadonlyArray<string>) => run(["forget", "-r", at("repo"), ...args])

    const [shown, nothing, twice, all] = await Promise.all([
      forget("-n", "--keep-last", "1", "-w", "2"),
      forget(),
      forget("latest", "--keep-last", "1"),
      forget("--keep-tag", "kept"),
    ])
    assert.equal(shown.code, 0, shown.stderr)
    assert.match(
      shown.stdout,
      new RegExp([
        "^Keep 2 snapshots of host web, path /srv:",
        "ID +Time +Host +Files +Size +Reasons +Paths",
        String.raw`\w{8}  2026-11-02 10:00:00  web +0 +0 B  oldest weekly snapshot +/srv`,
        String.raw`\w{8}  2026-11-04 10:00:00  web +0 +0 B  last snapshot, weekly snapshot +/srv`,
        "",
        "Remove 1 snapshot of host web, path /srv:",
        "ID +Time +Host +Files +Size +Paths",
        String.raw`\w{8}  2026-11-03 10:00:00  web .*`,
        "",
        "Keep 1 snapshot of host mail, path /srv:",
        "(.*\n){2}",
        "Would forget 1 snapshot\n$",
      ].join("\n")),
    )
    assert.deepEqual([nothing.code, twice.code, all.code], [1, 1, 1])
    assert.match(nothing.stderr, /Nothing says which snapshots to keep/)
    assert.match(twice.stderr, /not both/)
    assert.match(all.stderr, /would keep none of the 3 snapshots of host web, path \/srv, so nothing was forgotten/)

    const done = await forget("--json", "--keep-daily", "2")
    assert.equal(done.code, 0, done.stderr)
    assert.deepEqual(rowsOf(done).map(({ hostname, reasons, type }) => [type, hostname, reasons]), [
      ["keep", "web", ["daily snapshot"]],
      ["keep", "web", ["daily snapshot"]],
      ["remove", "web", undefined],
      ["keep", "mail", ["daily snapshot"]],
      ["summary", undefined, undefined],
    ])
    const whole = await forget("--unsafe-allow-remove-all")
    assert.match(whole.stderr, /--unsafe-allow-remove-all needs --host, --path or --tag/)
    const host = await forget("--unsafe-allow-remove-all", "--host", "mail")
    assert.equal(host.code, 0, host.stderr)
    const one = await forget("latest", "00000000")
    assert.deepEqual([one.code, one.stdout.split("\n").at(-3)], [3, "Forgot 1 snapshot"])
    const left = await run(["snapshots", "--json", "-r", at("repo")])
    assert.deepEqual(rowsOf(left).slice(0, -1).map(({ hostname, time }) => [hostname, time]), [
      ["web", new Date(2026, 10, 3, 10).toISOString()],
    ])
  }))

test("a format that cannot forget says so", () =>
  inDirectory(async (at) => {
    const secret = { PENSTOCK_PASSWORD: "secret" }
    const refusals = [
      [
        "rozen",
        ["-o", "rozen.version=0"],
        /^penstock: .*rozen is of the format rozen-v0, which cannot forget snapshots: /,
      ],
      [
        "zprt",
        [],
        /^penstock: .*zprt is an archive of the format zprt, which holds one snapshot: remove the file instead\n$/,
      ],
    ] as const
    for (const [format, options, message] of refusals) {
      const made = await run(["init", "-r", at(format), "--format", format, ...options], secret)
      assert.equal(made.code, 0, made.stderr)
      const { code, stderr } = await run(["forget", "-n", "-r", at(format), "latest"], secret)
      assert.equal(code, 1)
      assert.match(stderr, message)
    }
  }))
