/** Which snapshots to keep, as the options of `forget` say it. */
import * as Effect from "effect/Effect"
import type { GroupFact } from "../../formats/retention/group.ts"
import { parsePeriod, type Period } from "../../formats/retention/period.ts"
import type { RetentionPolicy } from "../../formats/retention/policy.ts"
import { UsageError } from "../process/usage_error.ts"
import { tagsIn } from "./snapshots.ts"

/** The values of the options `--keep-…`. */
export interface PolicyInput {
  readonly keepLast: string | undefined
  readonly keepHourly: string | undefined
  readonly keepDaily: string | undefined
  readonly keepWeekly: string | undefined
  readonly keepMonthly: string | undefined
  readonly keepYearly: string | undefined
  readonly keepWithin: string | undefined
  readonly keepWithinHourly: string | undefined
  readonly keepWithinDaily: string | undefined
  readonly keepWithinWeekly: string | undefined
  readonly keepWithinMonthly: string | undefined
  readonly keepWithinYearly: string | undefined
  readonly keepTag: ReadonlyArray<string>
}

/** The policy that the options describe. */
export const policyOf: (input: PolicyInput) => Effect.Effect<RetentionPolicy, UsageError> = Effect.fnUntraced(
  function* (input) {
    const within = yield* period("keep-within", input.keepWithin)
    return {
      last: yield* count("keep-last", input.keepLast),
      count: {
        hourly: yield* count("keep-hourly", input.keepHourly),
        daily: yield* count("keep-daily", input.keepDaily),
        weekly: yield* count("keep-weekly", input.keepWeekly),
        monthly: yield* count("keep-monthly", input.keepMonthly),
        yearly: yield* count("keep-yearly", input.keepYearly),
      },
      within,
      each: {
        hourly: yield* period("keep-within-hourly", input.keepWithinHourly),
        daily: yield* period("keep-within-daily", input.keepWithinDaily),
        weekly: yield* period("keep-within-weekly", input.keepWithinWeekly),
        monthly: yield* period("keep-within-monthly", input.keepWithinMonthly),
        yearly: yield* period("keep-within-yearly", input.keepWithinYearly),
      },
      tags: yield* Effect.forEach(input.keepTag, tagsIn("--keep-tag")),
    }
  },
)

const count = (option: string, text: string | undefined): Effect.Effect<number, UsageError> => {
  if (text === undefined) return Effect.succeed(0)
  if (text === "unlimited") return Effect.succeed(Number.POSITIVE_INFINITY)
  if (/^\d{1,15}$/.test(text)) return Effect.succeed(Number(text))
  return Effect.fail(
    new UsageError({ message: `--${option} "${text}" is no number of snapshots: write it as 7, or as unlimited` }),
  )
}

/** A period of no length, which is no rule, if the option is not given. */
const period = (option: string, text: string = "0h"): Effect.Effect<Period, UsageError> => {
  const found = parsePeriod(text)
  return found !== undefined ? Effect.succeed(found) : Effect.fail(
    new UsageError({
      message: `--${option} "${text}" is no duration: write numbers of years, months, days and hours, as in 1y5m7d2h`,
    }),
  )
}

const FACTS: Readonly<Record<string, GroupFact>> = {
  ...{ host: "host", hosts: "host" },
  ...{ path: "paths", paths: "paths" },
  ...{ tag: "tags", tags: "tags" },
}

/** What `--group-by` says: `host,paths`, or `none`. */
export const groupingOf = (text: string): Effect.Effect<ReadonlyArray<GroupFact>, UsageError> => {
  if (text === "none") return Effect.succeed([])
  const facts = text.split(",").map((word) => FACTS[word.trim()])
  return facts.every((fact) => fact !== undefined) ? Effect.succeed(facts) : Effect.fail(
    new UsageError({
      message: `--group-by "${text}" names something else: give host, paths and tags, with commas, or none`,
    }),
  )
}
