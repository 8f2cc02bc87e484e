/** Several backups at once. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { skipIf } from "../../skip.ts"
import { noise } from "../noise.ts"
import { clean, options, type Trial, walk, why } from "./trial.ts"

/** Several backups at once. */
export const testWriters = ({ format, holds, inStore, secrets, traits }: Trial): void => {
  it(
    ...skipIf(why(traits.concurrent), "takes several backups at once"),
    () =>
      inStore(() =>
        Effect.gen(function* () {
          yield* format.create(secrets)
          const shared = noise(300_000, 7)
          const trees = Array.from({ length: 4 }, (_, i): MemoryTree => ({
            "shared": { content: shared },
            [`own ${i}`]: { content: noise(200_000, 8 + i) },
          }))
          yield* Effect.forEach(trees, (tree, i) =>
            Effect.gen(function* () {
              const repository = yield* format.open(secrets)
              yield* repository.backup(walk(tree), { ...options, hostname: `host ${i}` })
            }), { concurrency: "unbounded" })
          const repository = yield* format.open(secrets)
          const listed = yield* repository.snapshots
          assert.equal(new Set(listed.map(({ id }) => id)).size, 4)
          for (const snapshot of listed) {
            const tree = trees[Number(snapshot.hostname.slice(-1))]!
            yield* holds(repository, snapshot, tree)
          }
          yield* clean(repository)
        })
      ),
  )
}
