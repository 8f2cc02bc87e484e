/** `penstock snapshots`: lists the snapshots of a repository. */
import * as Effect from "effect/Effect"
import type { SnapshotInfo } from "../formats/repository.ts"
import { displayPath } from "../stages/walk/path.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { plural, showBytes, showCount, showTime } from "./output/quantity.ts"
import { admitFilter } from "./repository/admit.ts"
import { type OpenError, withRepository } from "./repository/open.ts"
import { describeUnlisted, filterOf, listSnapshots, SHORT_ID } from "./selection/snapshots.ts"

export interface SnapshotsInput extends CommonInput, FilterInput {}

/** Runs `snapshots`; gives the exit code. */
export const snapshots: (input: SnapshotsInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(
  function* (input) {
    const out = makeOutput(input)
    const { fits } = yield* filterOf(input)
    return yield* withRepository(
      input,
      "open",
      (repository) =>
        Effect.map(listSnapshots(repository), ({ snapshots, unlisted }) => {
          const chosen = snapshots.filter(fits)
          for (const snapshot of chosen) out.row(snapshotRow(snapshot))
          if (!out.json && chosen.length > 0) { for (const line of table(chosen)) out.line(line) }
          out.note(plural(chosen.length, "snapshot"))
          out.row({ type: "summary", snapshots: chosen.length, ...(unlisted === 0 ? {} : { unlisted }) })
          if (unlisted === 0) return EXIT_OK
          out.warn(describeUnlisted(unlisted))
          return EXIT_FAILURE
        }),
      { admit: admitFilter(input) },
    )
  },
)

/** A snapshot as a row of `--json`: without its time where the format keeps none. */
export const snapshotRow = (
  { directories, time, ...snapshot }: SnapshotInfo,
): { readonly type: string; readonly [key: string]: unknown } => ({
  type: "snapshot",
  ...snapshot,
  dirs: directories,
  ...(time === 0 ? {} : { time: new Date(time).toISOString() }),
})

const table = (snapshots: ReadonlyArray<SnapshotInfo>): ReadonlyArray<string> => {
  const tagged = snapshots.some((snapshot) => snapshot.tags.length > 0)
  const rows = [
    ["ID", "Time", "Host", ...(tagged ? ["Tags"] : []), "Files", "Size", "Paths"],
    ...snapshots.map((snapshot) => [
      snapshot.id.slice(0, SHORT_ID),
      snapshot.time === 0 ? "unknown" : showTime(snapshot.time),
      displayPath(snapshot.hostname),
      ...(tagged ? [displayPath(snapshot.tags.join(","))] : []),
      snapshot.files === undefined ? "?" : showCount(snapshot.files),
      snapshot.bytes === undefined ? "?" : showBytes(snapshot.bytes),
      snapshot.paths.map(displayPath).join(", "),
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const right = new Set(tagged ? [4, 5] : [3, 4])
  return rows.map((row) =>
    row.map((cell, column) => right.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))
      .join("  ").trimEnd()
  )
}
