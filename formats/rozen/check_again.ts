/** A check that runs beside a rebuild. */
import * as Effect from "effect/Effect"
import type { FormatError } from "../error.ts"
import type { CheckSummary } from "../repository.ts"

/** How often a check is repeated at most because a rebuild replaced snapshots meanwhile. */
const RUNS = 4

/** Snapshots by the names of their objects. */
type Named = ReadonlyArray<{ readonly name: string }>

/**
 * Runs a check, and runs it again when it found something and the object of a snapshot that it looked at has gone
 * since. A rebuild has then replaced that object and others, which the check takes for missing.
 */
export const checkAgain = <R>(
  check: Effect.Effect<{ readonly summary: CheckSummary; readonly snapshots: Named }, FormatError, R>,
  list: Effect.Effect<{ readonly snapshots: Named }, FormatError, R>,
  runs: number = RUNS,
): Effect.Effect<CheckSummary, FormatError, R> =>
  Effect.flatMap(
    check,
    ({ snapshots, summary }) =>
      summary.findings.length === 0 || runs === 1 ? Effect.succeed(summary) : Effect.flatMap(list, (now) => {
        const there = new Set(now.snapshots.map(({ name }) => name))
        return snapshots.every(({ name }) => there.has(name))
          ? Effect.succeed(summary)
          : checkAgain(check, list, runs - 1)
      }),
  )
