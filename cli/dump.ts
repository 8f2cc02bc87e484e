/** `penstock dump`: writes a file of a snapshot, or a tar archive of a directory, to stdout. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { stdout } from "node:process"
import type { FormatError } from "../formats/error.ts"
import type { Problem, Repository, SnapshotInfo } from "../formats/repository.ts"
import { fileContent } from "../formats/file_content.ts"
import type { SourceError } from "../stages/walk/errors.ts"
import { unquotePath } from "../stages/walk/path.ts"
import type { CommonInput, FilterInput } from "./arguments/inputs.ts"
import { makeOutput } from "./output/output.ts"
import { type Row, rowText } from "./output/row.ts"
import { secondsSince, showPath } from "./output/show.ts"
import { printError, writeBytes } from "./output/streams.ts"
import { makeTraffic, trafficMembers } from "./output/traffic.ts"
import { EXIT_FAILURE, EXIT_INCOMPLETE, EXIT_OK } from "./process/exit_codes.ts"
import { UsageError } from "./process/usage_error.ts"
import { admitFilter } from "./repository/admit.ts"
import { withRepository } from "./repository/open.ts"
import type { OpenError } from "./repository/open_mode.ts"
import { makeSelection, makeSelector, snapshotPath } from "./selection/selection.ts"
import { describeSnapshot, filterOf, listSnapshots, pickSnapshot } from "./selection/snapshots.ts"

export interface DumpInput extends CommonInput, FilterInput {
  readonly snapshot: string
  readonly path: string | undefined
  readonly archive: "tar" | undefined
}

/**
 * Runs `dump`. Returns the exit code: 1 if something is damaged, 3 if the archive cannot hold something. The rows of
 * `--json` go to stderr, since stdout is the content.
 */
export const dump: (input: DumpInput) => Effect.Effect<number, OpenError | SourceError> = Effect.fnUntraced(
  function* (input) {
    const start = performance.now()
    const filter = yield* filterOf(input)
    const out = makeOutput(input)
    const traffic = makeTraffic()
    const row = (row: Row): void => {
      if (input.json) printError(rowText(row))
    }
    return yield* withRepository(
      input,
      "open",
      { traffic, admit: admitFilter(input) },
      (repository) =>
        Effect.gen(function* () {
          const snapshot = yield* pickSnapshot(yield* listSnapshots(repository), input.snapshot, filter, out)
          const only = yield* singleFile(repository, snapshot, input)
          const counts = { entries: 0, failed: 0, leftOut: 0, bytesWritten: 0 }
          const problem = ({ path, message }: Problem): void => {
            counts.failed += 1
            tell(path, message)
          }
          const leftOut = ({ path, message }: Problem): void => {
            counts.leftOut += 1
            tell(path, message)
          }
          const tell = (path: string, message: string): void => {
            if (input.json) row({ type: "problem", path, message })
            else printError(`Problem with ${showPath(path)}: ${message}`)
          }
          const bytes = only === undefined
            ? yield* archiveOf(repository, snapshot, input, counts, problem, leftOut)
            : fileContent(repository, snapshot, only)
          if (only !== undefined) counts.entries = 1
          yield* Stream.runForEachWhile(bytes, (piece) =>
            Effect.sync(() => {
              counts.bytesWritten += piece.length
              return writeBytes(piece)
            }))
          if (counts.entries === 0 && pathOf(input, snapshot) !== "" && counts.failed + counts.leftOut === 0) {
            return yield* notThere(input, snapshot)
          }
          row({
            type: "summary",
            snapshot: snapshot.id,
            ...counts,
            seconds: secondsSince(start),
            ...trafficMembers(traffic),
          })
          return counts.failed > 0 ? EXIT_FAILURE : counts.leftOut > 0 ? EXIT_INCOMPLETE : EXIT_OK
        }),
    )
  },
)

type Counts = { entries: number }

const notThere = ({ path }: DumpInput, snapshot: SnapshotInfo): Effect.Effect<never, UsageError> =>
  Effect.fail(new UsageError({ message: `There is no "${path}" in snapshot ${describeSnapshot(snapshot)}` }))

/** The path in the snapshot. `""` for the whole snapshot. */
const pathOf = ({ path }: DumpInput, snapshot: SnapshotInfo): string =>
  path === undefined ? "" : snapshotPath(unquotePath(path), snapshot)

/** The path of the one file that is written as it is. Undefined if an archive is written. */
const singleFile = Effect.fnUntraced(function* (
  repository: Repository,
  snapshot: SnapshotInfo,
  input: DumpInput,
): Effect.fn.Return<string | undefined, FormatError | UsageError> {
  const path = pathOf(input, snapshot)
  if (input.archive !== undefined || path === "") return undefined
  const part = yield* makeSelection([input.path!], {}, snapshot)
  const found = yield* Stream.runHead(
    Stream.filter(
      repository.entries(snapshot, { include: part.reaches, content: false }),
      (entry) => part.wanted(entry.path, entry.kind),
    ),
  )
  if (Option.isNone(found)) return yield* notThere(input, snapshot)
  const { kind, path: first } = found.value
  // A format that lists no directories gives something beneath it first.
  if (first !== path || kind === "directory") return undefined
  if (kind === "file") return path
  return yield* new UsageError({
    message: `"${input.path}" is not a file but a ${kind}` +
      (kind === "socket" ? ", which has no content" : ": --archive tar dumps it as it is"),
  })
})

/** A tar archive of what is selected. */
const archiveOf = Effect.fnUntraced(function* (
  repository: Repository,
  snapshot: SnapshotInfo,
  input: DumpInput,
  counts: Counts,
  problem: (problem: Problem) => void,
  leftOut: (problem: Problem) => void,
): Effect.fn.Return<Stream.Stream<Uint8Array, FormatError>, UsageError> {
  if (stdout.isTTY === true) {
    return yield* new UsageError({
      message:
        "Standard output is a terminal: send the archive to a file or a program, as in penstock dump > backup.tar",
    })
  }
  const { writeTar } = yield* Effect.promise(() => import("../stages/tar/mod.ts"))
  const part = yield* makeSelection(input.path === undefined ? [] : [input.path], {}, snapshot)
  const select = makeSelector(part)
  const entries = Stream.mapAccumArray(
    repository.entries(snapshot, { include: part.reaches, problem }),
    () => undefined,
    (_, all) => {
      const wanted = select(all)
      counts.entries += wanted.length
      return [undefined, wanted] as const
    },
  )
  return writeTar(entries, { problem, leftOut })
})
