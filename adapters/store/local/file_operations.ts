/** Operations on files as effects, and the writes that every store of files makes the same way. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ObjectStore, ObjectWriter, StoreError, WriteOptions } from "../../../stages/store/store.ts"
import { writerError } from "../../../stages/store/name.ts"
import type { Temporary } from "./temporary.ts"

/** Effect of file operations. When it is interrupted, they are told to stop, and are over before the effect is. */
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
 * Checks the name, does the work, and turns what it throws into errors of the store; `doing` is a verb for messages.
 */
export type Operate = <A>(
  doing: string,
  name: string,
  work: (stopped: () => boolean) => Promise<A>,
) => Effect.Effect<A, StoreError>

/** `put` and `create` by way of temporary files. */
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
    let state: "whole" | "broken" | "finished" = "whole"
    const use = (work: (stopped: () => boolean) => Promise<void>) =>
      operate("write", name, async (stopped) => {
        if (state !== "whole") throw writerError(name, state)
        state = "broken"
        await work(stopped)
      })
    return {
      append: (bytes) =>
        use(async (stopped) => {
          await temporary.write([bytes], stopped)
          if (!stopped()) state = "whole"
        }),
      commit: use(async () => {
        await temporary.publish(name, options?.replace ?? false)
        state = "finished"
      }),
    }
  }),
})
