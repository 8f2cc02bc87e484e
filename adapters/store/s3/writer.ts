/** A writer: a short object is put whole at the commit, a long one is sent in parts as it grows. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { ObjectWriter, StoreError } from "../../../stages/store/store.ts"
import { makeWriterState } from "../../../stages/store/writer_state.ts"
import { PART_BYTES, PARTS_AT_ONCE, type Upload } from "./multipart.ts"

/** How a writer writes. */
export interface WriterSteps {
  /** Begins an upload in parts. It is aborted when the scope closes before it is complete. */
  readonly start: Effect.Effect<Upload, StoreError, Scope.Scope>
  /** Puts the whole object with one request. */
  readonly putWhole: (parts: ReadonlyArray<Uint8Array>) => Effect.Effect<void, StoreError>
  /** Runs the last request of an upload with the conditions that it needs. */
  readonly publish: (write: Upload["complete"]) => Effect.Effect<void, StoreError>
}

/** Makes a writer. It holds the parts that are being sent and one more, each of 16 MiB. */
export const makeWriter: (
  name: string,
  steps: WriterSteps,
) => Effect.Effect<ObjectWriter, never, Scope.Scope> = Effect.fnUntraced(function* (name, steps) {
  const scope = yield* Effect.scope
  const state = makeWriterState(name)
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

  return {
    append: (bytes) =>
      state.append(
        Effect.fnUntraced(function* () {
          for (let at = 0; at < bytes.length;) {
            // A full part is sent only when more bytes come, because an object of one part needs no upload.
            if (heldBytes === PART_BYTES) yield* sendHeld()
            const taken = bytes.slice(at, at + PART_BYTES - heldBytes)
            held.push(taken)
            heldBytes += taken.length
            at += taken.length
          }
        }),
      ),
    commit: state.commit(
      Effect.fnUntraced(function* () {
        if (upload === undefined) return yield* steps.putWhole(held)
        if (heldBytes > 0) yield* sendHeld()
        yield* Effect.forEach(sending, Fiber.join, { discard: true })
        yield* steps.publish(upload.complete)
      }),
    ),
  }
})
