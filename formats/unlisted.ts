/** Snapshots that are there and cannot be listed. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * Told of each, in a sentence, when snapshots are listed: the others are still of use. Logged as a warning by default.
 */
export const OnUnlisted: Context.Reference<(message: string) => Effect.Effect<void>> = Context.Reference(
  "penstock/formats/OnUnlisted",
  { defaultValue: () => (message: string) => Effect.logWarning(message) },
)

/** Tells of all of them. */
export const tellUnlisted = (messages: ReadonlyArray<string>): Effect.Effect<void> =>
  messages.length === 0
    ? Effect.void
    : Effect.flatMap(OnUnlisted, (told) => Effect.forEach(messages, told, { discard: true }))
