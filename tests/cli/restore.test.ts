import assert from "node:assert/strict"
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { backupScript, inDirectory, penstock, rowsOf, runScript } from "./process/spawn.ts"

test("restores everything, a subtree, or matching files, with the directories above them", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d/e"), { recursive: true, mode: 0o750 })
    mkdirSync(at("src/empty"))
    for (const name of ["a.jpg", "d/b.txt", "d/e/c.jpg"]) writeFileSync(at(`src/${name}`), name)
    assert.equal((await backupScript(["-r", at("repo"), at("src")])).code, 0)
    const [all, subtree, absolute, glob, dry, nothing] = await Promise.all([
      penstock(["restore", "-r", at("repo"), "--target", at("all")]),
      penstock(["restore", "-r", at("repo"), "-t", at("subtree"), "d/e/"]),
      penstock(["restore", "-r", at("repo"), "-t", at("absolute"), at("src/d/b.txt")]),
      penstock(["restore", "-r", at("repo"), "-t", at("glob"), "--json", "--include", "*.jpg", "--include", "empty/"]),
      penstock(["restore", "-r", at("repo"), "-t", at("dry"), "--dry-run", "--include", "b.*"]),
      penstock(["restore", "-r", at("repo"), "-t", at("nothing"), "nowhere"]),
    ])
    assert.equal(all.code, 0, all.stderr)
    assert.equal(readFileSync(at("all/d/e/c.jpg"), "utf8"), "d/e/c.jpg")
    assert.equal(existsSync(at("all/empty")), true)
    assert.equal(subtree.code, 0, subtree.stderr)
    assert.deepEqual([existsSync(at("subtree/d/e/c.jpg")), existsSync(at("subtree/d/b.txt"))], [true, false])
    assert.equal(absolute.code, 0, absolute.stderr)
    assert.equal(existsSync(at("absolute/d/b.txt")), true)
    assert.equal(glob.code, 0, glob.stderr)
    assert.deepEqual(
      ["a.jpg", "d/e/c.jpg", "d/b.txt", "empty"].map((name) => existsSync(at(`glob/${name}`))),
      [true, true, false, true],
    )
    const { type, files, dirs, failed } = rowsOf(glob).at(-1)!
    assert.deepEqual([type, files, dirs, failed], ["summary", 2, 4, 0])
    assert.equal(dry.stdout.split("\n").slice(0, 2).join(" "), "d d/b.txt")
    assert.equal(existsSync(at("dry")), false)
    assert.equal(nothing.code, 1)
    assert.match(nothing.stderr, /Nothing in snapshot [0-9a-f]{8} of .* matches "nowhere"; penstock ls/)
    assert.equal(existsSync(at("nothing")), false)
  })
})

test("files that cannot be restored are named, and the exit code is 1, as with findings of check", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/damaged"), "x")
    writeFileSync(at("src/whole"), "y")
    assert.equal((await backupScript(["-r", at("repo"), at("src")])).code, 0)
    const [restored, checked] = await Promise.all([
      penstock(["restore", "-r", at("repo"), "-t", at("out"), "--json"]),
      penstock(["check", "-r", at("repo"), "--read-data-subset", "25%"]),
    ])
    assert.equal(restored.code, 1)
    assert.match(restored.stderr, /^Cannot restore damaged: .*block is damaged/)
    assert.equal(existsSync(at("out/whole")), true)
    const rows = rowsOf(restored)
    assert.deepEqual([rows[0]!["type"], rows[0]!["path"], rows.at(-1)!["failed"]], ["problem", "damaged", 1])
    assert.equal(checked.code, 1)
    assert.match(checked.stdout, /^DATA\/00\/11: Its block 3 is damaged\n {2}cannot be restored whole: damaged/)
    assert.match(checked.stdout, /25 B read/)
  })
})

test("IDs may be shortened; ambiguous and unknown ones give different messages", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    const first = await backupScript(["-r", at("repo"), "--json", "--time", "2020-01-01", at("src")])
    const id = String(rowsOf(first).at(-1)!["snapshot"])
    const stored = at(`repo/snapshots/${id}`)
    const twin = id.slice(0, 12) + "0".repeat(52)
    writeFileSync(at(`repo/snapshots/${twin}`), readFileSync(stored, "utf8").replaceAll(id, twin))
    const [short, several, unknown] = await Promise.all([
      penstock(["ls", "-r", at("repo"), id.slice(0, 20).toUpperCase()]),
      penstock(["ls", "-r", at("repo"), id.slice(0, 6)]),
      penstock(["ls", "-r", at("repo"), "zz"]),
    ])
    assert.deepEqual([short.code, short.stdout], [0, ".\n"])
    assert.match(several.stderr, /is the start of 2 snapshot IDs.*give more digits/)
    assert.match(unknown.stderr, /There is no snapshot "zz"/)
  })
})

