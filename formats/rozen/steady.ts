/** A check beside a rebuild. */
import * as Effect from "effect/Effect"
import type { CheckSummary } from "../repository.ts"
import type { FormatError } from "../error.ts"

/** A rebuild beside a check may replace snapshots so often before what is found is believed. */
const RUNS = 4

/** Snapshots by the names of their objects. */
type Snapshots = ReadonlyArray<{ readonly name: string }>

/**
 * Checks, and checks again when something was found and an object of the snapshots that were looked at has gone
 * meanwhile: a rebuild has replaced it, and with it more that is called missing.
 */
export const steadily = <R>(
  run: Effect.Effect<{ readonly summary: CheckSummary; readonly snapshots: Snapshots }, FormatError, R>,
  list: Effect.Effect<{ readonly snapshots: Snapshots }, FormatError, R>,
  runs: number = RUNS,
): Effect.Effect<CheckSummary, FormatError, R> =>
  Effect.flatMap(
    run,
    ({ snapshots, summary }) =>
      summary.findings.length === 0 || runs === 1 ? Effect.succeed(summary) : Effect.flatMap(list, (now) => {
        const there = new Set(now.snapshots.map(({ name }) => name))
        return snapshots.every(({ name }) => there.has(name)) ? Effect.succeed(summary) : steadily(run, list, runs - 1)
      }),
  )
