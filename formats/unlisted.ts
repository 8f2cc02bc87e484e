/** Snapshots that are there and cannot be listed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * Called with a sentence about each snapshot that cannot be listed, while the others are. Logs a warning by default.
 *
 * @example Count the snapshots that cannot be listed
 * ```ts
 * import { Effect } from "effect"
 * import { OnUnlisted, tellUnlisted } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const unlisted: Array<string> = []
 * await Effect.runPromise(
 *   Effect.provideService(
 *     tellUnlisted(["INDEX/03.idx was altered"]),
 *     OnUnlisted,
 *     (message) => Effect.sync(() => void unlisted.push(message)),
 *   ),
 * )
 * assert.equal(unlisted.length, 1)
 * ```
 */
export const OnUnlisted: Context.Reference<(message: string) => Effect.Effect<void>> = Context.Reference(
  "penstock/formats/OnUnlisted",
  { defaultValue: () => (message: string) => Effect.logWarning(message) },
)

/**
 * Calls {@link OnUnlisted} with each message.
 *
 * @example Name a snapshot that is damaged, and list the others
 * ```ts
 * import { Effect } from "effect"
 * import { tellUnlisted } from "@penstock/penstock/format"
 * import assert from "node:assert/strict"
 *
 * const snapshots = Effect.as(tellUnlisted([]), ["aa01", "bb02"])
 * assert.equal((await Effect.runPromise(snapshots)).length, 2)
 * ```
 */
export const tellUnlisted = (messages: ReadonlyArray<string>): Effect.Effect<void> =>
  messages.length === 0
    ? Effect.void
    : Effect.flatMap(OnUnlisted, (told) => Effect.forEach(messages, told, { discard: true }))
