/** How commands choose snapshots. */
// On one runtime: many filters; they are portable code.
import assert from "node:assert/strict"
import { readdirSync, rmSync } from "node:fs"
import { mkdirSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { type Ended, inDirectory, penstock, rowsOf, runScript } from "../process/spawn.ts"

const pathsOf = (ended: Ended): ReadonlyArray<unknown> =>
  rowsOf(ended).filter(({ type }) => type === "entry" || type === "snapshot").map(({ hostname, path }) =>
    hostname ?? path
  )

test("every command takes filters for snapshots; without any, it says which one latest took", async () => {
  await inDirectory(async (at) => {
    const ids: Record<string, string> = {}
    const backup = async (name: string, day: number, ...args: ReadonlyArray<string>) => {
      mkdirSync(at(name), { recursive: true })
      writeFileSync(at(`${name}/of-${name}`), name)
      const time = `2026-01-0${day}T10:00:00Z`
      const made = await penstock(["backup", "--init", "--json", "-r", at("repo"), "--time", time, ...args, at(name)])
      assert.equal(made.code, 0, made.stderr)
      ids[name] = String(rowsOf(made).at(-1)!["snapshot"])
    }
    await backup("laptop", 1, "--host", "laptop", "--tag", "daily, home", "--tag", "x")
    const alone = await penstock(["ls", "-r", at("repo")])
    assert.equal(alone.stderr, "")
    await backup("server", 2, "-H", "server", "--tag", "daily")
    const run = (...args: ReadonlyArray<string>) => penstock([args[0]!, "-r", at("repo"), ...args.slice(1)])
    const [ls, dump, restore, quiet, mine, ...lists] = await Promise.all([
      run("ls", "--json"),
      run("dump", "of-server"),
      run("restore", "-t", at("out"), "--host", "laptop"),
      run("ls", "-q"),
      run("ls", "--json", "--path", at("laptop")),
      run("snapshots", "--json"),
      run("snapshots", "--json", "-H", "laptop"),
      run("snapshots", "--json", "--host", "laptop", "--host", "server"),
      run("snapshots", "--json", "--tag", "daily,home"),
      run("snapshots", "--json", "--tag", "daily,home", "--tag", "daily"),
      run("snapshots", "--json", "--tag", "daily,home", "--tag", "none"),
      run("snapshots", "--json", "--tag", "x,none"),
      run("snapshots", "--json", "--path", at("server"), "--host", "laptop"),
    ])
    const taken = new RegExp(
      String
        .raw`^Taking snapshot [0-9a-f]{8} of 2026-01-02 .*, of server, .*server\. The repository has snapshots of ` +
        "2 hosts and 2 sets of paths: choose with --host, --path and --tag\n$",
    )
    assert.match(ls.stderr, taken)
    assert.match(dump.stderr, taken)
    assert.equal(dump.stdout, "server")
    assert.deepEqual(pathsOf(ls), ["", "of-server"])
    assert.deepEqual([quiet.code, quiet.stderr], [0, ""])
    assert.deepEqual([restore.code, restore.stderr], [0, ""])
    assert.deepEqual(readdirSync(at("out")), ["of-laptop"])
    assert.deepEqual([mine.stderr, pathsOf(mine)], ["", ["", "of-laptop"]])
    assert.deepEqual(lists.map(pathsOf), [
      ["laptop", "server"],
      ["laptop"],
      ["laptop", "server"],
      ["laptop"],
      ["laptop", "server"],
      ["laptop"],
      [],
      [],
    ])
    assert.deepEqual(rowsOf(lists[0]!)[0]!["tags"], ["daily", "home", "x"])

    const none = /^penstock: No snapshot fits --host nobody; penstock snapshots lists them all\n$/
    const refused = await Promise.all([
      run("ls", "--host", "nobody"),
      run("dump", "--host", "nobody"),
      run("restore", "-t", at("none"), "--host", "nobody"),
      run("check", "--host", "nobody"),
      run("convert", "--to", at("to"), "--host", "nobody"),
    ])
    for (const { code, stderr } of refused) {
      assert.equal(code, 1)
      assert.match(stderr, none)
    }
    const other = await run("ls", "--host", "server", ids["laptop"]!.slice(0, 10))
    assert.match(other.stderr, /^penstock: There is no snapshot ".*" that fits --host server/)
    assert.match((await run("backup", "--tag", " ,", at("laptop"))).stderr, /^penstock: --tag " ," names no tag/)

    const env = { PENSTOCK_PASSWORD: "secret", PENSTOCK_TO_PASSWORD: "other" }
    const to = (name: string, ...args: ReadonlyArray<string>) =>
      penstock(["convert", "-r", at("repo"), "--to", at(name), "--json", ...args], { env })
    const [half, wrong, hosts] = await Promise.all([
      to("half", "-s", ids["server"]!, "-s", "zz"),
      to("wrong", "-s", "yy", "-s", "zz"),
      to("hosts", "--host", "laptop"),
    ])
    assert.equal(half.code, 3, half.stderr)
    assert.match(half.stderr, /^There is no snapshot "zz"; penstock snapshots lists them all\n/)
    assert.deepEqual([rowsOf(half).at(-1)!["converted"], rowsOf(half).at(-1)!["unknown"]], [1, 1])
    assert.equal(wrong.code, 1)
    assert.match(wrong.stderr, /^penstock: There is no snapshot "yy".*There is no snapshot "zz"/)
    assert.deepEqual([hosts.code, rowsOf(hosts).at(-1)!["converted"]], [0, 1])
  })
})

test("a snapshot dated in the future gives a warning when it is made, and whenever it is the latest", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "1")
    const run = (...args: ReadonlyArray<string>) => runScript("tests/cli/process/quick_main.ts", args)
    const made = await run("backup", "--init", "-r", at("repo"), "--time", "2999-01-01", at("src"))
    const dated = /Snapshot [0-9a-f]{8} of 2999-01-01 00:00:00 is dated in the future: until then it stays the latest/
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stderr, dated)
    const [later, used] = await Promise.all([
      run("backup", "-r", at("repo"), at("src")),
      run("ls", "-r", at("repo")),
    ])
    assert.match(later.stderr, /^penstock: Snapshot [0-9a-f]{8} is dated 299\d-.*: until then it stays the latest\n$/)
    assert.match(used.stderr, dated)
  })
})

