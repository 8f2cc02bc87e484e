/** Copies of one repository of rozen into another, and whether they are right. */
import assert from "node:assert/strict"
import { isDeepStrictEqual } from "node:util"
import { Effect, type Scope, Stream } from "effect"
import type { SourceError } from "../../stages/walk/errors.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { counting } from "../../adapters/store/counting/counting.ts"
import { copy } from "../../formats/copy.ts"
import type { FormatError } from "../../formats/error.ts"
import type { Repository } from "../../formats/repository.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { type Facts, factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { secrets, small } from "./rozen/harness.ts"
import { isOfStoppedRun } from "../suites/format/faults.ts"

export const metadata: { readonly mode: number; readonly mtime: bigint } = {
  mode: 0o600,
  mtime: 1_600_000_000_000_000_000n,
}
/** Files in three directories; the first ones, as many as `changed`, with other content. */
export const tree = (files: number, length: number, changed = 0): MemoryTree =>
  Object.fromEntries(
    Array.from({ length: files }, (_, i) => [`d${i % 3}/${i}`, {
      ...metadata,
      content: noise(length + i, i < changed ? 1000 + i : i + 1),
    }]),
  )
export const walk = (tree: MemoryTree): Stream.Stream<Entry, SourceError> => memorySource(tree).entries("", {})
type Opening = Effect.Effect<Repository, FormatError, SqliteEngine | Scope.Scope>
export const open = (store: ObjectStore): Opening => Effect.provideService(small.open(secrets), ObjectStore, store)
export const create = (store: ObjectStore, like?: Repository): Opening =>
  Effect.provideService(small.create(secrets, like), ObjectStore, store)
const contents = (repository: Repository) =>
  Effect.flatMap(
    repository.snapshots,
    (snapshots) => Effect.forEach(snapshots, (snapshot) => factsOf(repository.entries(snapshot))),
  )
export const clean = (repository: Repository): Effect.Effect<void, FormatError> =>
  Effect.map(
    repository.check({ readData: 100 }),
    ({ findings }) => assert.deepEqual(findings.filter((one) => !isOfStoppedRun(one)), []),
  )
export type Running<A> = Effect.Effect<A, unknown, SqliteEngine | Scope.Scope>

/** The copy completes, and all is as in the source. Gives what was stored. */
export const completes = (source: ObjectStore, target: ObjectStore): Running<number> =>
  Effect.gen(function* () {
    const counted = counting(target)
    const [from, to] = [yield* open(source), yield* open(counted)]
    for (const one of yield* Stream.runCollect(copy(from, to))) {
      assert.notEqual(one.outcome, "lost")
      if (one.outcome === "copied") assert.deepEqual(one.summary.problems, [])
    }
    const right = yield* contents(from)
    const snapshots = yield* to.snapshots
    // Of a snapshot that was copied in part, or twice, the fullest counts.
    for (const [i, snapshot] of (yield* from.snapshots).entries()) {
      const copies = snapshots.filter(({ original }) => original === snapshot.id)
      const facts = yield* Effect.forEach(copies, (one) => factsOf(to.entries(one)))
      assert.ok(facts.some((facts) => isDeepStrictEqual(facts, right[i])), "a snapshot is not whole")
      assert.ok(facts.every((facts) => isPartOf(facts, right[i]!)), "a snapshot has what was not there")
    }
    yield* clean(yield* open(target))
    return counted.counts().bytesWritten
  })

const isPartOf = (facts: ReadonlyMap<string, Facts>, whole: ReadonlyMap<string, Facts>): boolean =>
  [...facts].every(([path, fact]) => isDeepStrictEqual(fact, whole.get(path)))
