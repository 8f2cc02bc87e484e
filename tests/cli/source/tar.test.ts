import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { test } from "node:test"
import { member, tarOf } from "../../stages/tar/blocks.ts"
import { basicEnvironment, commandOf, inDirectory, penstock, rowsOf } from "../process/spawn.ts"

/** Runs with bytes or a file on stdin. Returns the bytes of stdout. */
const run = (args: ReadonlyArray<string>, stdin: Uint8Array | string = new Uint8Array(0)) => {
  const command = [...commandOf("tests/cli/process/fake_main.ts"), "penstock", ...args]
  const [program, ...rest] = typeof stdin === "string" ? ["sh", "-c", 'exec "$@" < "$0"', stdin, ...command] : command
  const { status, stderr, stdout } = spawnSync(program!, rest, {
    env: { ...basicEnvironment(), PENSTOCK_PASSWORD: "secret" },
    ...(typeof stdin === "string" ? {} : { input: stdin }),
    maxBuffer: 1 << 26,
  })
  return { code: status, stdout: new Uint8Array(stdout), text: String(stdout), stderr: String(stderr) }
}

test("backup --tar stores the entries of an archive from a pipe or a file; refused ones are named", async () => {
  await inDirectory(async (at) => {
    const big = "big ".repeat(700_000)
    const archive = tarOf(
      member({ name: "d/big" }, big),
      member({ name: "../outside" }, "no"),
      member({ name: "a" }, "content"),
    )
    const piped = run(["backup", "--init", "-r", at("repo"), "--tar", "--json"], archive)
    assert.equal(piped.code, 3, piped.stderr)
    assert.match(piped.stderr, /^Problem with \.\.\/outside: Left out: its name has a component/)
    const rows = rowsOf({ ...piped, stdout: piped.text })
    assert.deepEqual(rows.map(({ type }) => type), ["problem", "summary"])
    assert.deepEqual([rows[1]?.["files"], rows[1]?.["dirs"], rows[1]?.["bytes"]], [2, 2, big.length + 7])

    writeFileSync(at("a.tar"), tarOf(member({ name: "d/big" }, big), member({ name: "a" }, "content")))
    const seen = run(["backup", "-r", at("repo"), "--tar", "--stdin-filename", "web.tar"], at("a.tar"))
    assert.equal(seen.code, 0, seen.stderr)

    const file = run(["dump", "-r", at("repo"), "d/big"])
    assert.equal(file.code, 0, file.stderr)
    assert.ok(file.text === big)
    const cut = run(["backup", "-r", at("repo"), "--tar"], readFileSync(at("a.tar")).subarray(0, 5000))
    assert.equal(cut.code, 1)
    assert.match(cut.stderr, /^penstock: The tar archive is cut off: it ends after 5000 bytes/)
    const listed = await penstock(["snapshots", "-r", at("repo"), "--json"])
    assert.deepEqual(rowsOf(listed).slice(0, 2).map(({ paths }) => paths), [["/stdin.tar"], ["/web.tar"]])
  })
})

test("dump writes an archive of all or a part, and names what it could not read", async () => {
  await inDirectory((at) => {
    const archive = tarOf(
      ...["a", "d/x", "d/damaged", "e/y"].map((name) => member({ name }, name)),
      member({ name: "l", type: "2", link: "a" }),
    )
    assert.equal(run(["backup", "--init", "-r", at("repo"), "--tar"], archive).code, 0)
    const all = run(["dump", "-r", at("repo"), "--json"])
    assert.equal(all.code, 1)
    const [problem, summary] = all.stderr.trim().split("\n").map((line) => JSON.parse(line))
    assert.deepEqual([problem.path, summary.entries, summary.failed], ["d/damaged", 8, 1])
    assert.equal(summary.bytesWritten, all.stdout.length)

    const names = (bytes: Uint8Array) => {
      const found: Array<string> = []
      for (let at = 0; bytes[at] !== 0; at += 512) {
        const block = Buffer.from(bytes.subarray(at, at + 512))
        if (block.toString("latin1", 257, 262) === "ustar") found.push(block.toString("latin1", 0, block.indexOf(0)))
      }
      return found
    }
    assert.deepEqual(names(run(["dump", "-r", at("repo"), "e"]).stdout), ["./", "e/", "e/y"])
    assert.deepEqual(names(run(["dump", "-r", at("repo"), "a", "--archive", "tar"]).stdout), ["./", "a"])
    assert.match(run(["dump", "-r", at("repo"), "l"]).stderr, /^penstock: "l" is not a file but a symlink/)
    assert.match(run(["dump", "-r", at("repo"), "d/damaged"]).stderr, /^penstock: Its block is damaged/)
    assert.match(run(["dump", "-r", at("repo"), "none"]).stderr, /^penstock: There is no "none" in snapshot/)
    return Promise.resolve()
  })
})
