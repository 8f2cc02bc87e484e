/** Reads times that were given as the value of an option. */
import * as Effect from "effect/Effect"
import { UsageError } from "../process/usage_error.ts"

/**
 * Milliseconds since 1970 of a time such as `2026-11-21T08:30:00`, `2026-11-21 08:30` or `2026-11-21`. Without a time
 * zone, it is local time.
 */
export const readTime = (text: string | undefined): Effect.Effect<number | undefined, UsageError> => {
  if (text === undefined) return Effect.succeed(undefined)
  const day = /^\d{4}-\d\d-\d\d$/.test(text)
  const time = Date.parse(day ? `${text}T00:00:00` : text.replace(/^(\d{4}-\d\d-\d\d) +(?=\d)/, "$1T"))
  return Number.isNaN(time)
    ? Effect.fail(
      new UsageError({ message: `"${text}" is not a time: write it as 2026-11-21T08:30:00 or 2026-11-21` }),
    )
    : Effect.succeed(time)
}
