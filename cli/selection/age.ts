/** Understands ages, such as that of `--stale`. */
import * as Effect from "effect/Effect"
import { UsageError } from "../process/usage_error.ts"

/**
 * An age in years, months, days and hours, in the form of restic: `26h`, `7d`, `1y6m`. Gives the function from the time
 * of now to the time that is so long ago, both in milliseconds since 1970. Years, months and days are those of the
 * calendar here.
 */
export const ageOf = (option: string, text: string): Effect.Effect<(now: number) => number, UsageError> => {
  const found = /^(?:(\d{1,4})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?$/.exec(text)
  const [years = 0, months = 0, days = 0, hours = 0] = (found ?? []).slice(1).map((part) => Number(part ?? 0))
  if (years + months + days + hours === 0) {
    return Effect.fail(
      new UsageError({
        message: `"${text}" is not an age: give hours, days, months or years, such as ${option} 26h or ${option} 7d`,
      }),
    )
  }
  return Effect.succeed((now) => {
    const date = new Date(now)
    date.setFullYear(date.getFullYear() - years, date.getMonth() - months, date.getDate() - days)
    return date.getTime() - hours * 3_600_000
  })
}
