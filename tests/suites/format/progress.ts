/** The progress of a backup. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import type { Progress } from "../../../formats/repository.ts"
import { file, of } from "./contents.ts"
import { noise } from "../noise.ts"
import { options, type Trial, walk } from "./trial.ts"

/** The progress of a backup. */
export const testProgress = ({ inRepository }: Trial): void => {
  it("reports progress that never goes back, and never exceeds the whole", () =>
    inRepository((repository) =>
      Effect.gen(function* () {
        const tree = Object.fromEntries(
          Array.from({ length: 24 }, (_, i) => [`d${i % 5}/f${i}`, { content: noise(3000 * (24 - i), i) }]),
        )
        const large = noise(5 << 20, 30)
        const entries = Stream.concat(
          walk({ ...tree, "large": { content: large } }),
          of(
            file("stream", Stream.succeed(large), large.length),
            file("trickle", Stream.succeed(noise(1 << 20, 31)), undefined),
          ),
        )
        const told: Array<Progress> = []
        const summary = yield* repository.backup(entries, { ...options, progress: (now) => told.push(now) })
        assert.ok(told.length > 1)
        for (const count of ["bytes", "files", "directories"] as const) {
          const counts = told.map((now) => now[count])
          assert.deepEqual(counts, counts.toSorted((a, b) => a - b), `${count} go back`)
          assert.ok(counts.at(-1)! <= summary[count], `${counts.at(-1)} ${count} of ${summary[count]}`)
        }
      })
    ))
}
