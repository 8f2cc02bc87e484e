/** Where a snapshot goes that is restored in place. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { targetParts } from "../../../cli/restoring/parts.ts"
import type { Repository, SnapshotInfo } from "../../../formats/repository.ts"
import type { Entry } from "../../../stages/walk/entry.ts"

const entry = (path: string, kind: Entry["kind"] = "file", more: Partial<Entry> = {}): Entry => ({
  path,
  kind,
  metadata: kind === "directory" ? { mode: 0o755 } : {},
  size: 0,
  ...more,
})

/** The place of each entry, after the parts that it goes to. */
const places = (paths: ReadonlyArray<string>, entries: ReadonlyArray<Entry>, target = "/") => {
  const info: SnapshotInfo = { id: "aabbccdd00", time: 0, hostname: "", username: "", paths, tags: [] }
  const repository: Pick<Repository, "entries"> = {
    entries: (_, options) =>
      Stream.fromIterable(entries.filter(({ path, kind }) => options?.include?.(path, kind) ?? true)),
  }
  return Effect.runSync(
    Effect.map(
      targetParts(target, repository, info),
      (parts) =>
        parts.flatMap((part) =>
          entries.filter(({ path }) => part.reaches(path)).flatMap((one) => {
            const placed = part.place(one)
            if (placed === undefined) return []
            assert.equal(part.nameOf(placed.path), one.path)
            const at = (path: string): string => path === "" ? part.root : `${part.root}/${path}`
            return [placed.linkTo === undefined ? at(placed.path) : `${at(placed.path)} -> ${at(placed.linkTo)}`]
          })
        ),
    ),
  )
}

test("any other target takes all as it is in the snapshot", () => {
  assert.deepEqual(places(["/home/me", "/etc"], [entry("me", "directory"), entry("etc/a")], "/mnt"), [
    "/mnt/me",
    "/mnt/etc/a",
  ])
})

test("each path goes back to where it was", () => {
  assert.deepEqual(
    places(["/home/me"], [entry("", "directory"), entry("a"), entry("b", "file", { linkTo: "a" })]),
    ["/home/me", "/home/me/a", "/home/me/b -> /home/me/a"],
  )
  assert.deepEqual(places(["/"], [entry("", "directory"), entry("etc/a")]), ["/", "//etc/a"])
  assert.deepEqual(
    places(["/home/me", "/srv/file", "/etc"], [
      entry("", "directory"),
      entry("file"),
      entry("etc", "directory"),
      entry("etc/a"),
      entry("me", "directory"),
      entry("me/a", "file", { linkTo: "etc/a" }),
      entry("me/b", "file", { linkTo: "me/a" }),
    ]),
    ["/srv/file", "/etc", "/etc/a", "/home/me", "/home/me/a", "/home/me/b -> /home/me/a"],
  )
})

test("a single file is told from a directory that has only a file of its name", () => {
  assert.deepEqual(places(["/srv/x"], [entry("x")]), ["/srv/x"])
  assert.deepEqual(places(["/srv/x"], [entry("", "directory", { metadata: {} }), entry("x")]), ["/srv/x"])
  assert.deepEqual(places(["/srv/x"], [entry("", "directory"), entry("x")]), ["/srv/x", "/srv/x/x"])
})

test("a snapshot that does not tell where its paths were is refused", () => {
  const refused: ReadonlyArray<readonly [ReadonlyArray<string>, ReadonlyArray<Entry>, RegExp]> = [
    [[], [entry("a")], /does not say where its files were: give another --target than \//],
    [["C:\\Users"], [entry("a")], /is of C:\\Users, which is no absolute path here/],
    [["/home/../etc"], [entry("a")], /is of \/home\/\.\.\/etc, which is no absolute path/],
    [["/a/x", "/b/x"], [entry("x")], /does not have its files under the names of its paths/],
    [["/a/x", "/b/y"], [entry("home", "directory"), entry("x")], /under the names of its paths/],
  ]
  for (const [paths, entries, message] of refused) assert.throws(() => places(paths, entries), message)
})
