/** A repository in append-only directories (`chattr +a`): backups work as always, and nothing can be removed. */
// On one runtime: the file system decides, and the local store is tested on all three.
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { skipIf } from "../skip.ts"
import { type Ended, inDirectory, runScript } from "./process/spawn.ts"

/** Why directories cannot be made append-only here, or undefined. */
const reason = ((): string | undefined => {
  if (process.platform !== "linux") return "needs Linux"
  if (process.getuid?.() !== 0) return "needs root for chattr"
  const directory = mkdtempSync(join(tmpdir(), "penstock-append-"))
  try {
    execFileSync("chattr", ["+a", directory], { stdio: "ignore" })
    execFileSync("chattr", ["-a", directory], { stdio: "ignore" })
    return undefined
  } catch {
    return `chattr is not installed, or does not work in ${tmpdir()}`
  } finally {
    rmSync(directory, { recursive: true })
  }
})()

const run = (args: ReadonlyArray<string>): Promise<Ended> => runScript("tests/cli/process/quick_main.ts", args)

/** Removes a file. False if that is not permitted. */
const isRemoved = (path: string): boolean => {
  try {
    unlinkSync(path)
    return true
  } catch (cause) {
    assert.equal((cause as NodeJS.ErrnoException).code, "EPERM", path)
    return false
  }
}

/** Runs the command, which must have nothing to complain of. */
const quietly = async (args: ReadonlyArray<string>): Promise<void> => {
  const { code, stderr } = await run([...args, "--quiet"])
  assert.deepEqual([code, stderr], [0, ""], args.join(" "))
}

test(
  ...skipIf(reason, "backups work in append-only directories, and nothing can be removed"),
  () =>
    inDirectory(async (at) => {
      const repo = at("repo")
      mkdirSync(at("src"))
      writeFileSync(at("src/a"), "first")
      await quietly(["init", "-r", repo])
      const twoDigits = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, "0"))
      for (const part of ["DATA", "INDEX"]) assert.deepEqual(readdirSync(join(repo, part)).sort(), twoDigits)
      await quietly(["backup", "-r", repo, at("src")])

      try {
        // As docs/command.md says.
        execFileSync("sh", ["-c", `find "$0" -path "$0/tmp" -prune -o -type d -exec chattr +a {} +`, repo])
        writeFileSync(at("src/a"), "second")
        writeFileSync(at("src/b"), new Uint8Array(100_000).map((_, i) => i * i >> 5))
        await quietly(["backup", "-r", repo, at("src")])
        const added = await run(["key", "add", "-r", repo, "--new-key-file", at("another.key")])
        assert.equal(added.code, 0, added.stderr)
        await quietly(["check", "--read-data", "-r", repo])
        await quietly(["restore", "-r", repo, "--target", at("out")])
        assert.equal(readFileSync(at("out/a"), "utf8"), "second")
        assert.deepEqual(readdirSync(join(repo, "tmp")), [])

        // A run puts its log in a directory of its own, which is new. Only rebuild needs logs.
        const objects = readdirSync(repo, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
        const removed = objects.filter(({ name, parentPath }) => isRemoved(join(parentPath, name)))
        assert.deepEqual(removed.map(({ name }) => name), ["0000.roz-log"])
        await quietly(["restore", "-r", repo, "--target", at("again")])
        assert.equal(readFileSync(at("again/a"), "utf8"), "second")
        const passwd = await run(["key", "passwd", "-r", repo, "--new-key-file", at("third.key")])
        assert.equal(passwd.code, 1)
        assert.match(passwd.stderr, /not permitted.*the new secret opens the repository, and so may the old one/s)
      } finally {
        execFileSync("chattr", ["-R", "-a", repo])
      }
    }),
)
