/** Snapshots of one repository made in another: what `convert` and `copy` have in common. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { counting, type CountingStore } from "../adapters/store/counting/counting.ts"
import type { ConvertOptions, Made } from "../formats/convert.ts"
import type { FormatError } from "../formats/error.ts"
import type { Repository, SnapshotInfo } from "../formats/repository.ts"
import type { SqliteEngine } from "../stages/catalog/sqlite/sqlite.ts"
import { chosenPart, readChosen } from "./repository/format_options.ts"
import { UsageError } from "./process/usage_error.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { printLosses, printProblems } from "./output/problems.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput, type Output } from "./output/output.ts"
import { meter } from "./output/progress.ts"
import { plural, secondsSince, showBytes, showDuration } from "./output/quantity.ts"
import { admitFilter } from "./repository/admit.ts"
import {
  describeOpen,
  type OpenError,
  type OpenRepository,
  repositoryLocation,
  withRepository,
} from "./repository/open.ts"
import { localPath } from "./source/roots.ts"
import {
  describeSnapshot,
  describeUnlisted,
  filtered,
  filterOf,
  type Listing,
  listSnapshots,
  pickSnapshot,
  type SnapshotFilter,
} from "./selection/snapshots.ts"
import { printTraffic } from "./output/traffic.ts"

export interface BetweenInput extends CommonInput, FilterInput {
  readonly to: string
  readonly toOption: ReadonlyArray<string>
  readonly snapshot: ReadonlyArray<string>
  readonly dryRun: boolean
}

/** How snapshots get there. */
export interface Way {
  /** Of a snapshot that was made; also the type of its row. */
  readonly done: "converted" | "copied"
  /** Opens the target, after all that can be said before; none in a dry run that would make it. */
  readonly target: (
    source: OpenRepository,
    wanted: ReadonlyArray<SnapshotInfo>,
    out: Output,
  ) => Effect.Effect<OpenRepository | undefined, OpenError, SqliteEngine | Scope.Scope>
  /** Loads what makes them, and what tells which are there, by the ID in the source. */
  readonly load: () => Promise<{
    readonly run: (
      from: Repository,
      to: Repository,
      options: ConvertOptions,
    ) => Stream.Stream<Made<"converted" | "copied">, FormatError>
    readonly there: (
      from: Repository,
      to: Repository,
      sources: ReadonlyArray<SnapshotInfo>,
      targets: ReadonlyArray<SnapshotInfo>,
    ) => ReadonlyMap<string, SnapshotInfo>
  }>
}

/**
 * Makes the snapshots; gives the exit code: 3 when something of a snapshot is not in the target, 1 when a snapshot is
 * lost.
 */
export const between: (input: BetweenInput, way: Way) => Effect.Effect<number, OpenError> = Effect.fnUntraced(
  function* (input, way) {
    const { done } = way
    const out = makeOutput(input)
    const start = performance.now()
    const filter = yield* filterOf(input)
    const location = yield* repositoryLocation(input.repo)
    // A place may hold several, which options tell apart.
    const part = yield* chosenPart(yield* readChosen("--option", input.option))
    const toPart = yield* chosenPart(yield* readChosen("--to-option", input.toOption))
    if (part === toPart && (location === input.to || (localPath(location) ?? "") === localPath(input.to))) {
      return yield* new UsageError({
        message: `${location} cannot be ${done} into itself; name another repository with --to`,
      })
    }
    let counted: CountingStore | undefined
    return yield* withRepository(input, "open", (from, source) =>
      Effect.gen(function* () {
        const listing = yield* listSnapshots(from)
        const { unknown, wanted } = yield* wantedOf(input.snapshot, listing, filter, out)
        // Those that were named are there.
        const unlisted = input.snapshot.length === 0 ? listing.unlisted : 0
        const target = yield* way.target(source, wanted, out)
        if (target?.encrypted === false) out.warn(describeOpen(target))
        const { run, there } = yield* Effect.promise(way.load)
        const tally: Tally = { done: 0, there: 0, lost: 0, problems: 0, bytes: 0, bytesAdded: 0, bytesStored: 0 }
        if (target === undefined || input.dryRun) {
          const have = target === undefined
            ? new Map()
            : there(from, target.repository, listing.snapshots, yield* target.repository.snapshots)
          for (const snapshot of wanted) {
            if (have.has(snapshot.id)) tally.there += 1
            else {
              tally.done += 1
              out.line(`Snapshot ${describeSnapshot(snapshot)} would be ${done}`)
              out.row({ type: done, source: snapshot.id })
            }
          }
        } else {
          const show = meter(out)
          const progress = (snapshot: SnapshotInfo, now: { readonly bytes: number; readonly path: string }): void =>
            show(() => ({
              done: now.bytes,
              total: snapshot.bytes,
              left: `Snapshot ${tally.done + tally.there + tally.lost + 1} of ${wanted.length}`,
              path: now.path,
            }))
          yield* Stream.runForEach(
            run(from, target.repository, { snapshots: wanted, ...(out.live ? { progress } : {}) }),
            (one) => Effect.sync(() => tell(one, tally, way, out)),
          ).pipe(Effect.ensuring(Effect.sync(() => out.status(""))))
        }
        const { done: made, there: skipped, lost, problems, bytes, bytesAdded, bytesStored } = tally
        const bytesRead = counted?.counts().bytesRead ?? 0
        const seconds = secondsSince(start)
        out.row({
          type: "summary",
          [done]: made,
          ...(unknown === 0 ? {} : { unknown }),
          ...(unlisted === 0 ? {} : { unlisted }),
          ...{ skipped, lost, problems, bytes, bytesAdded, bytesRead, bytesStored, seconds },
          ...(target === undefined ? {} : { encrypted: target.encrypted }),
          ...(input.dryRun ? { dryRun: true } : { target: input.to }),
        })
        out.note(
          `${plural(made, "snapshot")} ${input.dryRun ? "would be " : ""}${done}` +
            (skipped > 0 ? `, ${skipped} there already` : "") +
            (input.dryRun
              ? ""
              : `; ${showBytes(bytes)}, ${showBytes(bytesRead)} read, ${showBytes(bytesStored)} stored in ${
                showDuration(seconds)
              }`),
        )
        printTraffic(out)
        if (problems > 0) out.line(`${plural(problems, "problem")}: see the messages above`)
        if (unlisted > 0) out.warn(describeUnlisted(unlisted))
        return lost + unlisted > 0 ? EXIT_FAILURE : problems + unknown > 0 ? EXIT_INCOMPLETE : EXIT_OK
      }), { admit: admitFilter(input), through: (store) => counted = counting(store) })
  },
)

