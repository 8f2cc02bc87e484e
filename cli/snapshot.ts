/** Which snapshot is meant. */
import * as Effect from "effect/Effect"
import type { FormatError, Repository, SnapshotInfo } from "../formats/format.ts"
import { UsageError } from "./error.ts"
import { showTime } from "./quantity.ts"

/** How many digits of an ID are shown to people. */
export const SHORT_ID = 8

/** `1a2b3c4d of 2026-11-21 00:41:03`; without the time where the format keeps none. */
export const describeSnapshot = ({ id, time }: SnapshotInfo): string =>
  `${id.slice(0, SHORT_ID)}${time === 0 ? "" : ` of ${showTime(time)}`}`

/** The snapshot that `latest` or the start of an ID names. Fails with {@link UsageError} when none or several fit. */
export const pickSnapshot: (
  repository: Repository,
  name: string,
) => Effect.Effect<SnapshotInfo, FormatError | UsageError> = Effect.fnUntraced(function* (repository, name) {
  const all = yield* repository.snapshots
  const wanted = name.toLowerCase()
  if (wanted === "latest") {
    const newest = all.at(-1)
    if (newest !== undefined) return newest
    return yield* new UsageError({ message: "The repository has no snapshots yet; make one with penstock backup" })
  }
  const fitting = wanted === "" ? [] : all.filter((snapshot) => snapshot.id.startsWith(wanted))
  const exact = fitting.find((snapshot) => snapshot.id === wanted)
  if (exact !== undefined) return exact
  if (fitting.length === 1) return fitting[0]!
  return yield* new UsageError({
    message: fitting.length === 0
      ? `There is no snapshot "${name}"; penstock snapshots lists them all`
      : `"${name}" is the start of ${fitting.length} snapshot IDs: ${
        fitting.slice(0, 4).map((snapshot) => snapshot.id.slice(0, Math.max(SHORT_ID, wanted.length + 4))).join(", ")
      }; give more digits`,
  })
})
