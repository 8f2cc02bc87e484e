/** Understands `--read-data` and `--read-data-subset`. */
import * as Effect from "effect/Effect"
import type { ReadData } from "../../formats/data_subset.ts"
import { UsageError } from "../process/usage_error.ts"

/** Powers of 1024. */
const SUFFIXES = "kmgt"

/** What a check is to read: nothing, all, or a subset such as `1/10`, `10%` or `50G`. */
export const readDataOf = (all: boolean, subset: string | undefined): Effect.Effect<ReadData, UsageError> => {
  if (subset === undefined) return Effect.succeed(all ? 100 : 0)
  const refuse = (message: string): Effect.Effect<never, UsageError> => Effect.fail(new UsageError({ message }))
  if (all) return refuse("--read-data reads everything, and --read-data-subset a part: give only one of them")
  const part = /^(\d{1,9})\/(\d{1,9})$/.exec(subset)
  if (part !== null) {
    const [n, of] = [Number(part[1]), Number(part[2])]
    return n >= 1 && n <= of ? Effect.succeed({ part: n, of }) : refuse(
      `"${subset}" is not a part of the data: give one from 1/${Math.max(1, of)} to ${Math.max(1, of)}/${
        Math.max(1, of)
      }`,
    )
  }
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(subset)
  if (percent !== null && Number(percent[1]) > 0 && Number(percent[1]) <= 100) {
    return Effect.succeed(Number(percent[1]))
  }
  const size = /^(\d{1,15})([kmgt])$/i.exec(subset)
  if (size !== null && Number(size[1]) > 0) {
    return Effect.succeed({ bytes: Number(size[1]) * 1024 ** (SUFFIXES.indexOf(size[2]!.toLowerCase()) + 1) })
  }
  return refuse(
    `"${subset}" is not a part of the data: give one such as 1/10, a percentage such as 10%, or a size such as 50G`,
  )
}