/** The snapshots to take, oldest first, and how many names are those of none. Fails when there is nothing to take. */
const wantedOf = Effect.fnUntraced(function* (
  names: ReadonlyArray<string>,
  listing: Listing,
  filter: SnapshotFilter,
  out: Output,
) {
  if (names.length === 0) return { wanted: yield* filtered(listing, filter), unknown: 0 }
  const wanted = new Set<SnapshotInfo>()
  const unknown: Array<string> = []
  for (const name of new Set(names)) {
    const found = yield* Effect.result(pickSnapshot(listing, name, filter, out))
    if (found._tag === "Success") wanted.add(found.success)
    else unknown.push(found.failure.message)
  }
  if (wanted.size === 0) return yield* new UsageError({ message: unknown.join(". ") })
  for (const message of unknown) {
    out.warn(message)
    out.row({ type: "problem", message })
  }
  return { wanted: listing.snapshots.filter((snapshot) => wanted.has(snapshot)), unknown: unknown.length }
})

interface Tally {
  /** Made. */
  done: number
  there: number
  lost: number
  problems: number
  bytes: number
  bytesAdded: number
  bytesStored: number
}

const tell = (one: Made<"converted" | "copied">, tally: Tally, { done }: Way, out: Output): void => {
  tally[one.outcome === "lost" || one.outcome === "there" ? one.outcome : "done"] += 1
  const of = { source: one.source.id }
  if (one.outcome === "lost") {
    tally.problems += 1
    out.warn(`Snapshot ${describeSnapshot(one.source)} cannot be ${done}: ${one.error.message}`)
    return out.row({ type: "problem", message: one.error.message, ...of })
  }
  if (one.outcome === "there") {
    const said = `Snapshot ${describeSnapshot(one.source)} is there already, as ${describeSnapshot(one.target)}`
    const missing = missingFiles(one.source, one.target)
    if (missing > 0) {
      tally.problems += 1
      out.warn(`${said}, without ${plural(missing, "file")} that the source has lost`)
    } else out.note(said)
    return out.row({ type: "skipped", ...of, snapshot: one.target.id, ...(missing > 0 ? { missing } : {}) })
  }
  const { bytes, bytesAdded, bytesStored, directories, files, losses = [], problems } = one.summary
  printProblems(problems, out, of)
  printLosses(losses, out, of)
  tally.problems += problems.length
  tally.bytes += bytes
  tally.bytesAdded += bytesAdded
  tally.bytesStored += bytesStored
  out.note(
    `Snapshot ${describeSnapshot(one.source)} ${done}, as ${describeSnapshot(one.target)}: ${plural(files, "file")}, ${
      showBytes(bytes)
    }`,
  )
  out.row({
    type: done,
    ...of,
    snapshot: one.target.id,
    files,
    dirs: directories,
    bytes,
    bytesAdded,
    bytesStored,
    problems: problems.length,
  })
}

/** Files that a copy does not have. Whether a snapshot is one is known for certain only where it says so. */
const missingFiles = (source: SnapshotInfo, { files, original }: SnapshotInfo): number =>
  original === undefined ? 0 : Math.max(0, (source.files ?? 0) - (files ?? 0))
