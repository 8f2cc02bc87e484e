/** What `ls` shows: one level, sorted, or for ncdu. */
// On one runtime: it is portable code.
import assert from "node:assert/strict"
import { test } from "node:test"
import { ncduWriter } from "../../../cli/output/ncdu.ts"
import { sorted } from "../../../cli/output/sort.ts"
import { topLevel } from "../../../cli/selection/levels.ts"
import type { Entry } from "../../../stages/walk/entry.ts"

const directory = (path: string): Entry => ({ path, kind: "directory", metadata: { mode: 0o755 }, size: 0 })
const file = (path: string, size = 0, mtime = 0n): Entry => ({ path, kind: "file", metadata: { mtime }, size })

const TREE = [
  ...[directory(""), file("a"), directory("d"), file("d/x"), directory("d/e"), file("d/e/y"), directory("d/e/f")],
  ...[file("d/e/f/z"), directory("d/g"), file("d/g/w"), directory("h"), file("h/i")],
]

test("one level of a directory has the directory, and what is directly in it, even if no directory is listed", () => {
  const cases: ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<string>]> = [
    [[""], ["", "a", "d", "h"]],
    [["d"], ["d", "d/x", "d/e", "d/g"]],
    [["d/x"], ["d/x"]],
    [["d", "d/e/f"], ["d", "d/x", "d/e", "d/e/f", "d/e/f/z", "d/g"]],
    [["h", "d/e"], ["d/e", "d/e/y", "d/e/f", "h", "h/i"]],
  ]
  for (const [tops, wanted] of cases) {
    const level = topLevel(tops)
    assert.deepEqual(TREE.flatMap((entry) => level(entry) ?? []).map(({ path }) => path), wanted, String(tops))
    const bare = topLevel(tops)
    const files = TREE.filter(({ kind }) => kind === "file").flatMap((entry) => bare(entry) ?? [])
    assert.deepEqual(files.map(({ path }) => path), wanted.filter((path) => !tops.includes(path) || path === "d/x"))
  }
})

test("a listing is sorted by what is asked for, and then by path", () => {
  const entries = [file("b.txt", 3, 1n), file("a.z", 3, 2n), directory("c"), file("c/x.jpg", 1, -5n)]
  const order = (key: Parameters<typeof sorted>[1]) => sorted(entries, key).map(({ path }) => path)
  assert.deepEqual(order("name"), ["a.z", "b.txt", "c", "c/x.jpg"])
  assert.deepEqual(order("size"), ["c", "c/x.jpg", "a.z", "b.txt"])
  assert.deepEqual(order("time"), ["c/x.jpg", "c", "b.txt", "a.z"])
  assert.deepEqual(order("extension"), ["c", "c/x.jpg", "b.txt", "a.z"])
})

type Node = { readonly name: string; readonly dsize?: number; readonly notreg?: boolean }
type Tree = Node | ReadonlyArray<Tree>

/** The paths in an export, with their sizes on disk. */
const pathsOf = (tree: Tree, above = ""): ReadonlyArray<string> => {
  if (!Array.isArray(tree)) return [`${above}${(tree as Node).name} ${(tree as Node).dsize}`]
  const [self, ...within] = tree as unknown as readonly [Node, ...ReadonlyArray<Tree>]
  return [`${above}${self.name}/`, ...within.flatMap((one) => pathsOf(one, `${above}${self.name}/`))]
}

test("the export for ncdu is JSON with each directory around what is in it, listed or not", () => {
  const snapshot = { id: "ab", time: 1500, hostname: "h", username: "u", paths: ["/home"], tags: [] }
  const linked: Entry = { ...file("d/x", 700, -9n), linkTo: "a" }
  const link: Entry = { path: "d/\udcff", kind: "symlink", metadata: {}, size: 0, target: "x" }
  for (const entries of [[directory(""), file("a", 513), directory("d"), linked, link, directory("d/e")], TREE]) {
    for (const some of [entries, entries.filter(({ kind }) => kind === "file")]) {
      let text = ""
      const writer = ncduWriter(snapshot, (piece) => text += piece)
      for (const entry of some) writer.entry(entry)
      writer.end()
      const [major, minor, about, root] = JSON.parse(text)
      assert.deepEqual([major, minor, about.timestamp], [1, 2, 1])
      const listed = new Set(pathsOf(root).map((path) => path.replace(/ \d+$/, "")))
      for (const { kind, path } of some) {
        const shown = `/home/${path}${kind === "directory" && path !== "" ? "/" : ""}`.replace("\udcff", "\\xff")
        assert.ok(listed.has(shown), `${shown} in ${[...listed].join(" ")}`)
      }
      if (some.includes(linked)) {
        assert.ok(pathsOf(root).includes("/home/a 1024"))
        assert.ok(pathsOf(root).includes("/home/d/x 0"))
      }
    }
  }
})
