/** `penstock ls`: lists the paths in a snapshot. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { quoted } from "../adapters/runtime/quote.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { entryMembers, longLine } from "./output/entries.ts"
import { makeOutput } from "./output/output.ts"
import { showPath } from "./output/show.ts"
import { makeTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { makeSelection } from "./selection/selection.ts"
import { describeSnapshot, filterOf, listSnapshots, pickSnapshot } from "./selection/snapshots.ts"

export interface LsInput extends CommonInput, FilterInput {
  readonly snapshot: string | undefined
  readonly path: string | undefined
  readonly long: boolean
}

/** Runs `ls`. Returns the exit code. Stops early if the reader of its output has gone. */
export const ls: (input: LsInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  const out = makeOutput(input)
  const traffic = makeTraffic()
  const filter = yield* filterOf(input)
  return yield* withRepository(
    input,
    "open",
    { traffic, admit: admitFilter(input) },
    (repository) =>
      Effect.gen(function* () {
        // Other commands take a path first, so the first argument may be meant as one.
        const hint = input.path === undefined
          ? `; to list a path: penstock ls latest ${quoted(input.snapshot ?? "")}`
          : ""
        const listing = yield* listSnapshots(repository)
        const snapshot = yield* pickSnapshot(listing, input.snapshot ?? "latest", filter, out, hint)
        const part = yield* makeSelection(input.path === undefined ? [] : [input.path], {}, snapshot)
        const counts = { files: 0, dirs: 0, bytes: 0 }
        let shown = 0
        let failed = 0
        const problem = ({ path, message }: { readonly path: string; readonly message: string }): void => {
          failed += 1
          out.warn(`Problem with ${showPath(path)}: ${message}`)
          out.row({ type: "problem", path, message })
        }
        yield* repository.entries(snapshot, { include: part.reaches, content: false, problem }).pipe(
          Stream.takeWhile(() => !out.closed()),
          Stream.runForEachArray((entries) =>
            Effect.sync(() => {
              for (const entry of entries) {
                if (!part.wanted(entry.path, entry.kind)) continue
                shown += 1
                if (entry.kind === "file") counts.files += 1
                if (entry.kind === "directory") counts.dirs += 1
                counts.bytes += entry.size ?? 0
                if (out.json) out.row({ type: "entry", ...entryMembers(entry) })
                else out.line(input.long ? longLine(entry) : showPath(entry.path))
              }
              out.flush()
            })
          ),
        )
        if (part.partial && shown === 0 && !out.closed()) {
          return yield* new UsageError({
            message: `There is no "${input.path}" in snapshot ${describeSnapshot(snapshot)}`,
          })
        }
        out.row({ type: "summary", snapshot: snapshot.id, ...counts, ...trafficMembers(traffic) })
        return failed > 0 ? EXIT_FAILURE : EXIT_OK
      }),
  )
})
