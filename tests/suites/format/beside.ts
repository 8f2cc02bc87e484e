/**
 * Reading during a rebuild or a backup, as a part of the contract of {@link Format}: while a repository is checked,
 * listed or restored, another process replaces indexes and snapshots at any moment. Nothing that was only replaced is
 * called lost, and no snapshot is left out.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../noise.ts"
import { runFormat } from "./environment.ts"
import { createIn, openIn, options, type Subject } from "./subject.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const tree: MemoryTree = {
  "a": { ...metadata, content: noise(50_000, 1) },
  "d/b": { ...metadata, content: noise(3000, 2) },
}
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** The store, which runs something once, before its n-th read. */
const interrupted = (store: ObjectStore, nth: number, run: Effect.Effect<void>) => {
  let reads = 0
  const before = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => ++reads === nth ? Effect.andThen(run, effect) : effect)
  return {
    hit: () => reads >= nth,
    store: {
      ...store,
      get: (name, part) => before(store.get(name, part)),
      stat: (name) => before(store.stat(name)),
      list: (directory) =>
        Stream.unwrap(before(Effect.succeed(store.list(directory)))) as Stream.Stream<never, StoreError>,
    } satisfies ObjectStore as ObjectStore,
  }
}

/** What the tests need to know of a format. */
export interface BesideTraits {
  /** Removes objects that a rebuild makes again, so that it has something to replace. */
  readonly harm: (store: ObjectStore) => Effect.Effect<void, StoreError>
  /** The message about a content, in formats in which a backup replaces everything. */
  readonly replaced?: RegExp
}

/** The tests of one format. */
export const formatBeside = (subject: Subject, { harm, replaced }: BesideTraits): void => {
  const open = (store: ObjectStore) => openIn(subject, store)
  type Running<A> = Effect.Effect<A, unknown, SqliteEngine | Scope.Scope>

  /** Runs something, with another process at work before each of its reads in turn. */
  const each = (
    run: (repository: Repository) => Running<void>,
    beside: (store: ObjectStore) => Running<unknown>,
    harmed: boolean,
  ): Promise<void> =>
    runFormat(Effect.gen(function* () {
      const made = yield* memoryStore.make()
      const first = yield* createIn(subject, made)
      yield* first.backup(walk(tree), { ...options, time: 1_000_000 })
      yield* first.backup(walk({ ...tree, "c": { ...metadata, content: "c" } }), { ...options, time: 2_000_000 })
      const context = yield* Effect.context<SqliteEngine | Scope.Scope>()
      for (let nth = 1;; nth++) {
        const store = yield* memoryStore.make()
        for (const { name, size } of yield* Stream.runCollect(made.list(""))) {
          yield* store.put(name, [yield* made.get(name, { atMost: size })])
        }
        const other = Effect.gen(function* () {
          if (harmed) yield* harm(store)
          yield* beside(store)
        }).pipe(Effect.scoped, Effect.provide(context), Effect.orDie)
        const { hit, store: faulty } = interrupted(store, nth, other)
        yield* Effect.scoped(Effect.flatMap(open(faulty), run)).pipe(
          Effect.catchDefect((defect) => Effect.die(told(defect, nth))),
          Effect.mapError((error) => told(error, nth)),
        )
        if (!hit()) break
      }
    }))

  const rebuild = (store: ObjectStore) => Effect.flatMap(open(store), (repository) => repository.rebuild)
  const backup = (store: ObjectStore) =>
    Effect.flatMap(
      open(store),
      (repository) =>
        repository.backup(walk({ ...tree, "new": { ...metadata, content: noise(40_000, 9) } }), {
          ...options,
          time: 3_000_000,
        }),
    )
  const checked = (repository: Repository) =>
    Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, []))
  const listed = (repository: Repository) =>
    Effect.gen(function* () {
      const snapshots = yield* repository.snapshots
      assert.ok(snapshots.length >= (subject.snapshots === true ? 2 : 1), `${snapshots.length} snapshots`)
    })
  const restored = (repository: Repository) =>
    Effect.gen(function* () {
      for (const snapshot of yield* repository.snapshots) {
        yield* Stream.runForEach(repository.entries(snapshot), (entry) =>
          Effect.catch(Stream.runDrain(contentStream(entry)), ({ message }) =>
            Effect.sync(() =>
              assert.match(message, replaced ?? /^nothing is lost$/, entry.path)
            ))).pipe(
            // A format with one snapshot may hold another by now.
            Effect.catchIf(
              (error) => subject.snapshots !== true && "reason" in error && error.reason === "unknown-snapshot",
              () => Effect.void,
            ),
          )
      }
    })

  describe(`${subject.name}: during the work of others`, () => {
    for (const [what, run] of [["check", checked], ["list", listed], ["restore", restored]] as const) {
      it(`${what}, while another rebuilds: what was replaced is not lost`, () => each(run, rebuild, false))
      it(`${what}, while another makes new indexes: what was replaced is not lost`, () =>
        // What is read before the rebuild begins is whole; it then finds it replaced.
        each(run, rebuild, true))
      if (subject.snapshots === true || what !== "list") {
        it(`${what}, while another backs up: nothing is lost`, () => each(run, backup, false))
      }
    }
  })
}

/** The error with where it happened. */
const told = (error: unknown, nth: number): unknown => {
  if (error instanceof Error) error.message = `before read ${nth}: ${error.message}`
  return error
}
