/** Backups after others, and files that change. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { skipIf } from "../../skip.ts"
import { changing, file, of, root, untouchable } from "./contents.ts"
import { everything, mtime } from "./everything.ts"
import { factsOf, sha256 } from "./facts.ts"
import { noise } from "../noise.ts"
import { clean, made, options, type Trial, walk, why } from "./trial.ts"

/** Backups after others, and files that change. */
export const testChanges = ({ fidelity, format, inRepository, inStore, secrets, traits }: Trial): void => {
  it(
    ...skipIf(why(traits.incremental), "does not open files that have not changed"),
    () =>
      inRepository((repository) =>
        Effect.gen(function* () {
          const metadata = { mtime, ctime: mtime, inode: 7n }
          const content = noise(100_000, 2)
          const first = yield* repository.backup(of(root, file("a", content, content.length, metadata)), options)
          const second = yield* repository.backup(
            of(root, file("a", untouchable, content.length, metadata), file("b", new Uint8Array([1]), 1)),
            options,
          )
          assert.equal(second.filesUnchanged, 1)
          assert.equal(second.snapshot!.parent, first.snapshot!.id)
          assert.equal(second.bytesAdded, 1)
          const facts = yield* factsOf(repository.entries(made(second)))
          assert.equal(facts.get("a")!.content, sha256([content]))
          assert.equal(facts.size, 3)
          // Every one of these may be another content.
          const changes = traits.changes?.(mtime) ?? [{ mtime: mtime + 1n }, { ctime: mtime + 1n }, { inode: 8n }]
          for (const [i, change] of changes.entries()) {
            const other = noise(100_000, 3 + i)
            const third = yield* repository.backup(
              of(root, file("a", other, content.length, { ...metadata, ...change })),
              { ...options, parent: second.snapshot!.id },
            )
            assert.equal(third.filesUnchanged, 0)
            const read = yield* factsOf(repository.entries(made(third)))
            assert.equal(read.get("a")!.content, sha256([other]))
          }
          const full = yield* repository.backup(
            of(root, file("a", content, content.length, metadata)),
            { ...options, parent: "none" },
          )
          assert.deepEqual([full.filesUnchanged, full.chunksNew], [0, 0])
          assert.equal(full.snapshot!.parent === undefined, traits.chain === undefined)
          yield* clean(repository)
        })
      ),
  )

  it("reads a file again that changed while it was read, and reports a file that always changes", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const once = changing(["before", "after!!"], true)
        const always = changing(["1", "22", "333"], false)
        const summary = yield* repository.backup(
          of(root, file("always", always, 1, { mode: 0o600 }), file("once", once, 6, { mode: 0o600 })),
          options,
        )
        assert.equal(once.opened(), 2)
        assert.equal(always.opened(), 2)
        assert.deepEqual(summary.problems.map(({ path }) => path), ["always"])
        const facts = yield* factsOf(repository.entries(made(summary)))
        const digest = (text: string) => sha256([new TextEncoder().encode(text)])
        assert.deepEqual(
          ["once", "always"].map((path) => [facts.get(path)!.size, facts.get(path)!.content]),
          [[7, digest("after!!")], [2, digest("22")]],
        )
        if (fidelity.mode === true) assert.equal(facts.get("once")!.metadata.mode, 0o600)
        if (fidelity.mtime !== undefined) assert.equal(facts.get("once")!.metadata.mtime, 2_000_000_000n)
        yield* clean(repository)
      })
    ))

  it("writes nothing in a dry run", () =>
    inStore((store) =>
      Effect.gen(function* () {
        const repository = yield* format.create(secrets)
        const before = yield* Stream.runCollect(store.list(""))
        const summary = yield* repository.backup(walk(everything()), { ...options, dryRun: true })
        assert.equal(summary.snapshot, undefined)
        assert.ok(summary.bytes > 500_000)
        assert.deepEqual(yield* Stream.runCollect(store.list("")), before)
      })
    ))
}
