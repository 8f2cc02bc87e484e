/** What `find` and `diff` print, and their exit codes. */
// On one runtime: what they find is tested without the command.
import assert from "node:assert/strict"
import { chmodSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { inDirectory, rowsOf, runScript } from "./process/spawn.ts"

test("find and diff show with letters what has changed", () =>
  inDirectory(async (at) => {
    const run = (...args: ReadonlyArray<string>) =>
      runScript("tests/cli/process/quick_main.ts", [args[0]!, "-r", at("repo"), ...args.slice(1)])
    const backup = async (day: number): Promise<string> => {
      for (const name of ["src", "src/d"]) utimesSync(at(name), 1, 1)
      const made = await run("backup", "--init", "--json", "--time", `2026-01-0${day}T10:00:00`, at("src"))
      assert.equal(made.code, 0, made.stderr)
      return String(rowsOf(made).at(-1)!["snapshot"])
    }
    mkdirSync(at("src/d"), { recursive: true })
    for (const name of ["d/Notes.TXT", "gone.txt", "kept.txt"]) {
      writeFileSync(at(`src/${name}`), "one\n")
      utimesSync(at(`src/${name}`), 1, 1)
    }
    const first = await backup(1)
    writeFileSync(at("src/d/Notes.TXT"), "two\n")
    // Another time: Deno tells when a file was changed to the second only, and all of this takes less.
    utimesSync(at("src/d/Notes.TXT"), 2, 2)
    chmodSync(at("src/kept.txt"), 0o600)
    rmSync(at("src/gone.txt"))
    const second = await backup(2)

    const patch = await run("diff", first, second, at("src/d/Notes.TXT"))
    const head = /^--- \w{8}\/d\/Notes\.TXT\t[\d :-]+\n\+\+\+ \w{8}\/d\/Notes\.TXT\t[\d :-]+\n/
    assert.match(patch.stdout, head)
    assert.equal(patch.stdout.replace(head, ""), "@@ -1,1 +1,1 @@\n-one\n+two\n")
    const [found, history, changes, metadata, rows, nothing, nowhere, one] = await Promise.all([
      run("find", "-i", "notes.*"),
      run("find", "--history", at("src/d/Notes.TXT")),
      run("diff", first.slice(0, 8), "latest"),
      run("diff", "-q", "--metadata", first, second, "kept.txt"),
      run("diff", "--json", first, second),
      run("find", "--oldest", "2026-01-01", "*"),
      run("diff", first, second, "nowhere"),
      run("diff", first),
    ])
    assert.match(
      found.stdout,
      /^Found in snapshot \w{8} of .*:\n\+ {4}d\/Notes\.TXT\n\nFound in snapshot .*:\nM {4}d\/Notes\.TXT\n$/,
    )
    assert.match(history.stdout, /^ +4 B .* in snapshot \w{8} .*\n +4 B .* in snapshot .*\n2 versions of .*\n$/)
    assert.match(changes.stdout, /^- {4}gone\.txt\nM {4}d\/Notes\.TXT\n\nFiles: +0 new, +1 removed, +1 changed\n/)
    assert.match(metadata.stdout, /^\nFiles: +0 new, +0 removed, +0 changed\n/)
    assert.deepEqual(rowsOf(rows).map(({ modifier, path, type }) => [type, modifier, path]), [
      ["change", "-", "gone.txt"],
      ["change", "M", "d/Notes.TXT"],
      ["summary", undefined, undefined],
    ])
    assert.deepEqual([nothing.code, nothing.stdout], [0, ""])
    assert.equal(nowhere.code, 1)
    assert.match(nowhere.stderr, /There is no "nowhere" in snapshot/)
    assert.equal(one.code, 1)
    assert.match(one.stderr, /Give two snapshots/)
  }))
