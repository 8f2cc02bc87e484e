/** The runner itself: it must not take a file for good that crashed, exited, hung, ran nothing or skipped without a reason. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join, resolve } from "node:path"
import { test } from "node:test"
import { skipIf } from "./skip.ts"

const root = resolve(import.meta.dirname, "..")
const elsewhere = (process.versions["bun"] !== undefined || "Deno" in globalThis) &&
  "the runner is a program for Node, which starts the others itself"
const bin = join(root, "node_modules/.bin")

/** Runs test files, given as name and body, on the three runtimes. */
const suite = (
  files: Readonly<Record<string, string>>,
  ...options: string[]
): { lines: string[]; code: number | null } => {
  const base = mkdtempSync(join(tmpdir(), "penstock-runner-"))
  try {
    mkdirSync(join(base, "tests"))
    for (const [name, body] of Object.entries(files)) {
      const source = `import { after, before, describe, it, test } from "node:test"\n${body}\n`
      writeFileSync(join(base, "tests", `${name}.test.ts`), source)
    }
    const done = spawnSync(
      join(bin, "node"),
      [join(root, "tests/run.ts"), "--folder", join(base, "tests"), ...options],
      {
        env: { ...process.env, PATH: [bin, process.env["PATH"]].join(delimiter), NODE_TEST_CONTEXT: undefined },
        encoding: "utf8",
      },
    )
    return { lines: done.stdout.trimEnd().split("\n"), code: done.status }
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
}

test(...skipIf(elsewhere, "the runner"), async (t) => {
  await t.test("counts tests, not files or suites, and ends with the totals", () => {
    const { lines, code } = suite({
      a: `test("one", () => {})\ndescribe("s", () => { it("two", () => {}); it("three", () => {}) })`,
      b: `test("four", () => {})`,
    })
    assert.equal(lines.at(-1), "12 passed, 0 failed, 0 skipped")
    assert.equal(code, 0)
  })

  await t.test("shows each skip with its reason on every runtime, of suites too", () => {
    const { lines, code } = suite({
      a: `test("passes", () => {})\ntest("named", { skip: "no zstd <here>" }, () => {})
          describe("s", { skip: "no sqlite3" }, () => { it("in it", () => {}) })
          test(..."Deno" in globalThis ? ["x [skip: not on Deno]", { skip: true }, () => {}] : ["x", () => {}])`,
    })
    assert.ok(lines.includes("  tests/a.test.ts > named: no zstd <here> (node, deno, bun)"))
    assert.ok(lines.includes("  tests/a.test.ts > s: no sqlite3 (node, deno, bun)"))
    assert.ok(lines.includes("  tests/a.test.ts > x: not on Deno (deno)"))
    assert.equal(lines.at(-1), "5 passed, 0 failed, 7 skipped")
    assert.equal(code, 0)
  })

  await t.test("fails for whatever is not a clean pass", () => {
    const bad: Readonly<Record<string, string>> = {
      fails: `test("a", () => { throw new Error("wrong") })`,
      subtest: `test("a", async (t) => { await t.test("b", () => { throw new Error("wrong") }) })`,
      before: `describe("s", () => { before(() => { throw new Error("hook") }); it("a", () => {}) })`,
      top: `test("a", () => {})\nthrow new Error("at top level")`,
      late: `test("a", () => { setTimeout(() => { throw new Error("late") }, 5) })
             test("b", () => new Promise((done) => setTimeout(done, 100)))`,
      exits: `test("a", () => process.exit(0))\ntest("b", () => {})`,
      empty: ``,
      syntax: `const = 3`,
      unexplained: `test("a", { skip: true }, () => {})`,
    }
    const { lines, code } = suite(bad)
    assert.equal(code, 1)
    for (const name of Object.keys(bad)) {
      const line = lines.find((line) => line.startsWith(`tests/${name}.test.ts `)) ?? ""
      assert.match(line, / node \d+, \d FAILED.* deno \d+, \d FAILED.* bun \d+, \d FAILED/, name)
    }
  })

  await t.test("kills a file that hangs", () => {
    const { lines, code } = suite({ hangs: `test("a", () => { for (;;); })` }, "--timeout", "1", "--runtime", "bun")
    assert.ok(lines.includes("FAILED tests/hangs.test.ts did not end within 1 s and was killed"), lines.join("\n"))
    assert.equal(lines.at(-1), "0 passed, 1 failed, 0 skipped")
    assert.equal(code, 1)
  })

  await t.test("fails when there is nothing to run", () => {
    const { lines, code } = suite({ a: `test("a", () => {})` }, "no-such-file")
    assert.equal(lines.at(-1), "0 passed, 0 failed, 0 skipped")
    assert.equal(code, 1)
  })
})
