/**
 * Directories that are nested very deeply: in every format, entries that lie too deep are named and left out, quickly
 * and in little memory.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { openTree } from "../../stages/catalog/tree/tree.ts"
import { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { DEPTH_MAXIMUM, depthProblem, PATH_MAXIMUM } from "../../stages/walk/path.ts"
import { factsOf } from "../suites/format/facts.ts"
import { runFormat } from "../suites/format/environment.ts"
import { createIn, options } from "../suites/format/subject.ts"
import { subject as bkp } from "./bkp/subject.ts"
import { subject as fogsync } from "./fogsync/subject.ts"
import { subject as rozen } from "./rozen/subject.ts"
import { subject as rozenV0 } from "./rozen/v0/subject.ts"
import { subject as snapshotCatalog } from "./snapshot_catalog/subject.ts"
import { subject as zprt } from "./zprt/subject.ts"

/** A path of so many names. */
const deep = (names: number): string => Array.from({ length: names }, () => "d").join("/")

it("the limits are those of the documents", () => {
  assert.equal(depthProblem(deep(DEPTH_MAXIMUM)), undefined)
  assert.match(depthProblem(deep(DEPTH_MAXIMUM + 1))!, /more than 2,048 directories deep/)
  assert.equal(depthProblem("p".repeat(PATH_MAXIMUM)), undefined)
  assert.match(depthProblem("p".repeat(PATH_MAXIMUM + 1))!, /longer than 65,535 characters/)
})

it("a source in memory names the directory whose contents lie too deep, once", async () => {
  const tree = { [`${deep(DEPTH_MAXIMUM + 1)}/file`]: { content: "x" } }
  const entries = Array.from(await Effect.runPromise(Stream.runCollect(memorySource(tree).entries("", {}))))
  const left = entries.filter(({ kind }) => kind === "unreadable")
  assert.deepEqual(left.map(({ path }) => path), [deep(DEPTH_MAXIMUM)])
  assert.match(left[0]!.problem!, /^What is in it is left out: it lies more than 2,048 directories deep$/)
})

for (const subject of [rozen, rozenV0, bkp, zprt, fogsync, snapshotCatalog]) {
  describe(`${subject.name} and entries that lie too deep`, () => {
    it("are problems of a backup, and the others are stored", () =>
      runFormat(Effect.gen(function* () {
        const file = (path: string): Entry => {
          const content = new TextEncoder().encode(path.slice(0, 10))
          return { path, kind: "file", metadata: { mtime: 1n }, size: content.length, content }
        }
        const reaches = deep(DEPTH_MAXIMUM - 1)
        const entries = [file(`${reaches}/file`), file(`${reaches}/z/too deep`), file("p".repeat(70_000)), file("q")]
        const repository = yield* createIn(subject, yield* memoryStore.make())
        const summary = yield* repository.backup(Stream.fromIterable(entries), options)
        const deepest = subject === fogsync ? [`${reaches}/file`] : []
        assert.deepEqual(
          summary.problems.map(({ path }) => path).sort(),
          [...deepest, `${reaches}/z/too deep`, "p".repeat(70_000)].sort(),
        )
        const found = yield* factsOf(repository.entries(summary.snapshot!))
        assert.equal(found.get("q")?.size, 1)
        assert.equal(found.has(`${reaches}/file`), subject !== fogsync)
        assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
      })))
  })
}

it("a catalog with 50,000 nested directories ends in a sentence, not in gigabytes", () =>
  runFormat(Effect.gen(function* () {
    const db = yield* (yield* SqliteEngine).open()
    const tree = openTree(db)
    tree.begin()
    tree.put({ path: "d", kind: "directory", metadata: {}, size: 0, chunks: new Uint8Array(0) })
    tree.commit()
    const [columns] = [db.prepare("SELECT * FROM entry WHERE name = x'64'").get()!]
    const insert = db.prepare(`INSERT INTO entry VALUES (${columns.map(() => "?").join(", ")})`)
    const [top, name, id] = columns.slice(0, 3) as [number, Uint8Array, number]
    assert.ok(top === 1 && name.length === 1 && id > 1, "the columns begin with parent, name and ID")
    db.exec("BEGIN")
    for (let n = 0; n < 50_000; n++) insert.run(id + n, name, id + n + 1, ...columns.slice(3))
    db.exec("COMMIT")
    let listed = 0
    assert.throws(() => {
      for (const { path } of tree.entries()) listed += path.length > 0 ? 1 : 0
    }, /more than 2,048 directories deep/)
    assert.equal(listed, DEPTH_MAXIMUM)
  })))
