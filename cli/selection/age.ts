/** Understands ages, such as that of `--stale`. */
import * as Effect from "effect/Effect"
import { before, localOffset } from "../../formats/retention/calendar.ts"
import { isEmptyPeriod, parsePeriod } from "../../formats/retention/period.ts"
import { UsageError } from "../process/usage_error.ts"

/**
 * An age in years, months, days and hours, in the form of restic: `26h`, `7d`, `1y6m`. Gives the function from the time
 * of now to the time that is so long ago, both in milliseconds since 1970. Years, months and days are those of the
 * calendar here.
 */
export const ageOf = (option: string, text: string): Effect.Effect<(now: number) => number, UsageError> => {
  const age = parsePeriod(text)
  return age !== undefined && !isEmptyPeriod(age)
    ? Effect.succeed((now) => before(now, age, localOffset))
    : Effect.fail(
      new UsageError({
        message: `"${text}" is not an age: give hours, days, months or years, such as ${option} 26h or ${option} 7d`,
      }),
    )
}
