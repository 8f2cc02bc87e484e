import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { makeSelection as select, makeSelector, snapshotPath } from "../../../cli/selection/selection.ts"
import { displayPath, quotePath, unquotePath } from "../../../stages/walk/path.ts"
import type { Entry, EntryKind } from "../../../stages/walk/entry.ts"

const makeSelection = (...args: Parameters<typeof select>) => Effect.runSync(select(...args))
const one = { paths: ["/home/me"] }
const two = { paths: ["/home/me/a", "/srv/b"] }
const entry = (path: string, kind: EntryKind = "file", linkTo?: string): Entry => ({
  path,
  kind,
  metadata: {},
  size: 0,
  ...(linkTo === undefined ? {} : { linkTo }),
})
const directory = (path: string): Entry => entry(path, "directory")

test("absolute paths beneath a backed-up path are found in the snapshot", () => {
  assert.equal(snapshotPath("/home/me/x/y", one), "x/y")
  assert.equal(snapshotPath("/home/me", one), "")
  assert.equal(snapshotPath("/home/meow", one), "home/meow")
  assert.equal(snapshotPath("/srv/b/c", two), "b/c")
  assert.equal(snapshotPath("./x//y/", two), "x/y")
  assert.equal(snapshotPath("/etc/hosts", { paths: ["/"] }), "etc/hosts")
})

test("a directory is kept if something beneath it is wanted, wherever the arrays break", () => {
  const tree = [
    directory(""),
    entry("first"),
    directory("d"),
    entry("d/no.txt"),
    directory("d/empty"),
    directory("d/e"),
    entry("d/e/x.jpg"),
    directory("d-other"),
    directory("z"),
    entry("z/y.jpg"),
  ]
  const part = makeSelection([], { include: ["*.jpg"] }, one)
  for (const size of [1, 3, tree.length]) {
    const select = makeSelector(part)
    const out: Array<string> = []
    for (let at = 0; at < tree.length; at += size) {
      out.push(...select(tree.slice(at, at + size)).map(({ path }) => path))
    }
    assert.deepEqual(out, ["", "d", "d/e", "d/e/x.jpg", "z", "z/y.jpg"])
  }
})

test("patterns tell directories from files, letter case counts, and nothing outside a subtree is reached", () => {
  const part = makeSelection(["d"], { include: ["build/", "!keep"] }, one)
  assert.equal(part.wanted("d/build", "directory"), true)
  assert.equal(part.wanted("d/build", "file"), false)
  assert.equal(part.wanted("d/Build", "directory"), false)
  assert.equal(part.wanted("d/build/deep/file", "file"), true)
  assert.equal(part.wanted("build", "directory"), false)
  assert.equal(part.reaches("d/other", "file"), false)
  assert.equal(part.reaches("d/other", "directory"), true)
  assert.deepEqual(["", "d", "d/x", "dd", "e"].map((path) => part.reaches(path)), [true, true, true, false, false])
})

test("a hard link to a file that is left out becomes a file of its own", () => {
  const select = makeSelector(makeSelection(["b"], {}, one))
  const out = select([
    directory(""),
    entry("a"),
    directory("b"),
    entry("b/c", "file", "a"),
    entry("b/d", "file", "b/c"),
  ])
  assert.deepEqual(out.map(({ path, linkTo }) => [path, linkTo]), [
    ["", undefined],
    ["b", undefined],
    ["b/c", undefined],
    ["b/d", "b/c"],
  ])
})

test("patterns mean the same as in a backup; absolute ones may also begin at the top", () => {
  const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string, typeof one, boolean]> = [
    [["/home/me/docs"], "docs/a", one, true],
    [["/home/me/docs"], "x/docs/a", one, false],
    [["/docs"], "docs/a", one, true],
    [["/docs"], "x/docs/a", one, false],
    [["/home/*/docs"], "docs/a", one, true],
    [["x/docs"], "y/x/docs/a", one, true],
    [["me/docs"], "docs/a", one, true],
    [["me"], "docs/a", one, true],
    [["/srv/b/c"], "b/c", two, true],
    [["/srv/b/c"], "a/c", two, false],
    [["/srv/b"], "b/c", two, true],
    [["b/c"], "b/c", two, true],
    [["*.jpg", "!/b/x.jpg"], "b/x.jpg", two, false],
  ]
  for (const [globs, path, snapshot, wanted] of cases) {
    assert.equal(makeSelection([], { include: globs }, snapshot).wanted(path, "file"), wanted, `${globs} ${path}`)
  }
})

test("paths and patterns that matched nothing are known, one by one", () => {
  const part = makeSelection(["d", "e/f", "gone"], { include: ["*.jpg", "*.png", "!*.gif", "d/*.tif"] }, one)
  for (const path of ["d", "d/a.jpg", "d/b", "e", "h/c.png", "e/fg"]) {
    part.wanted(path, path.includes(".") ? "file" : "directory")
  }
  assert.deepEqual(part.unmatched().map(({ what }) => what), [
    '"e/f"',
    '"gone"',
    "--include *.png",
    "--include d/*.tif",
  ])
  assert.throws(() => makeSelection([], { include: ["a["] }, one), /is not valid/)
})