test("a listing ends quietly when its reader goes away", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    for (let i = 0; i < 3000; i++) writeFileSync(at(`src/${String(i).padStart(4, "0")}-${"n".repeat(120)}`), "")
    assert.equal((await backupScript(["-r", at("repo"), at("src")])).code, 0)
    const ended = await penstock(["ls", "-r", at("repo"), "-l"], {
      started: (child) => child.stdout!.once("data", () => child.stdout!.destroy()),
    })
    assert.deepEqual([ended.code, ended.stderr], [0, ""])
    assert.ok(ended.stdout.split("\n").length < 3000)
  })
})

test("a path or pattern that matched nothing is named if others matched, and the exit code is 3", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    for (const name of ["a.jpg", "d/b.txt"]) writeFileSync(at(`src/${name}`), name)
    assert.equal((await backupScript(["-r", at("repo"), at("src")])).code, 0)
    const run = (...args: ReadonlyArray<string>) => penstock(["restore", "-r", at("repo"), ...args])
    const [paths, patterns, none, listed] = await Promise.all([
      run("-t", at("paths"), "d", "e/f"),
      run("-t", at("patterns"), "--json", "--include", "*.jpg", "--include", "*.png"),
      run("-t", at("none"), "--json", "--include", "*.png", "x/y", "z"),
      penstock(["ls", "-r", at("repo"), "latest", "e/f"]),
    ])
    assert.deepEqual([paths.code, paths.stderr], [3, 'Nothing in the snapshot matches "e/f"\n'])
    assert.equal(existsSync(at("paths/d/b.txt")), true)
    assert.deepEqual([patterns.code, patterns.stderr], [3, "Nothing in the snapshot matches --include *.png\n"])
    assert.ok(rowsOf(patterns).some(({ pattern, type }) => type === "unmatched" && pattern === "*.png"))
    assert.equal(none.code, 1)
    assert.match(
      none.stderr,
      /^penstock: Nothing in snapshot .* matches "x\/y" or "z" or --include \*\.png; penstock ls/,
    )
    assert.deepEqual(rowsOf(none), ["x/y", "z", "*.png"].map((pattern) => ({ type: "unmatched", pattern })))
    assert.equal(existsSync(at("none")), false)
    assert.equal(listed.code, 1)
  })
})

test("., / and the backed-up path name the whole snapshot", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    writeFileSync(at("src/d/b"), "content")
    assert.equal((await backupScript(["-r", at("repo"), at("src")])).code, 0)
    const [dot, root, listed, dumped] = await Promise.all([
      penstock(["restore", "-r", at("repo"), "-t", at("dot"), "--json", "."]),
      penstock(["restore", "-r", at("repo"), "-t", at("root"), "--json", at("src"), "/", "d/b"]),
      penstock(["ls", "-r", at("repo"), "latest", "/"]),
      penstock(["dump", "-r", at("repo"), "./"]),
    ])
    for (const { code, stderr } of [dot, root, listed, dumped]) assert.deepEqual([code, stderr], [0, ""])
    for (const ended of [dot, root]) assert.deepEqual(rowsOf(ended).map(({ type }) => type), ["summary"])
    for (const name of ["dot", "root"]) assert.equal(readFileSync(at(`${name}/d/b`), "utf8"), "content")
    assert.match(listed.stdout, /^d$/m)
    assert.match(dumped.stdout, /d\/b\0/)
  })
})

test("a restore into the repository, or through a file, is refused by name", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/repo/snapshots"), { recursive: true })
    mkdirSync(at("src/d"))
    mkdirSync(at("before/repo"), { recursive: true })
    writeFileSync(at("src/repo/snapshots/x"), "x")
    assert.equal((await backupScript(["-r", at("repo"), at("before")])).code, 0)
    const run = (target: string, ...args: ReadonlyArray<string>) =>
      penstock(["restore", "-r", at("repo"), "-t", at(target), ...args])
    // The snapshot has only its directory.
    assert.equal((await run("")).code, 0)
    assert.equal((await backupScript(["-r", at("repo"), at("src")])).code, 0)
    symlinkSync(at("repo"), at("link"))
    const [itself, within, linked, above, dry, part, file] = await Promise.all([
      run("repo"),
      run("repo/new/deep", "-n"),
      run("link"),
      run(""),
      run("src/repo/snapshots/x", "-n"),
      run("", "d"),
      run("src/repo/snapshots/x"),
    ])
    for (const { code, stderr } of [itself, within, linked]) {
      assert.equal(code, 1)
      assert.match(stderr, /^penstock: \S+ is (within )?the repository at \S+; give another --target$/m)
    }
    assert.equal(above.code, 1)
    assert.match(above.stderr, /^penstock: repo\/snapshots\S* would be restored into the repository at \S+; give /m)
    for (const { code, stderr } of [dry, file]) {
      assert.equal(code, 1)
      assert.ok(stderr.includes(at("src/repo/snapshots/x")), stderr)
    }
    assert.equal(part.code, 0, part.stderr)
    assert.equal(existsSync(at("d")), true)
    assert.ok(!existsSync(at("repo/snapshots/x")) && !existsSync(at("repo/new")))
  })
})

