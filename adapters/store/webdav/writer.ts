/** Writers, which gather an object and send it at the commit. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { StoreError } from "../../../stages/store/store.ts"
import type { ObjectWriter, WriteOptions } from "../../../stages/store/store.ts"
import { makeWriterState } from "../../../stages/store/writer_state.ts"
import { scratchError } from "../../files/system/scratch.ts"
import { makeSpool } from "./spool.ts"
import type { WriteObject } from "./write_object.ts"

/** A writer of the object `name` in the store at `location`. A commit that failed may be called again. */
export const makeWriter = (
  location: string,
  name: string,
  write: WriteObject,
  options: WriteOptions | undefined,
): Effect.Effect<ObjectWriter, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => makeSpool()), (spool) => Effect.promise(spool.discard)),
    (spool) => {
      const state = makeWriterState(name, { commitAgain: true })
      return {
        append: (bytes) =>
          state.append(() =>
            Effect.uninterruptible(Effect.tryPromise({
              try: () => spool.append(bytes),
              // Not `full`: it is this machine that has no room, not the store.
              catch: (cause) =>
                new StoreError({
                  reason: "io",
                  object: name,
                  message: scratchError(`what is on its way to ${location}`, cause),
                  cause,
                }),
            }))
          ),
        commit: state.commit(() => write(name, spool.body(), options)),
      }
    },
  )
