/** What a writer may still do: nothing after a failed or interrupted step, nothing after its commit. */
import * as Effect from "effect/Effect"
import { writerError } from "./errors.ts"
import type { StoreError } from "./store.ts"

/** Guards the steps of one writer. */
export interface WriterState {
  /** Runs an append. */
  readonly append: <A>(work: () => Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError>
  /** Runs the commit. */
  readonly commit: <A>(work: () => Effect.Effect<A, StoreError>) => Effect.Effect<A, StoreError>
  /** Whether the commit has succeeded. */
  readonly isFinished: () => boolean
}

/** How a writer behaves. */
export interface WriterStateOptions {
  /** Whether a commit that failed may be called again. */
  readonly commitAgain?: boolean
}

/**
 * The state of a new writer of the object `name`. A step that fails or is interrupted breaks the writer: all later
 * steps fail, because nobody knows how many of the bytes were taken.
 */
export const makeWriterState = (name: string, options: WriterStateOptions = {}): WriterState => {
  let state: "whole" | "broken" | "finished" = "whole"
  const step = <A>(
    work: () => Effect.Effect<A, StoreError>,
    done: "whole" | "finished",
    failed: "whole" | "broken",
  ): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      if (state !== "whole") return Effect.fail(writerError(name, state))
      state = "broken"
      return Effect.onExit(work(), ({ _tag }) =>
        Effect.sync(() => {
          state = _tag === "Success" ? done : failed
        }))
    })
  return {
    append: (work) => step(work, "whole", "broken"),
    commit: (work) => step(work, "finished", options.commitAgain === true ? "whole" : "broken"),
    isFinished: () => state === "finished",
  }
}
