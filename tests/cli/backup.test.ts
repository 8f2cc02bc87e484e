import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, rmSync, watch, writeFileSync } from "node:fs"
import process from "node:process"
import { test } from "node:test"
import { dirname } from "node:path"
import {
  backupScript,
  basicEnvironment,
  commandOf,
  type Ended,
  inDirectory,
  penstock,
  rowsOf,
} from "./process/spawn.ts"

const tree = (root: string, files: Readonly<Record<string, string>>): void => {
  mkdirSync(root, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(`${root}/${name}`), { recursive: true })
    writeFileSync(`${root}/${name}`, content)
  }
}
const pathsOf = (ended: Ended): ReadonlyArray<unknown> =>
  rowsOf(ended).filter(({ type }) => type === "entry").map(({ path }) => path)

test("a backup without a repository says how to make one; backup.ts makes it", async () => {
  await inDirectory(async (at) => {
    tree(at("src"), { "a.txt": "hello", "d/b.txt": "more" })
    const none = await penstock(["backup", "-r", at("repo"), at("src")])
    assert.equal(none.code, 10)
    assert.equal(
      none.stderr,
      `penstock: There is no repository at ${at("repo")}; make one with: penstock init -r ${at("repo")}\n`,
    )
    assert.equal(existsSync(at("repo")), false)
    const made = await backupScript(["-r", at("repo"), "--json", "--tag", "x", "--host", "h", at("src")])
    assert.equal(made.code, 0, made.stderr)
    const summary = rowsOf(made).at(-1)!
    const { seconds, snapshot, ...counts } = summary
    assert.equal(typeof seconds, "number")
    assert.match(String(snapshot), /^[0-9a-f]{64}$/)
    assert.deepEqual(counts, {
      type: "summary",
      files: 2,
      dirs: 2,
      others: 0,
      bytes: 9,
      filesUnchanged: 0,
      bytesAdded: 9,
      bytesStored: 9,
      chunksNew: 2,
      chunksReused: 0,
      problems: 0,
      encrypted: true,
    })
    const [list, again, wrong] = await Promise.all([
      penstock(["snapshots", "--json"], { env: { PENSTOCK_PASSWORD: "secret", PENSTOCK_REPO: at("repo") } }),
      penstock(["init", "-r", at("repo")]),
      penstock(["ls", "-r", at("repo")], { env: { PENSTOCK_PASSWORD: "other" } }),
    ])
    const row = rowsOf(list)[0]!
    assert.deepEqual([row["type"], row["id"], row["hostname"], row["tags"]], ["snapshot", snapshot, "h", ["x"]])
    assert.deepEqual([again.code, again.stderr], [1, `penstock: There is already a repository at ${at("repo")}\n`])
    assert.deepEqual([wrong.code, wrong.stderr], [12, "penstock: The password does not open this repository\n"])
  })
})

test("files that cannot be read are named and counted, and the exit code is 3", async () => {
  await inDirectory(async (at) => {
    tree(at("a"), { "unreadable": "", "kept": "1" })
    const ended = await backupScript(["-r", at("repo"), "--json", at("a"), at("gone")])
    assert.equal(ended.code, 3, ended.stderr)
    assert.match(ended.stderr, /a\/unreadable: Permission denied\n/)
    assert.match(ended.stderr, /gone: /)
    assert.deepEqual(rowsOf(ended).map(({ type, path, problems }) => [type, path, problems]), [
      ["problem", "a/unreadable", undefined],
      ["problem", "gone", undefined],
      ["summary", undefined, 2],
    ])
    const alone = await penstock(["backup", "-r", at("repo"), at("gone")])
    assert.equal(alone.code, 1)
    assert.match(alone.stderr, /^penstock: .*gone.*\n$/)
  })
})

test("several paths keep their names, excludes apply to each, the repository is left out", async () => {
  await inDirectory(async (at) => {
    tree(at("x/a"), { "keep": "1", "drop.tmp": "2", "cache/c": "3", "[odd] repo/y": "" })
    tree(at("x/b"), { "n": "4", "cache/d": "5" })
    tree(at("x/c"), { "a": "6" })
    tree(at("x"), { "excludes": "# comment\n*.tmp\n" })
    const repo = at("x/a/[odd] repo/r")
    const ended = await backupScript([
      ...["-r", repo, "--exclude", at("x/a/cache"), "--exclude-file", at("x/excludes")],
      ...[at("x/a"), at("x/b"), at("x/excludes")],
    ])
    assert.equal(ended.code, 0, ended.stderr)
    assert.match(ended.stderr, /^Leaving out .*\[odd\] repo\/r: it is the repository\n$/)
    const again = await penstock(["backup", "-r", repo, "--exclude", at("x/a/cache"), at("x/a"), at("x/b")])
    assert.equal(again.stderr, ended.stderr)
    const [list, same, self] = await Promise.all([
      penstock(["ls", "-r", repo, "--json"]),
      penstock(["backup", "-r", repo, at("x/a"), at("x/c/a")]),
      penstock(["backup", "-r", repo, repo]),
    ])
    assert.deepEqual(
      new Set(pathsOf(list)),
      new Set(["a", "a/drop.tmp", "a/keep", "a/[odd] repo", "a/[odd] repo/y", "b", "b/n", "b/cache", "b/cache/d"]),
    )
    assert.equal(same.code, 1)
    assert.match(same.stderr, /would both be "a"/)
    assert.match(self.stderr, /is the repository itself/)
  })
})

