/** Names that are not UTF-8, and entries that an archive cannot hold, through the whole command. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import process from "node:process"
import { test } from "node:test"
import { skipIf } from "../skip.ts"
import { inDirectory, rowsOf, runScript } from "./process/spawn.ts"

const run = (...args: ReadonlyArray<string>) => runScript("tests/cli/process/quick_main.ts", args)
const noBytes = "Deno" in globalThis
  ? "Deno has no names that are not UTF-8"
  : process.platform !== "linux" && "only Linux has names that are not UTF-8 everywhere"

test(...skipIf(noBytes, "dump, restore and ls take a name back as ls printed it"), async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    const bytes = (name: string) => Buffer.from(`${at("src")}/${name}`, "latin1")
    mkdirSync(bytes("d\xe9"))
    const names = ["d\xe9/caf\xe9", "d\xe9/a\\xe9", "d\xe9/\xf0\x9f\x92\x80", "d\xe9/new\nline"]
    for (const [i, name] of names.entries()) writeFileSync(bytes(name), String(i))
    assert.equal((await run("backup", "--init", "-q", "-r", at("repo"), at("src"))).code, 0)
    const listed = await run("ls", "-r", at("repo"))
    const shown = listed.stdout.split("\n").filter((line) => line.includes("/"))
    assert.deepEqual(shown.sort(), [
      "d\\xe9/a\\x5cxe9",
      "d\\xe9/caf\\xe9",
      "d\\xe9/new\\x0aline",
      "d\\xe9/\u{1f480}",
    ])
    const rows = rowsOf(await run("ls", "--json", "-r", at("repo"))).filter(({ kind }) => kind === "file")
    const told = rows.map(({ path }) => String(path))
    assert.ok(told.every((path) => path.isWellFormed()))
    const contents = await Promise.all([...shown, ...told].map((path) => run("dump", "-r", at("repo"), path)))
    assert.deepEqual(contents.slice(0, 4).map(({ stdout }) => stdout), ["1", "0", "3", "2"])
    assert.deepEqual(contents.slice(4).map(({ stdout }) => stdout).sort(), ["0", "1", "2", "3"])
    const [beneath, restored, included] = await Promise.all([
      run("ls", "-r", at("repo"), "latest", "d\\xe9/caf\\xe9"),
      run("restore", "-q", "-r", at("repo"), "-t", at("path"), "d\\xe9/caf\\xe9"),
      run("restore", "-q", "-r", at("repo"), "-t", at("glob"), "--include", "caf\\xe9", "--include", "a\\x5cxe9"),
    ])
    assert.equal(beneath.stdout, "d\\xe9/caf\\xe9\n")
    for (const [target, count, ended] of [["path", 1, restored], ["glob", 2, included]] as const) {
      assert.equal(ended.code, 0, ended.stderr)
      const directory = Buffer.from(`${at(target)}/d\xe9`, "latin1")
      assert.equal(readdirSync(directory).length, count, target)
    }
    assert.equal(existsSync(Buffer.from(`${at("path")}/d\xe9/caf\xe9`, "latin1")), true)
  })
})

const noSockets = process.platform === "win32" && "Windows has no sockets in directories"

test(...skipIf(noSockets, "dump names entries that an archive cannot hold, and the exit code is 3"), async () => {
  await inDirectory(async (at) => {
    mkdirSync(at("src"))
    writeFileSync(at("src/a"), "content")
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(at("src/socket"), () => resolve()))
    try {
      assert.equal((await run("backup", "--init", "-q", "-r", at("repo"), at("src"))).code, 0)
    } finally {
      server.close()
    }
    const [all, one, plain] = await Promise.all([
      run("dump", "-r", at("repo")),
      run("dump", "-r", at("repo"), "--archive", "tar", "--json", "socket"),
      run("dump", "-r", at("repo"), "socket"),
    ])
    assert.deepEqual([all.code, all.stderr], [3, "Problem with socket: Left out: an archive cannot hold a socket\n"])
    const list = await new Promise<string>((resolve) => {
      const tar = spawn("tar", ["-t"])
      let text = ""
      tar.stdout.on("data", (part) => text += part)
      tar.on("close", () => resolve(text))
      tar.stdin.end(all.stdout)
    })
    assert.equal(list, "./\na\n")
    assert.equal(one.code, 3)
    assert.deepEqual(rowsOf({ ...one, stdout: one.stderr }).map(({ type, path, leftOut }) => [type, path, leftOut]), [
      ["problem", "socket", undefined],
      ["summary", undefined, 1],
    ])
    assert.deepEqual([plain.code, plain.stderr], [
      1,
      'penstock: "socket" is not a file but a socket, which has no content\n',
    ])
  })
})
