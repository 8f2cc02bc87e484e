/** `penstock ls`: lists the paths in a snapshot. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { quoted } from "../adapters/runtime/quote.ts"
import type { SnapshotInfo } from "../formats/repository.ts"
import type { Entry } from "../stages/walk/entry.ts"
import { unquotePath } from "../stages/walk/path.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { entryMembers, longLine } from "./output/entries.ts"
import { type NcduWriter, ncduWriter } from "./output/ncdu.ts"
import type { Output } from "./output/output.ts"
import { showPath } from "./output/show.ts"
import { sorted, type SortKey } from "./output/sort.ts"
import { print } from "./output/streams.ts"
import { trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { withListing } from "./repository/with_listing.ts"
import { topLevel } from "./selection/levels.ts"
import { makeSelection, snapshotPath } from "./selection/selection.ts"
import { describeSnapshot, pickSnapshot } from "./selection/snapshots.ts"

export interface LsInput extends CommonInput, FilterInput {
  readonly snapshot: string | undefined
  readonly paths: ReadonlyArray<string>
  readonly long: boolean
  readonly humanReadable: boolean
  readonly recursive: boolean
  readonly sort: SortKey | undefined
  readonly reverse: boolean
  readonly ncdu: boolean
}

/**
 * Runs `ls`. Returns the exit code: 1 if a part cannot be listed, 3 if some paths are not there. Stops early if the
 * reader of its output has gone.
 */
export const ls: (input: LsInput) => Effect.Effect<number, OpenError> = Effect.fnUntraced(function* (input) {
  yield* checkInput(input)
  return yield* withListing(
    input,
    Effect.fnUntraced(function* ({ filter, listing, out, repository, traffic }) {
      // Other commands take a path first, so the first argument may be meant as one.
      const hint = input.paths.length === 0
        ? `; to list a path: penstock ls latest ${quoted(input.snapshot ?? "")}`
        : ""
      const snapshot = yield* pickSnapshot(listing, input.snapshot ?? "latest", filter, out, hint)
      const part = yield* makeSelection(input.paths, {}, snapshot)
      const tops = input.paths.map((path) => snapshotPath(unquotePath(path), snapshot))
      const shown = input.recursive || tops.length === 0 ? (entry: Entry) => entry : topLevel(tops)
      const printer = makePrinter(snapshot, input, out)
      const counts = { files: 0, dirs: 0, bytes: 0 }
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
            for (const listed of entries) {
              const entry = part.wanted(listed.path, listed.kind) ? shown(listed) : undefined
              if (entry === undefined) continue
              if (entry.kind === "file") counts.files += 1
              if (entry.kind === "directory") counts.dirs += 1
              counts.bytes += entry.size ?? 0
              printer.entry(entry)
            }
            out.flush()
          })
        ),
      )
      printer.end()
      // What lies in a part that cannot be listed may be there.
      const missing = failed > 0 || out.closed() ? [] : part.unmatched()
      const where = `in snapshot ${describeSnapshot(snapshot)}`
      if (missing.length > 0 && missing.length === input.paths.length) {
        return yield* new UsageError({
          message: `There is no ${missing.map(({ what }) => what).join(" or ")} ${where}`,
        })
      }
      for (const { what } of missing) out.warn(`There is no ${what} ${where}`)
      out.row({ type: "summary", snapshot: snapshot.id, ...counts, ...trafficMembers(traffic) })
      return failed > 0 ? EXIT_FAILURE : missing.length > 0 ? EXIT_INCOMPLETE : EXIT_OK
    }),
  )
})

const checkInput = ({ json, ncdu, reverse, sort }: LsInput): Effect.Effect<void, UsageError> => {
  const others = [json ? "--json" : "", sort === undefined ? "" : "--sort", reverse ? "--reverse" : ""]
  const other = others.find((option) => option !== "")
  return ncdu && other !== undefined
    ? Effect.fail(new UsageError({ message: `Give either --ncdu or ${other}, not both` }))
    : Effect.void
}

/** Prints entries as they come, or sorted at the end. */
const makePrinter = (
  snapshot: SnapshotInfo,
  { humanReadable, long, ncdu, reverse, sort }: LsInput,
  out: Output,
): NcduWriter => {
  if (ncdu) return ncduWriter(snapshot, print)
  const show = (entry: Entry): void => {
    if (out.json) out.row({ type: "entry", ...entryMembers(entry) })
    else out.line(long ? longLine(entry, humanReadable) : showPath(entry.path))
  }
  if (sort === undefined && !reverse) return { entry: show, end: () => {} }
  const all: Array<Entry> = []
  return {
    entry: (entry) => void all.push(entry),
    end: () => {
      const inOrder = sorted(all, sort ?? "name")
      for (const entry of reverse ? inOrder.toReversed() : inOrder) show(entry)
    },
  }
}
