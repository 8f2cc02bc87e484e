/** A restore drill: files taken at random are restored to memory and verified. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { contentStream } from "../stages/walk/content.ts"
import type { Entry } from "../stages/walk/entry.ts"
import type { FormatError } from "./error.ts"
import type { Problem, Repository, SnapshotInfo } from "./repository.ts"

/** What a drill takes. */
export interface DrillOptions {
  /** How many files. Each is of a snapshot that is chosen at random, and any file of that is equally likely. */
  readonly files: number
  /** The snapshots to choose from; all by default. */
  readonly snapshots?: ReadonlyArray<SnapshotInfo>
  /**
   * Compares a file with the one that it was made from, and reads its content for that. Gives `undefined` when there is
   * nothing to compare with, and otherwise whether it is the same, or what is wrong, in one sentence without the path.
   */
  readonly compare?: (snapshot: SnapshotInfo, entry: Entry) => Effect.Effect<"same" | Problem | undefined>
  /** Numbers from 0 up to 1; `Math.random` by default. */
  readonly random?: () => number
}

/** What a drill found. */
export interface DrillSummary {
  /** How many snapshots had files to take. */
  readonly snapshots: number
  /** Files that were taken. */
  readonly files: number
  /** The bytes of those that are right. */
  readonly bytes: number
  /** Files that were compared with what they were made from, and are the same. */
  readonly compared: number
  /** What cannot be restored, or is not the same. */
  readonly problems: ReadonlyArray<Problem & { readonly snapshot: string }>
}

/**
 * Restores files at random to memory, piece by piece, and verifies each by its hashes. A file may be taken once only
 * for each snapshot. Damage is a problem in the summary; the effect fails when the repository cannot be read.
 *
 * @example See that a file comes back
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { drill, memorySource, rozen } from "@penstock/penstock"
 * import { accelerators, memoryStore } from "@penstock/penstock/adapters"
 * import assert from "node:assert/strict"
 *
 * const summary = Effect.gen(function* () {
 *   const repository = yield* rozen.create({ password: Redacted.make("secret") })
 *   yield* repository.backup(memorySource({ "a.txt": { content: "Hello" } }).entries("", {}), { paths: ["/docs"] })
 *   return yield* drill(repository, { files: 10 })
 * }).pipe(Effect.provide([memoryStore.layer, accelerators]), Effect.scoped)
 * const { bytes, files, problems } = await Effect.runPromise(summary)
 * assert.deepEqual([files, bytes, problems], [1, 5, []])
 * ```
 */
export const drill: (
  repository: Pick<Repository, "entries" | "snapshots">,
  options: DrillOptions,
) => Effect.Effect<DrillSummary, FormatError> = Effect.fnUntraced(
  function* (repository, { compare, files, random = Math.random, snapshots }) {
    const from = snapshots ?? (yield* repository.snapshots)
    const summary = { snapshots: 0, files: 0, bytes: 0, compared: 0, problems: [] as Array<DrillProblem> }
    const wanted = new Map<SnapshotInfo, number>()
    for (let i = 0; i < files && from.length > 0; i++) {
      const snapshot = from[Math.floor(random() * from.length)]!
      wanted.set(snapshot, (wanted.get(snapshot) ?? 0) + 1)
    }
    for (const [snapshot, count] of wanted) {
      const fail = ({ message, path }: Problem): void => {
        summary.problems.push({ snapshot: snapshot.id, path, message })
      }
      const verify = Effect.fnUntraced(function* (entry: Entry) {
        const compared = yield* compare?.(snapshot, entry) ?? Effect.succeed(undefined)
        if (typeof compared === "object") return fail(compared)
        let bytes = 0
        if (compared === undefined) {
          yield* Stream.runForEach(contentStream(entry), (piece) => Effect.sync(() => bytes += piece.length))
        }
        summary.bytes += compared === "same" ? entry.size ?? 0 : bytes
        if (compared === "same") summary.compared++
      })
      const check = Effect.gen(function* () {
        const chosen = yield* choose(repository.entries(snapshot, { content: false, problem: fail }), count, random)
        if (chosen.size > 0) summary.snapshots++
        yield* Stream.runForEach(
          repository.entries(snapshot, { include: (path) => chosen.has(path), lazy: true }),
          Effect.fnUntraced(function* (entry) {
            if (entry.kind !== "file" || !chosen.delete(entry.path)) return
            summary.files++
            yield* Effect.catch(verify(entry), ({ message }) => Effect.sync(() => fail({ path: entry.path, message })))
          }),
        )
        for (const path of chosen) fail({ path, message: "The snapshot lists it, and does not give it" })
      })
      // The list of files is lost. An error of the store says nothing of the snapshot.
      yield* Effect.catchTag(
        check,
        "RepositoryError",
        (error) => Effect.sync(() => fail({ path: "", message: error.message })),
      )
    }
    return summary
  },
)

type DrillProblem = DrillSummary["problems"][number]

/** The paths of so many files, each equally likely. */
const choose = <E>(
  entries: Stream.Stream<Entry, E>,
  count: number,
  random: () => number,
): Effect.Effect<Set<string>, E> =>
  Effect.suspend(() => {
    const chosen: Array<string> = []
    let seen = 0
    return Effect.as(
      Stream.runForEachArray(entries, (all) =>
        Effect.sync(() => {
          for (const { kind, path } of all) {
            if (kind !== "file") continue
            const at = seen++ < count ? chosen.length : Math.floor(random() * seen)
            if (at < count) chosen[at] = path
          }
        })),
      chosen,
    ).pipe(Effect.map((paths) => new Set(paths)))
  })
