import assert from "node:assert/strict"
import { test } from "node:test"
import { selection, selector, snapshotPath } from "../../cli/selection.ts"
import type { Entry, EntryKind } from "../../stages/walk/entry.ts"

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

test("absolute paths beneath what was backed up are found in the snapshot", () => {
  assert.equal(snapshotPath("/home/me/x/y", one), "x/y")
  assert.equal(snapshotPath("/home/me", one), "")
  assert.equal(snapshotPath("/home/meow", one), "home/meow")
  assert.equal(snapshotPath("/srv/b/c", two), "b/c")
  assert.equal(snapshotPath("./x//y/", two), "x/y")
  assert.equal(snapshotPath("/etc/hosts", { paths: ["/"] }), "etc/hosts")
})

test("a directory is emitted when something beneath it is wanted, wherever the arrays break", () => {
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
  const part = selection([], ["*.jpg"], one)
  for (const size of [1, 3, tree.length]) {
    const select = selector(part)
    const out: Array<string> = []
    for (let at = 0; at < tree.length; at += size) {
      out.push(...select(tree.slice(at, at + size)).map(({ path }) => path))
    }
    assert.deepEqual(out, ["", "d", "d/e", "d/e/x.jpg", "z", "z/y.jpg"])
  }
})

test("patterns know directories from files, keep case, and nothing outside of a subtree is reached", () => {
  const part = selection(["d"], ["build/", "!keep"], one)
  assert.equal(part.wanted("d/build", "directory"), true)
  assert.equal(part.wanted("d/build", "file"), false)
  assert.equal(part.wanted("d/Build", "directory"), false)
  assert.equal(part.wanted("d/build/deep/file", "file"), true)
  assert.equal(part.wanted("build", "directory"), false)
  assert.equal(part.reaches("d/other", "file"), false)
  assert.equal(part.reaches("d/other", "directory"), true)
  assert.deepEqual(["", "d", "d/x", "dd", "e"].map((path) => part.reaches(path)), [true, true, true, false, false])
})

test("a hard link to a file that is left out is a file of its own", () => {
  const select = selector(selection(["b"], [], one))
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
