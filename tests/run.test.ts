/**
 * The runner itself: it must not take a file for good that crashed, exited, hung, ran nothing or skipped without a
 * reason.
 */
// On Node: the runner is a program for Node, which starts the others itself.
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join, resolve } from "node:path"
import { test } from "node:test"

const root = resolve(import.meta.dirname, "..")
const bin = join(root, "node_modules/.bin")

/** Runs test files, given as name and body, on the three runtimes. */
const suite = (
  files: Readonly<Record<string, string>>,
  ...options: string[]
): { lines: string[]; code: number | null } => {
  const base = mkdtempSync(join(tmpdir(), "penstock-runner-"))
  try {
    for (const [name, body] of Object.entries(files)) {
      const path = join(base, "tests", name.endsWith(".ts") ? name : `${name}.test.ts`)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, `import { after, before, describe, it, test } from "node:test"\n${body}\n`)
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

test("the runner", async (t) => {
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

  const bad: Readonly<Record<string, string>> = {
    fails: `test("a", () => { throw new Error("wrong") })`,
    subtest: `test("a", async (t) => { await t.test("b", () => { throw new Error("wrong") }) })`,
    before: `describe("s", () => { before(() => { throw new Error("hook") }); it("a", () => {}) })`,
    top: `test("a", () => {})\nthrow new Error("at top level")`,
    late: `test("a", () => { setTimeout(() => { throw new Error("late") }, 5) })
           test("b", () => new Promise((done) => setTimeout(done, 100)))`,
    // A file that says its name in one word has a process of its own.
    exits: `test("a", () => globalThis["pro" + "cess"].exit(0))\ntest("b", () => {})`,
    empty: ``,
    syntax: `const = 3`,
    unexplained: `test("a", { skip: true }, () => {})`,
  }
  const good = { good: `test("a", () => {})`, other: `describe("s", () => { it("a", () => {}) })` }
  for (const how of ["in one process", "alone"]) {
    await t.test(`fails for whatever is not a clean pass, and tells of which file, ${how}`, () => {
      const { lines, code } = suite({ ...bad, ...good }, ...how === "alone" ? ["--alone"] : [])
      assert.equal(code, 1)
      const lineOf = (name: string) => lines.find((line) => line.startsWith(`tests/${name}.test.ts `)) ?? ""
      for (const name of Object.keys(bad)) {
        assert.match(lineOf(name), / node \d+, \d FAILED.* deno \d+, \d FAILED.* bun \d+, \d FAILED/, name)
      }
      for (const name of Object.keys(good)) assert.match(lineOf(name), / node 1 \(.* deno 1 \(.* bun 1 \(/, name)
    })
  }

  await t.test("fails in a batch what fails only beside its neighbours", () => {
    const { lines, code } = suite({
      a: `test("a", () => { globalThis.left = 1 })`,
      b: `test("b", () => { if (globalThis.left) throw new Error("left over") })`,
    })
    assert.equal(code, 1)
    const faults = lines.filter((line) => /^FAILED tests\/b.test.ts passes alone, but not in one process/.test(line))
    assert.equal(faults.length, 3, lines.join("\n"))
    assert.equal(lines.at(-1), "6 passed, 3 failed, 0 skipped")
  })

  await t.test("takes tests for those of their file, also when files wait for the same module", () => {
    const { lines } = suite({
      "slow.ts": `await new Promise((done) => setTimeout(done, 20))`,
      a: `import "./slow.ts"\ntest("one", () => {})`,
      b: `import "./slow.ts"\ndescribe("s", () => { it("two", () => {}); it("three", () => {}) })`,
      c: `import "./slow.ts"\ntest("four", () => {})`,
    })
    // A batch that takes one's test for another's is not clean, and has failed.
    assert.equal(lines.at(-1), "12 passed, 0 failed, 0 skipped", lines.join("\n"))
    assert.match(lines.at(-2)!, / 3 processes/)
  })

  await t.test("runs light files of a folder in one process, and by itself what wants to be", () => {
    const light = `test("a", () => {})`
    const processes = (lines: ReadonlyArray<string>) => / (\d+) processes/.exec(lines.at(-2)!)?.[1]
    const on = ["--runtime", "bun"]
    const files = { "x/a": light, "x/b": light, "x/c/d": light, "y/a": light }
    assert.equal(processes(suite(files, ...on).lines), "2")
    assert.equal(processes(suite(files, ...on, "--alone").lines), "4")
    const wants = { "x/e": `// Alone: it counts\n${light}`, "x/f": `${light}\nprocess.env` }
    assert.equal(processes(suite({ ...files, ...wants }, ...on).lines), "4")
    assert.equal(suite(files, ...on).lines.at(-1), "4 passed, 0 failed, 0 skipped")
  })

  await t.test("runs a portable file on one runtime, on another the day after, and on all when asked", () => {
    const portable = ["stages/a", "formats/x/b", "formats/runtime", "docs/marked"]
    const everywhere: Readonly<Record<string, string>> = {
      "adapters/a": ``,
      "stages/marked": `// On every runtime: it measures`,
      "stages/runtime": `import "node:fs"`,
      "stages/kernel": `import type { A } from "../../adapters/kernels/a.ts"`,
      "formats/suite": `const aSuite = 1`,
      "formats/vectors": ``,
      "formats/asks": `"Deno" in globalThis`,
      "formats/skips": `test("b", { skip: "why" }, () => {})`,
    }
    const files = {
      ...Object.fromEntries(portable.map((name) => [name, `import "node:assert"\ntest("a", () => {})`])),
      "docs/marked": `// On one runtime: it reads text\ntest("a", () => {})`,
      "docs/starter": `// On Node: it starts the others\ntest("a", () => {})`,
      "formats/runtime": `import "node:fs"\nimport type { A } from "../../adapters/kernels/a.ts"\ntest("a", () => {})`,
      ...Object.fromEntries(Object.entries(everywhere).map(([name, body]) => [name, `${body}\ntest("a", () => {})`])),
    }
    const placesOf = (lines: ReadonlyArray<string>, name: string): string =>
      (lines.find((line) => line.startsWith(`tests/${name}.test.ts `)) ?? "").match(/\b(node|deno|bun)\b/g)?.join() ??
        ""
    const rotations = [7, 8, 9].map((rotation) => suite(files, "--rotation", String(rotation)).lines)
    for (const name of Object.keys(everywhere)) {
      for (const lines of rotations) assert.equal(placesOf(lines, name), "node,deno,bun", name)
    }
    for (const name of portable) {
      assert.deepEqual(rotations.map((lines) => placesOf(lines, name)).sort(), ["bun", "deno", "node"], name)
    }
    for (const lines of rotations) assert.equal(placesOf(lines, "docs/starter"), "node")
    assert.match(rotations[0]![0]!, /^4 portable files on one runtime each; the same again: --rotation 7;/)
    for (const options of [["--all"], ["formats/"]]) {
      assert.equal(placesOf(suite(files, ...options).lines, "formats/x/b"), "node,deno,bun")
    }
    const passes = `test("a", () => {})`
    const today = suite({ "stages/a": passes, a: passes })
    const again = /--rotation (\d+)/.exec(today.lines[0]!)![1]!
    assert.equal(
      placesOf(
        suite({ "stages/a": passes, a: passes }, "--rotation", again).lines,
        "stages/a",
      ),
      placesOf(today.lines, "stages/a"),
    )
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
