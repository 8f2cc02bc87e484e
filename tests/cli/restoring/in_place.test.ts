import assert from "node:assert/strict"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { backupScript, inDirectory, penstock, rowsOf } from "../process/spawn.ts"

test("two paths go back to where they were, and all else but the repository is deleted there", async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("one/d"), { recursive: true })
    mkdirSync(at("deep/two"), { recursive: true })
    for (const name of ["one/a", "one/d/b", "deep/two/c"]) writeFileSync(at(name), name)
    const repo = ["-r", at("one/backups/repo")]
    const made = await backupScript([...repo, at("one"), at("deep/two")])
    assert.equal(made.code, 0, made.stderr)
    rmSync(at("one/d"), { recursive: true })
    rmSync(at("deep"), { recursive: true })
    writeFileSync(at("one/a"), "changed")
    mkdirSync(at("one/new/deep"), { recursive: true })
    writeFileSync(at("one/new/deep/file"), "")
    writeFileSync(at("one/backups/more"), "")
    writeFileSync(at("one/keep"), "")
    writeFileSync(at("beside"), "")
    symlinkSync(at("beside"), at("one/link"))
    const restore = ["restore", ...repo, "--target", "/", "--delete", "--exclude", "keep"]
    const gone = ["one/backups/more", "one/link", "one/new", "one/new/deep", "one/new/deep/file"]
    const deleted = (rows: ReturnType<typeof rowsOf>) =>
      rows.filter(({ type }) => type === "deleted").map(({ path }) => path).sort()
    const [dry, bare] = await Promise.all([
      penstock([...restore, "--dry-run", "--json"]),
      penstock(["restore", ...repo, "--target", "/", "--delete"]),
    ])
    assert.equal(dry.code, 0, dry.stderr)
    assert.deepEqual(deleted(rowsOf(dry)), gone)
    assert.equal(existsSync(at("one/new/deep/file")), true)
    assert.equal(bare.code, 1)
    assert.match(bare.stderr, /--delete with --target \/ must be limited/)

    const restored = await penstock([...restore, "--verify", "--json"])
    assert.equal(restored.code, 0, restored.stderr)
    assert.deepEqual(deleted(rowsOf(restored)), gone)
    const summary = rowsOf(restored).at(-1)!
    assert.deepEqual([summary["deleted"], summary["verified"], summary["failed"]], [5, 3, 0])
    assert.deepEqual(
      readdirSync(at("one"), { recursive: true }).filter((name) => !String(name).includes("repo")).sort(),
      [
        "a",
        "backups",
        "d",
        "d/b",
        "keep",
      ],
    )
    for (const name of ["one/a", "one/d/b", "deep/two/c"]) assert.equal(readFileSync(at(name), "utf8"), name)
    assert.equal(existsSync(at("beside")), true)
    assert.equal((await penstock(["check", ...repo])).code, 0)
  })
})
