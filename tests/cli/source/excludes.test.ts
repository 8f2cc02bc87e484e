/** What a backup leaves out. Where a pattern has a `/`, restic is the judge. */
import assert from "node:assert/strict"
import { mkdirSync, realpathSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { excludesOf } from "../../../cli/source/excludes.ts"
import { entriesOf, rootsOf } from "../../../cli/source/roots.ts"
import { inDirectory, penstock, rowsOf } from "../process/spawn.ts"

const FILES: ReadonlyArray<string> = [
  "h/alice/docs/f",
  "h/alice/docs/old/f",
  "h/alice/x/docs/f",
  "h/alice/x/h/alice/docs/f",
  "h/alice/build/f",
  "h/alice/cache/f",
  "h/bob/docs/f",
  "h/alice/a.tmp",
  "h/alice/#auto#",
  "h/alice/two words",
  "h/a[1]/docs/f",
]

/**
 * The working directory, the paths, the patterns (TOP is the directory of the tree), and the files that are left out.
 */
type Case = readonly [directory: string, paths: string, exclude: ReadonlyArray<string>, leftOut: ReadonlyArray<string>]

/** The answers are those of restic 0.19.1, recorded from `restic backup --dry-run -vv`. */
const EQUAL: ReadonlyArray<Case> = [
  ["", "h/alice", [], []],
  ["", "h/alice", ["h/alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["h/alice/docs/"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["/docs"], []],
  ["", "h/alice", ["TOP/h/alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"]],
  ["", "h/alice", ["TOP/h/*/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"]],
  ["", "h/alice", ["h/*/docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["/**/docs"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["", "h/alice", ["TOP/h/**/docs"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["", "h/alice", ["x/docs"], ["h/alice/x/docs/f"]],
  ["", "h/alice", ["docs/old"], ["h/alice/docs/old/f"]],
  ["", "h/alice", ["x/**/docs"], ["h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["x/**"], ["h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["docs/*"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["docs/**"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["", "h/alice", ["**/old/f"], ["h/alice/docs/old/f"]],
  ["", "h/alice", ["h/alice"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
  ["", "h/alice h/bob", ["h/alice"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
  ["", "h/alice h/bob", ["alice"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
  ["", "h/alice h/bob", ["TOP/h/alice"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
  ["", "h/alice", ["TOP/h"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
  ["", "h/alice", ["TOP/h/bob"], []],
  ["h/alice", ".", ["docs/f"], ["h/alice/docs/f", "h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["h/alice", "docs x", ["docs/f"], ["h/alice/docs/f", "h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["h/alice", "docs x", ["docs"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["", "h/alice", ["h/alice/../alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["h//alice/./docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["#auto#"], ["h/alice/#auto#"]],
  ["", "h/alice", ["two words"], ["h/alice/two words"]],
  ["", "h/alice", ["DOCS"], []],
  ["", "h/alice", ["*.tmp"], ["h/alice/a.tmp"]],
  ["", "h/alice", ["h/alice/*.tmp"], ["h/alice/a.tmp"]],
  ["", "h/alice", ["docs", "!h/alice/docs"], ["h/alice/x/docs/f"]],
  ["", "h/alice", ["TOP/h/alice/x/*", "!TOP/h/alice/x/docs"], ["h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["docs/old/f", "!f"], []],
  ["", "h/alice", ["!f", "f"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
  ]],
  ["", "h/alice/docs/f h/bob", ["f"], ["h/bob/docs/f"]],
  ["", "h/alice/docs/f", ["docs"], []],
  ["", "h/alice", ["b[a-u]ild"], ["h/alice/build/f"]],
  ["", "h/alice", ["*/docs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice", ["*/*/docs"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["", "h/alice", ["*lice/x"], ["h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  ["", "h/alice/x h/bob", ["alice/x/docs"], ["h/alice/x/docs/f"]],
  ["", "h", ["/h/alice"], []],
  ["", "h", ["alice/*/docs"], ["h/alice/x/docs/f"]],
  ["", "h/a[1]", ["h/a[[]1[]]/docs"], ["h/a[1]/docs/f"]],
  ["h/alice", ".", ["*"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
]

/** Deliberate differences, with the answers of restic 0.19.1. */
const DIFFERENT: ReadonlyArray<readonly [...Case, restic: ReadonlyArray<string>]> = [
  // A pattern that begins with a dot is one path, not a name at any depth.
  ["h", "alice", ["./docs"], [], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["", "h/alice", ["./h/alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  ["h", "alice", ["./alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  // A name alone does not match the directories above a PATH.
  ["", "h/alice h/bob", ["h"], ["h/alice/x/h/alice/docs/f"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
    "h/alice/build/f",
    "h/alice/cache/f",
    "h/bob/docs/f",
    "h/alice/a.tmp",
    "h/alice/#auto#",
    "h/alice/two words",
  ]],
  ["h/alice", ".", ["./docs"], ["h/alice/docs/f", "h/alice/docs/old/f"], [
    "h/alice/docs/f",
    "h/alice/docs/old/f",
    "h/alice/x/docs/f",
    "h/alice/x/h/alice/docs/f",
  ]],
  // The home directory, which is TOP/h/alice.
  ["", "h/alice", ["~/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"], []],
  ["h", "alice", ["../h/alice/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"], []],
  // A slash at the end matches only directories.
  ["", "h/alice", ["a.tmp/"], [], ["h/alice/a.tmp"]],
  // A pattern that begins with a PATH as it was typed means that PATH.
  ["", "h/a[1]", ["h/a[1]/docs"], ["h/a[1]/docs/f"], []],
]

/** The same for the lines of a file of patterns. The variable ALICE is TOP/h/alice. */
const LINES: ReadonlyArray<readonly [lines: ReadonlyArray<string>, leftOut: ReadonlyArray<string>]> = [
  [["h/alice/docs "], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/h/alice/docs/f"]],
  [["\ufeffdocs"], ["h/alice/docs/f", "h/alice/docs/old/f", "h/alice/x/docs/f", "h/alice/x/h/alice/docs/f"]],
  [["$ALICE/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"]],
  [["  # docs"], []],
  [["${ALICE}/docs"], ["h/alice/docs/f", "h/alice/docs/old/f"]],
  [["docs", "", "!docs"], []],
]

/** The files that are left out, and the patterns that matched nothing. */
const run = async (
  top: string,
  [directory, paths, patterns]: readonly [string, string, ReadonlyArray<string>, ...ReadonlyArray<unknown>],
  files: ReadonlyArray<string> = [],
): Promise<{ readonly leftOut: ReadonlyArray<string>; readonly unused: ReadonlyArray<string> }> => {
  const home = process.env["HOME"]
  const before = process.cwd()
  process.env["HOME"] = join(top, "h/alice")
  process.chdir(join(top, directory))
  try {
    const typed = paths.split(" ")
    const stored = await Effect.runPromise(Effect.gen(function* () {
      const excludes = yield* excludesOf(patterns.map((pattern) => pattern.replace("TOP", top)), files, typed)
      const { roots } = yield* rootsOf(typed, excludes, "memory:none").pipe(
        Effect.catchIf(({ message }) => message.startsWith("Nothing is left"), () => Effect.succeed({ roots: [] })),
      )
      const found: Array<string> = []
      for (const root of roots) {
        const entries = entriesOf(
          localSource.make(),
          [root],
          {},
          ({ path }, at, _why, directory) => excludes.left(path, at, directory),
        )
        for (const { kind, path } of yield* Stream.runCollect(entries)) {
          const inside = root.under === "" ? path : path.slice(root.under.length + 1)
          if (kind === "file") {
            found.push(
              inside === "" || FILES.includes(root.path.slice(top.length + 1)) ? root.path : join(root.path, inside),
            )
          }
        }
      }
      return { found, unused: excludes.unused() }
    }))
    const wanted = FILES.filter((file) =>
      typed.some((path) => `${join(top, file)}/`.startsWith(`${join(top, directory, path)}/`))
    )
    return { leftOut: wanted.filter((file) => !stored.found.includes(join(top, file))), unused: stored.unused }
  } finally {
    process.chdir(before)
    if (home !== undefined) process.env["HOME"] = home
  }
}

/** Makes the tree in a directory, whose path is as `process.cwd()` gives it. */
const inTree = (use: (top: string) => Promise<void>): Promise<void> =>
  inDirectory(async (at) => {
    for (const file of FILES) {
      mkdirSync(dirname(at(file)), { recursive: true })
      writeFileSync(at(file), "1")
    }
    await use(realpathSync(at(".")))
  })

test("excludes leave out the same as with restic", async () => {
  await inTree(async (top) => {
    for (const one of EQUAL) assert.deepEqual((await run(top, one)).leftOut, one[3], JSON.stringify(one.slice(0, 3)))
  })
})

test("excludes differ from restic only where that is intended", async () => {
  await inTree(async (top) => {
    for (const one of DIFFERENT) {
      assert.notDeepEqual(one[3], one[4])
      assert.deepEqual((await run(top, one)).leftOut, one[3], JSON.stringify(one.slice(0, 3)))
    }
  })
})

test("a file of patterns is read as restic reads it", async () => {
  await inTree(async (top) => {
    process.env["ALICE"] = join(top, "h/alice")
    for (const [lines, leftOut] of LINES) {
      const file = join(top, "patterns")
      writeFileSync(file, lines.join("\n"))
      assert.deepEqual((await run(top, ["", "h/alice", []], [file])).leftOut, leftOut, JSON.stringify(lines))
    }
    delete process.env["ALICE"]
    writeFileSync(join(top, "patterns"), "$ALICE/docs")
    await assert.rejects(run(top, ["", "h/alice", []], [join(top, "patterns")]), /the variable ALICE is not set/)
  })
})

test("patterns that matched nothing are known, and invalid ones are refused", async () => {
  await inTree(async (top) => {
    const patterns = ["nowhere", "docs/nowhere", "docs/old", "*.tmp", "!x", "TOP/h/bob", "alice"]
    const { unused } = await run(top, ["", "h/alice", patterns.slice(0, -1)])
    assert.deepEqual(unused, ["nowhere", "docs/nowhere", join(top, "h/bob")])
    assert.deepEqual((await run(top, ["", "h/alice h/bob", ["alice", "h/bob/docs/f"]])).unused, [])
    for (const bad of ["a[", "a\\", "!", "."]) {
      if (bad !== ".") await assert.rejects(run(top, ["", "h/alice", [bad]]), /The pattern/, bad)
    }
  })
})

test("backup names patterns that matched nothing; with --verbose also what is left out", async () => {
  await inTree(async (top) => {
    const repo = join(top, "repo")
    const args = ["--exclude", "h/alice/dcos", "--exclude", "nowhere", "--exclude", "*.tmp", join(top, "h/alice")]
    const made = await penstock(["backup", "--init", "-r", repo, ...args])
    assert.deepEqual([made.code, made.stderr], [0, "Nothing matched --exclude h/alice/dcos\n"])
    const [verbose, quiet, json, none, several] = await Promise.all([
      penstock(["backup", "-n", "-v", "-r", repo, ...args]),
      penstock(["backup", "-n", "-q", "-r", repo, ...args]),
      penstock(["backup", "-n", "--json", "-v", "-r", repo, ...args]),
      penstock(["backup", "-r", repo, "--exclude", join(top, "h"), join(top, "h/alice")]),
      penstock(["backup", "-n", "-r", repo, "--exclude", "bob", join(top, "h/alice"), join(top, "h/bob")]),
    ])
    assert.deepEqual(verbose.stderr.split("\n").sort(), [
      "",
      `Leaving out ${join(top, "h/alice/a.tmp")}: a pattern matches it`,
      "Nothing matched --exclude h/alice/dcos",
      "Nothing matched --exclude nowhere",
    ])
    assert.deepEqual([quiet.code, quiet.stderr], [0, ""])
    assert.deepEqual(rowsOf(json).slice(0, -1), [
      { type: "excluded", path: join(top, "h/alice/a.tmp"), why: "ignored" },
      { type: "unmatched", pattern: "h/alice/dcos" },
      { type: "unmatched", pattern: "nowhere" },
    ])
    assert.equal(none.code, 1)
    assert.match(none.stderr, /^penstock: Nothing is left to back up\. Leaving out everything in .*alice: it matches/)
    assert.equal(several.code, 0)
    assert.match(several.stderr, /^Leaving out everything in .*bob: it matches --exclude bob\n$/)
  })
})
