/** Operations on files as effects, and the writes that all stores of files have in common. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ObjectStore, ObjectWriter, StoreError, WriteOptions } from "../../../stages/store/store.ts"
import { makeWriterState } from "../../../stages/store/writer_state.ts"
import type { Temporary } from "./temporary.ts"

/**
 * Runs file operations as an effect. On interruption `stopped` turns true, and the effect ends when the operations are
 * over.
 */
export const runFiles = <A>(
  fail: (cause: unknown) => StoreError,
  work: (stopped: () => boolean) => Promise<A>,
): Effect.Effect<A, StoreError> =>
  Effect.callback<A, StoreError>((resume) => {
    let stop = false
    const over = work(() => stop).then(
      (value) => resume(Effect.succeed(value)),
      (cause) => resume(Effect.fail(fail(cause))),
    )
    return Effect.promise(() => {
      stop = true
      return over
    })
  })

/**
 * Checks the name, runs the work, and turns what it throws into errors of the store. `doing` is a verb for messages.
 */
export type Operate = <A>(
  doing: string,
  name: string,
  work: (stopped: () => boolean) => Promise<A>,
) => Effect.Effect<A, StoreError>

/** `put` and `create` by means of temporary files. */
export const fileWrites = (
  operate: Operate,
  openTemporary: () => Promise<Temporary>,
): Pick<ObjectStore, "put" | "create"> => ({
  put: (name, parts, options) =>
    operate("write", name, async (stopped) => {
      const temporary = await openTemporary()
      try {
        await temporary.write(parts, stopped)
        if (!stopped()) await temporary.publish(name, options?.replace ?? false)
      } finally {
        await temporary.discard()
      }
    }),
  create: Effect.fnUntraced(function* (
    name: string,
    options?: WriteOptions,
  ): Effect.fn.Return<ObjectWriter, StoreError, Scope.Scope> {
    const temporary = yield* Effect.acquireRelease(
      operate("write", name, openTemporary),
      (temporary) => Effect.promise(temporary.discard),
    )
    const state = makeWriterState(name)
    return {
      append: (bytes) => state.append(() => operate("write", name, (stopped) => temporary.write([bytes], stopped))),
      commit: state.commit(() => operate("write", name, () => temporary.publish(name, options?.replace ?? false))),
    }
  }),
})