test("check names only files of the chosen snapshots; copy names unknown IDs, and copies the others", async () => {
  await inDirectory(async (at) => {
    const run = (...args: ReadonlyArray<string>) =>
      runScript("tests/cli/process/quick_main.ts", args, {
        env: { PENSTOCK_PASSWORD: "secret", PENSTOCK_TO_PASSWORD: "secret" },
      })
    for (const host of ["a", "b"]) {
      mkdirSync(at(host))
      writeFileSync(at(`${host}/file`), host.repeat(2000))
      const made = await run("backup", "--init", "-q", "-r", at("repo"), "--host", host, at(host))
      assert.equal(made.code, 0, made.stderr)
    }
    assert.equal((await run("init", "-q", "-r", at("to"))).code, 0)
    const [copied, wrong] = [
      await run("copy", "--json", "-r", at("repo"), "--to", at("to"), "-s", "zz", "-s", "latest", "--host", "a"),
      await run("copy", "-r", at("repo"), "--to", at("to"), "-s", "zz"),
    ]
    assert.equal(copied.code, 3, copied.stderr)
    assert.match(copied.stderr, /^There is no snapshot "zz" that fits --host a/)
    assert.equal(rowsOf(copied).at(-1)!["copied"], 1)
    assert.deepEqual(pathsOf(await run("snapshots", "--json", "-r", at("to"))), ["a"])
    assert.equal(wrong.code, 1)
    rmSync(at("repo/DATA"), { recursive: true })
    const files = async (...args: ReadonlyArray<string>) => {
      const ended = await run("check", "--json", "-r", at("repo"), ...args)
      assert.equal(ended.code, 1, ended.stderr)
      return rowsOf(ended).flatMap(({ files }) => Array.isArray(files) ? files.map(({ path }) => path) : []).length
    }
    assert.deepEqual([await files(), await files("--host", "a"), await files("--path", at("b"))], [2, 1, 1])
  })
})