test("a dry run lists what differs in the target, in any format, and writes nothing", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    for (const name of ["a", "d/b", "d/c"]) writeFileSync(at(`src/${name}`), name.repeat(100))
    writeFileSync(at("src/big"), new Uint8Array(5 << 20).fill(1))
    writeFileSync(at("key"), "0123456789abcdef".repeat(4))
    const cases: ReadonlyArray<readonly [string, ...ReadonlyArray<string>]> = [
      ["rozen"],
      ["bkp"],
      ["zprt"],
      ["snapshot-catalog", "--no-encryption"],
      ["fogsync", "--key-file", at("key")],
    ]
    for (const [format, ...secrets] of cases) {
      const env = { PENSTOCK_PASSWORD: "secret" }
      const repo = ["-r", at(format), ...secrets]
      const own = { env: secrets.length > 0 ? {} : env }
      const run = (command: string, ...args: ReadonlyArray<string>) =>
        runScript("tests/cli/process/quick_main.ts", [command, ...repo, ...args], own)
      const made = await run("backup", "--init", "-q", "--format", format, at("src"))
      assert.equal(made.code, 0, made.stderr)
      const target = ["-t", at(`out-${format}`), "--json"]
      const listed = async (...args: ReadonlyArray<string>) => {
        const ended = await run("restore", ...target, ...args)
        assert.equal(ended.code, 0, ended.stderr)
        return rowsOf(ended).filter(({ type }) => type === "entry").map(({ path }) => path).sort()
      }
      const all = await listed("-n")
      assert.deepEqual(all.filter((path) => path !== "d"), ["a", "big", "d/b", "d/c"], format)
      assert.equal(existsSync(at(`out-${format}`)), false)
      await listed()
      assert.deepEqual(await listed("-n"), [], format)
      writeFileSync(at(`out-${format}/d/b`), "x/b".repeat(100))
      assert.deepEqual(await listed("-n"), ["d/b"], format)
      assert.equal(readFileSync(at(`out-${format}/d/b`), "utf8"), "x/b".repeat(100))
    }
  })
})

/** With a format that stores times. */
const bkp = (args: ReadonlyArray<string>) =>
  runScript("tests/cli/process/quick_main.ts", args, { env: { PENSTOCK_PASSWORD: "secret" } })

test("files that differ only in mode or time are restored, and a dry run names them", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src/d"), { recursive: true })
    for (const name of ["mode", "time", "same", "d/x"]) writeFileSync(at(`src/${name}`), name)
    chmodSync(at("src/mode"), 0o640)
    assert.equal((await bkp(["backup", "-r", at("repo"), "--init", "--format", "bkp", at("src")])).code, 0)
    const restore = async (...args: ReadonlyArray<string>) => {
      const ended = await bkp(["restore", "-r", at("repo"), "-t", at("out"), "--json", ...args])
      assert.equal(ended.code, 0, ended.stderr)
      const rows = rowsOf(ended)
      const { failed, lost, unchanged, written } = rows.at(-1)!
      return {
        paths: rows.filter(({ type }) => type === "entry").map(({ path }) => path).sort(),
        failed,
        lost,
        unchanged,
        written,
      }
    }
    await restore()
    chmodSync(at("out/mode"), 0o600)
    chmodSync(at("out/d"), 0o700)
    utimesSync(at("out/time"), 1, 1)
    const dry = await restore("-n")
    assert.deepEqual(dry, { paths: ["d", "mode", "time"], failed: 0, lost: 0, unchanged: 2, written: 3 })
    assert.deepEqual(await restore(), { ...dry, paths: [] })
    assert.equal(statSync(at("out/mode")).mode & 0o777, 0o640)
    const again = { paths: [], failed: 0, lost: 0, unchanged: 5, written: 0 }
    assert.deepEqual(await restore("-n"), again)
    assert.deepEqual(await restore(), again)
  })
})

test("a time that the file system cannot hold is named, and is no failure", async () => {
  await inDirectory(async (at) => {
    // A file system in memory holds any time.
    const source = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "penstock-test-"))
    try {
      writeFileSync(join(source, "old"), "text")
      utimesSync(join(source, "old"), 60_000_000_000, 60_000_000_000)
      const made = await bkp(["backup", "-r", at("repo"), "--init", "--format", "bkp", source])
      assert.equal(made.code, 0, made.stderr)
    } finally {
      rmSync(source, { recursive: true })
    }
    for (const args of [[], ["-n"], []]) {
      const ended = await bkp(["restore", "-r", at("repo"), "-t", at("out"), "--json", ...args])
      assert.equal(ended.code, 0, ended.stderr)
      const kept = Math.round(statSync(at("out/old")).mtimeMs) === 60_000_000_000_000
      const { failed, lost, unchanged, written } = rowsOf(ended).at(-1)!
      assert.deepEqual([failed, lost, written as number + (unchanged as number)], [
        0,
        kept || args.length > 0 ? 0 : 1,
        1,
      ])
      assert.equal(/^Not kept whole: old: The file system cannot hold/m.test(ended.stderr), lost === 1)
    }
  })
})
