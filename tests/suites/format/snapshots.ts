/** What a format keeps of snapshots, and how it lists them. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import type { SnapshotInfo } from "../../../formats/repository.ts"
import { skipIf } from "../../skip.ts"
import { everything } from "./everything.ts"
import { clean, made, options, type Trial, walk, why } from "./trial.ts"

/** What a format keeps of snapshots, and how it lists them. */
export const testSnapshots = ({ format, holds, inRepository, inStore, secrets, traits }: Trial): void => {
  it("keeps the tree for later, when the repository is opened again", () =>
    inStore(() =>
      Effect.gen(function* () {
        const tree = everything()
        assert.equal(yield* format.recognise, false)
        const first = yield* format.create(secrets)
        assert.equal(yield* format.recognise, true)
        const { snapshot } = yield* first.backup(walk(tree), options)
        const again = yield* format.open(secrets)
        assert.equal(again.id, first.id)
        assert.equal(again.format, first.format)
        const listed = yield* again.snapshots
        assert.deepEqual(listed.map(({ id }) => id), [snapshot!.id])
        yield* holds(again, listed[0]!, tree)
      })
    ))

  it("keeps exactly those members of a record that it declares", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const about = { hostname: "h", username: "ü", paths: ["/a"], tags: ["x"], time: 1_234_567_890_123 }
        yield* repository.backup(walk({ "a": { content: "1" } }), about)
        const [{ hostname, paths, tags, time, username }] = (yield* repository.snapshots) as [SnapshotInfo]
        const { record } = format
        assert.deepEqual({ hostname, username, paths, tags, time }, {
          hostname: record.hostname ? about.hostname : "",
          username: record.username ? about.username : "",
          paths: record.paths ? about.paths : [],
          tags: record.tags ? about.tags : [],
          time: record.time === undefined ? 0 : about.time - about.time % record.time,
        })
      })
    ))

  it(
    ...skipIf(why(traits.details), "lists everything that it was told of a snapshot"),
    () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const about = {
            hostname: "h",
            username: "ü",
            paths: ["/a b", "/ü"],
            tags: ["x", ""],
            time: 1_234_567_890_123,
          }
          const summary = yield* repository.backup(walk({ "a/b": { content: "12345" } }), about)
          const [info] = yield* repository.snapshots
          assert.deepEqual(made(summary), info)
          const { machine: _machine, ...told } = info!
          assert.deepEqual(told, { ...about, id: info!.id, files: 1, directories: 2, bytes: 5 })
        })
      ),
  )

  it(
    ...skipIf(why(traits.snapshots), "lists snapshots by time, each with its own tree"),
    () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const trees: ReadonlyArray<MemoryTree> = [
            { "a": { content: "1" }, "d/b": { content: "2" } },
            { "a": { content: "1!" }, "d": { symlink: "a" } },
            { "a/b": { content: "1" } },
            {},
          ]
          for (const [i, tree] of trees.entries()) {
            yield* repository.backup(walk(tree), { ...options, time: 1_000_000 * (i + 1) })
          }
          const listed = yield* repository.snapshots
          assert.deepEqual(listed.map(({ time }) => time), [1_000_000, 2_000_000, 3_000_000, 4_000_000])
          for (const [i, tree] of trees.entries()) {
            yield* holds(repository, listed[i]!, tree)
          }
          yield* clean(repository)
          const only = ({ id }: SnapshotInfo): boolean => id !== listed[1]!.id
          assert.equal((yield* repository.check({ readData: 0, only })).snapshots, 3, "those to look at")
        })
      ),
  )

  it("fails for a snapshot that is not there", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const { snapshot } = yield* repository.backup(walk({}), options)
        const unknown = { ...snapshot!, id: "00".repeat(32) }
        const error = yield* Effect.flip(Stream.runCollect(repository.entries(unknown)))
        assert.deepEqual([error._tag, error.reason], ["RepositoryError", "unknown-snapshot"])
        if (traits.incremental === true) {
          const parent = yield* Effect.flip(repository.backup(walk({}), { ...options, parent: "00".repeat(32) }))
          assert.deepEqual([parent._tag, parent.reason], ["RepositoryError", "unknown-snapshot"])
        }
      })
    ))
}
