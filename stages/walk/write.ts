import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TargetError } from "./errors.ts"
import type { Entry } from "./entry.ts"
import { Target, type TargetOptions, type Written } from "./target.ts"

/** What a restore did. */
export interface WriteSummary {
  /** Entries that were made or changed. */
  readonly written: number
  /** Entries that were there already, the same. */
  readonly unchanged: number
  /** Content bytes of the files written or unchanged. */
  readonly bytes: number
  /** What the target cannot hold of entries that are written or unchanged. */
  readonly losses: ReadonlyArray<{ readonly path: string; readonly lost: string }>
  /** Entries that were skipped or failed, and why. */
  readonly problems: ReadonlyArray<Extract<Written, { readonly message: string }>>
}

/** Writes entries beneath a root of the {@link Target}: the inverse of `walk`. */
export const write = (
  root: string,
  options: TargetOptions = {},
): <E, R>(self: Stream.Stream<Entry, E, R>) => Effect.Effect<WriteSummary, E | TargetError, R | Target> =>
<E, R>(self: Stream.Stream<Entry, E, R>): Effect.Effect<WriteSummary, E | TargetError, R | Target> =>
  Effect.scoped(Effect.gen(function* () {
    const session = yield* (yield* Target).open(root, options)
    let written = 0
    let unchanged = 0
    let bytes = 0
    const losses: Array<{ readonly path: string; readonly lost: string }> = []
    const problems: Array<Extract<Written, { readonly message: string }>> = []
    const count = (results: ReadonlyArray<Written>, entries: ReadonlyArray<Entry> = []): void => {
      for (const [i, result] of results.entries()) {
        if ("message" in result) {
          problems.push(result)
          continue
        }
        if (result.lost !== undefined) losses.push({ path: result.path, lost: result.lost })
        if (result.outcome === "written") written++
        else unchanged++
        bytes += entries[i]?.size ?? 0
      }
    }
    yield* Stream.runForEachArray(
      self,
      (entries) => Effect.map(session.write(entries), (results) => count(results, entries)),
    )
    for (const result of yield* session.finish) {
      if ("message" in result) problems.push(result)
      else if (result.lost !== undefined) losses.push({ path: result.path, lost: result.lost })
    }
    return { written, unchanged, bytes, losses, problems }
  }))
