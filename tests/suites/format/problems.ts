/** What cannot be read, and what a source gets wrong. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { SourceError } from "../../../stages/walk/errors.ts"
import { file, of, root } from "./contents.ts"
import { factsOf } from "./facts.ts"
import { noise } from "../noise.ts"
import { clean, made, options, type Trial } from "./trial.ts"

/** What cannot be read, and what a source gets wrong. */
export const testProblems = ({ inRepository }: Trial): void => {
  it("reports what cannot be read, and keeps the rest", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const error = (path: string) => new SourceError({ reason: "io", path, message: "The disk is broken" })
        const summary = yield* repository.backup(
          of(
            root,
            { path: "denied", kind: "unreadable", metadata: {}, size: 0, problem: "Permission denied" },
            file("fails at once", {
              open: () => {
                throw error("fails at once")
              },
            }, 3),
            file("fails later", {
              open: () => ({
                read: (into) => {
                  if (into.length > 0) throw error("fails later")
                  return 0
                },
                finish: () => assert.fail("It was not read to the end"),
                close: () => {},
              }),
            }, 3),
            file("good", new Uint8Array([9]), 1),
            file(
              "stream",
              Stream.concat(Stream.succeed(noise(100_000, 5)), Stream.fail(error("stream"))),
              undefined,
            ),
            file("zebra", new Uint8Array([10]), 1),
          ),
          options,
        )
        assert.deepEqual(summary.problems.map(({ message, path }) => [path, message]), [
          ["denied", "Permission denied"],
          ["fails at once", "The disk is broken"],
          ["fails later", "The disk is broken"],
          ["stream", "The disk is broken"],
        ])
        const facts = yield* factsOf(repository.entries(made(summary)))
        assert.deepEqual([...facts.keys()].filter((path) => path !== ""), ["good", "zebra"])
        yield* clean(repository)
      })
    ))

  it("refuses a path that comes twice", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const twice = of(root, file("a", new Uint8Array([1]), 1), file("a", new Uint8Array([2]), 1))
        const error = yield* Effect.flip(repository.backup(twice, options))
        assert.equal(error._tag, "RepositoryError")
        assert.match(error.message, /"?a"?/)
        assert.deepEqual(yield* repository.snapshots, [])
        yield* clean(repository)
      })
    ))

  it("fails with what the source fails with, and makes no snapshot", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const error = new SourceError({ reason: "not-found", path: "/x", message: "There is no /x" })
        const failing = Stream.concat(of(root, file("a", noise(500_000, 6), 500_000)), Stream.fail(error))
        assert.equal(yield* Effect.flip(repository.backup(failing, options)), error)
        assert.deepEqual(yield* repository.snapshots, [])
        yield* clean(repository)
      })
    ))
}
