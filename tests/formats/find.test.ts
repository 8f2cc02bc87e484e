/** `find` tells in which snapshots an entry is, and where it changed; `versionsOf` gives each content once. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { corrupt } from "../../formats/error.ts"
import { find, type Found, versionsOf } from "../../formats/find.ts"
import { fogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import { keepsOfRecord } from "../../formats/record_fidelity.ts"
import type { Repository } from "../../formats/repository.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { runFormat } from "../suites/format/environment.ts"

const FORMATS: ReadonlyArray<readonly [name: string, Format, Secrets]> = [
  ["rozen", makeRozen({ scrypt: { n: 1024, r: 8, p: 1 } }), { password: Redacted.make("secret") }],
  ["bkp", makeBkp({ iterations: 10 }), { password: Redacted.make("secret") }],
  ["snapshot-catalog", makeSnapshotCatalog(), {}],
  ["fogsync", fogsync, { key: Redacted.make(new Uint8Array(32)) }],
]

/** The time stays the same, so only the content can show a change. */
const states = (...contents: ReadonlyArray<string | undefined>): ReadonlyArray<MemoryTree> =>
  contents.map((content) => ({
    "d/kept": { content: "kept", mtime: 1n },
    ...(content === undefined ? {} : { "d/file": { content, mtime: 1n } }),
  }))

const TREES = states("one", "one", "two", undefined, "one")

/** A repository with a snapshot of each tree, and one of another machine between the first and the second. */
const made = Effect.fnUntraced(function* (format: Format, secrets: Secrets) {
  const repository = yield* Effect.provideService(format.create(secrets), ObjectStore, yield* memoryStore.make())
  const backup = (tree: MemoryTree, seconds: number, path: string) =>
    repository.backup(memorySource(tree).entries("", {}), {
      paths: [path],
      hostname: "laptop",
      time: 1_600_000_000_000 + seconds * 1000,
      parent: "none",
    })
  for (const [i, tree] of TREES.entries()) {
    yield* backup(tree, i * 10, "/x")
    if (i === 0) yield* backup({ "d/file": { content: "other", mtime: 1n } }, 5, "/y")
  }
  return repository
})

const wanted = () => ({ wanted: ({ path }: { readonly path: string }) => path === "d/file" })

/** The number of the snapshot, and the change. */
const linesOf = (found: ReadonlyArray<Found>, repository: Repository) =>
  Effect.map(
    repository.snapshots,
    (snapshots) =>
      found.map(({ change, snapshot }) => `${snapshots.findIndex(({ id }) => id === snapshot.id)} ${change ?? "same"}`),
  )

describe("find", () => {
  for (const [name, format, secrets] of FORMATS) {
    it(`${name}: says where a file changed, though its size and time did not`, () =>
      runFormat(Effect.gen(function* () {
        const repository = yield* made(format, secrets)
        const snapshots = yield* repository.snapshots
        const found = find(repository, snapshots, wanted)
        // Snapshot 1 is of other paths, which bkp does not keep; snapshot 4 does not have the file.
        const apart = keepsOfRecord(format.record, "paths")
        assert.deepEqual(
          yield* linesOf(yield* Stream.runCollect(found), repository),
          ["0 added", ...(apart ? ["1 added", "2 same"] : ["1 content", "2 content"]), "3 content", "5 added"],
        )
        const versions = yield* versionsOf(Stream.filter(found, ({ snapshot }) => snapshot.id !== snapshots[1]!.id))
        assert.deepEqual(
          versions.map(({ snapshots: those }) => those.map(({ id }) => snapshots.findIndex((one) => one.id === id))),
          [[0, 2, 5], [3]],
        )
      })))
  }

  it("goes on after a snapshot that is lost, and compares with the one before it", () =>
    runFormat(Effect.gen(function* () {
      const repository = yield* made(...FORMATS[0]!.slice(1) as [Format, Secrets])
      const snapshots = yield* repository.snapshots
      const lost = corrupt("catalog", "catalog is damaged")
      const damaged: Repository = {
        ...repository,
        entries: (snapshot, options) =>
          snapshot.id === snapshots[2]!.id ? Stream.fail(lost) : repository.entries(snapshot, options),
      }
      assert.equal(yield* Effect.flip(Stream.runDrain(find(damaged, snapshots, wanted))), lost)
      const problems: Array<string> = []
      const found = yield* Stream.runCollect(
        find(damaged, snapshots, wanted, ({ message }, { id }) => problems.push(`${id} ${message}`)),
      )
      assert.deepEqual(problems, [`${snapshots[2]!.id} catalog is damaged`])
      assert.deepEqual(yield* linesOf(found, repository), ["0 added", "1 added", "3 content", "5 added"])
    })))
})