test("passwords come from a file or the environment; empty and missing ones are explained", async () => {
  await inDirectory(async (at) => {
    tree(at("."), { "password": "first line\nsecond\n", "empty": "\n" })
    const init = await penstock(["init", "-r", at("repo"), "--password-file", at("password")], { env: {} })
    assert.equal(init.code, 0, init.stderr)
    const [fits, none, empty, missing] = await Promise.all([
      penstock(["snapshots", "-r", at("repo")], { env: { PENSTOCK_PASSWORD: "first line" } }),
      penstock(["snapshots", "-r", at("repo")], { env: {} }),
      penstock(["init", "-r", at("other"), "--password-file", at("empty")], { env: {} }),
      penstock(["init", "-r", at("other"), "--password-file", at("nothing")], { env: {} }),
    ])
    assert.deepEqual([fits.code, fits.stdout], [0, "0 snapshots\n"])
    assert.equal(none.code, 1)
    assert.match(none.stderr, /PENSTOCK_PASSWORD.*--password-file.*terminal/)
    assert.match(empty.stderr, /is empty/)
    assert.match(missing.stderr, /Cannot read the password file .*nothing/)
    assert.equal(existsSync(at("other")), false)
  })
})

test("standard input becomes a file; a dry run writes nothing; an unknown format is named", async () => {
  await inDirectory(async (at) => {
    tree(at("src"), { "a": "1" })
    const missing = await penstock(["init", "-r", at("repo"), "--format", "bkp"])
    assert.equal(missing.code, 1)
    assert.match(missing.stderr, /^penstock: .*--format.*bkp.*rozen.*\n$/)
    const ended = await penstock([
      "backup",
      "--init",
      "-r",
      at("repo"),
      "--stdin",
      "--stdin-filename",
      "dumps/shop.sql",
    ], {
      input: "insert",
    })
    assert.equal(ended.code, 0, ended.stderr)
    const dry = await penstock(["backup", "-r", at("repo"), "-n", at("src")])
    assert.match(dry.stdout, /dry run/)
    const list = await penstock(["ls", "-r", at("repo"), "-l", "latest", "dumps"])
    assert.match(list.stdout, /^-rw-r--r-- .* 6 .* dumps\/shop\.sql$/m)
  })
})

test("an interruption or a closed terminal releases open resources and ends with 130", async () => {
  await inDirectory(async (at) => {
    tree(at("src"), { "slow": "" })
    assert.equal((await penstock(["init", "-r", at("repo")])).code, 0)
    // When a terminal is closed, the shell and the system both send SIGHUP.
    for (const signals of [["SIGINT"], ["SIGTERM"], ["SIGHUP", "SIGHUP"]] as const) {
      const ended = await penstock(["backup", "-r", at("repo"), at("src")], {
        started: (child) => {
          const watcher = watch(at("repo"), (_, name) => {
            if (name !== "BUSY") return
            watcher.close()
            // After child.kill, Deno would report the signal although the process ended with a code.
            for (const signal of signals) process.kill(child.pid!, signal)
          })
        },
      })
      assert.deepEqual([ended.code, ended.stderr], [130, "penstock: interrupted\n"], `${signals}`)
      for (const name of ["RELEASED", "BUSY"]) rmSync(at(`repo/${name}`))
    }
  })
})

test("under nohup a command survives its terminal, except on Node, which does not keep ignored signals", async () => {
  await inDirectory(async (at) => {
    assert.equal((await penstock(["init", "-r", at("repo")])).code, 0)
    const hangUp = ["--stdin-from-command", "--", "sh", "-c", "kill -HUP $PPID; sleep 0.3; echo done"]
    const [program, ...args] = commandOf("tests/cli/process/fake_main.ts")
    const { status, stderr } = spawnSync(
      "sh",
      ["-c", `trap "" HUP; exec "$0" "$@"`, program, ...args, "penstock", "backup", "-r", at("repo"), ...hangUp],
      { encoding: "utf8", env: { ...basicEnvironment(), PENSTOCK_PASSWORD: "secret" } },
    )
    assert.equal(status, "Deno" in globalThis || "Bun" in globalThis ? 0 : 130, stderr)
  })
})

test("a bug is reported in one sentence; --debug also prints where it came from", async () => {
  await inDirectory(async (at) => {
    tree(at("src"), { "defect": "" })
    const short = await backupScript(["-r", at("repo"), at("src")])
    assert.equal(short.code, 1)
    assert.match(short.stderr, /^penstock: A bug in penstock: a defect for the test .*\n$/)
    // From the sources, since a bundle has no other file names than its own.
    const long = await backupScript(["-r", at("repo"), "--debug", at("src")], { fromSource: true })
    assert.match(long.stderr, /TypeError.*\n\s+at .*fake_format/s)
  })
})
