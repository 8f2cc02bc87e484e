/** A writer: what is short is put at once at the commit, what grows is sent in parts on the way. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ObjectWriter, StoreError } from "../../../stages/store/store.ts"
import { writerError } from "../../../stages/store/name.ts"
import { PART_BYTES, PARTS_AT_ONCE, type Upload } from "./multipart.ts"

/** How a writer writes. */
export interface WriterSteps {
  /** Begins an upload in parts, which is taken back when the scope closes. */
  readonly start: Effect.Effect<Upload, StoreError, Scope.Scope>
  /** Puts all at once. */
  readonly putWhole: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StoreError>
  /** Runs the last request of an upload, with the conditions that it needs. */
  readonly publish: (write: Upload["complete"]) => Effect.Effect<void, StoreError>
}

/** Starts a writer. It holds as many bytes as parts are under way, and one more. */
export const makeWriter: (
  name: string,
  steps: WriterSteps,
) => Effect.Effect<ObjectWriter, never, Scope.Scope> = Effect.fnUntraced(function* (name, steps) {
  const scope = yield* Effect.scope
  let state: "whole" | "broken" | "finished" = "whole"
  let upload: Upload | undefined
  let part = 0
  let held: Array<Uint8Array> = []
  let heldBytes = 0
  const sending: Array<Fiber.Fiber<void, StoreError>> = []

  const sendHeld = Effect.fnUntraced(function* () {
    upload ??= yield* Scope.provide(steps.start, scope)
    if (sending.length >= PARTS_AT_ONCE) yield* Fiber.join(sending.shift()!)
    const bytes = held
    held = []
    heldBytes = 0
    sending.push(yield* Effect.forkIn(upload.part(++part, bytes), scope))
  })
  const use = <A>(run: () => Effect.Effect<A, StoreError>, after: "whole" | "finished"): Effect.Effect<A, StoreError> =>
    Effect.suspend(() => {
      if (state !== "whole") return Effect.fail(writerError(name, state))
      state = "broken"
      return Effect.tap(run(), () => Effect.sync(() => state = after))
    })

  return {
    append: (bytes) =>
      use(
        Effect.fnUntraced(function* () {
          for (let at = 0; at < bytes.length;) {
            // A full part stays until more comes: an object of one part needs no upload.
            if (heldBytes === PART_BYTES) yield* sendHeld()
            const taken = bytes.slice(at, at + PART_BYTES - heldBytes)
            held.push(taken)
            heldBytes += taken.length
            at += taken.length
          }
        }),
        "whole",
      ),
    commit: use(
      Effect.fnUntraced(function* () {
        if (upload === undefined) return yield* steps.putWhole(held)
        if (heldBytes > 0) yield* sendHeld()
        yield* Effect.forEach(sending, Fiber.join, { discard: true })
        yield* steps.publish(upload.complete)
      }),
      "finished",
    ),
  }
})