test("the whole snapshot matches by any of its names, and a path beside it is still looked for", () => {
  for (const whole of [".", "./", "/", "/home/me", "/home/me/"]) {
    for (const tree of [[], [directory(""), entry("a")]]) {
      const part = makeSelection([whole, "a", "gone"], {}, one)
      assert.deepEqual(makeSelector(part)(tree), tree)
      assert.deepEqual(part.unmatched().map(({ given }) => given), tree.length === 0 ? ["a", "gone"] : ["gone"], whole)
    }
  }
})

test("names that are not UTF-8, or have backslashes, are found as they are printed, by path and by pattern", () => {
  for (const name of ["caf\udce9", "a\\xe9", "a\\b", "new\nline", "\u{1f480}", "\u0085\udc85", "*\udcff"]) {
    for (const show of [displayPath, quotePath]) {
      const shown = show(name)
      assert.ok(shown.isWellFormed())
      assert.equal(unquotePath(shown), name)
      assert.equal(makeSelection([shown], {}, one).wanted(`${name}/x`, "file"), true, shown)
      // In a pattern, characters with a meaning are escaped.
      const pattern = shown.replace(/\*|\\(?!x[0-9a-f]{2})/g, "\\$&")
      assert.equal(makeSelection([], { include: [pattern] }, one).wanted(`d/${name}`, "file"), true, shown)
      assert.equal(makeSelection([], { include: [pattern] }, one).wanted("d/other", "file"), false, shown)
    }
  }
  assert.equal(displayPath("a\\xe9\u0085\udc85\\b\u{1f480}"), "a\\x5cxe9\\xc2\\x85\\x85\\b\u{1f480}")
})

test("letter case counts, unless it is to be ignored: in patterns, in names, and in the paths of the snapshot", () => {
  const paths = { paths: ["/home/Me"] }
  const cases = [["*.jpg", "d/A.JPG"], ["Docs", "docs/x"], ["/home/me/ÄRA", "ära"], ["[A-C]x", "bX"]] as const
  for (const [pattern, path] of cases) {
    for (const ignoreCase of [false, true]) {
      const { wanted } = makeSelection([], ignoreCase ? { iinclude: [pattern] } : { include: [pattern] }, paths)
      assert.equal(wanted(path, "file"), ignoreCase, pattern)
    }
  }
  assert.ok(!makeSelection([], { iinclude: ["*.jpg"] }, paths).wanted("d/a.png", "file"))
})

test("patterns leave out files and whole directories, and letters of any case match if asked", () => {
  const selected = (globs: Parameters<typeof makeSelection>[1], tops: ReadonlyArray<string> = []) => {
    const part = makeSelection(tops, globs, one)
    const tree = [
      directory(""),
      entry("A.JPG"),
      entry("b.jpg"),
      directory("d"),
      directory("d/Build"),
      entry("d/Build/x"),
    ]
    const reached = tree.filter(({ kind, path }) => part.reaches(path, kind))
    assert.ok(tree.every(({ kind, path }) => !part.selects(path, kind) || part.reaches(path, kind)))
    return makeSelector(part)(reached).map(({ path }) => path).filter((path) => path !== "")
  }
  assert.deepEqual(selected({ exclude: ["*.jpg"] }), ["A.JPG", "d", "d/Build", "d/Build/x"])
  assert.deepEqual(selected({ iexclude: ["*.jpg"] }), ["d", "d/Build", "d/Build/x"])
  assert.deepEqual(selected({ exclude: ["build/"] }), ["A.JPG", "b.jpg", "d", "d/Build", "d/Build/x"])
  assert.deepEqual(selected({ iexclude: ["build/"] }), ["A.JPG", "b.jpg", "d"])
  assert.deepEqual(selected({ iexclude: ["/HOME/me/d/BUILD"] }), ["A.JPG", "b.jpg", "d"])
  assert.deepEqual(selected({ exclude: ["d/*", "!d/Build"] }), ["A.JPG", "b.jpg", "d", "d/Build", "d/Build/x"])
  assert.deepEqual(selected({ exclude: ["Build"] }, ["d"]), ["d"])
  assert.deepEqual(selected({ iinclude: ["*.Jpg"] }), ["A.JPG", "b.jpg"])
  assert.deepEqual(selected({ include: ["b*"], iinclude: ["b*"] }), ["b.jpg", "d", "d/Build", "d/Build/x"])
  const part = makeSelection([], { iinclude: ["*.png"] }, one)
  assert.deepEqual(part.unmatched().map(({ what }) => what), ["--iinclude *.png"])
})
