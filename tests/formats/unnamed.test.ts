/**
 * The object that makes a run a snapshot is lost, and everything else of the snapshot is there: check says so, and
 * points to the rebuild.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { createIn, openIn, options, type Subject } from "../suites/format/subject.ts"
import { subject as bkp } from "./bkp/subject.ts"
import { subject as fogsync } from "./fogsync/subject.ts"
import { subject as rozen } from "./rozen/subject.ts"
import { subject as rozenV0 } from "./rozen/v0/subject.ts"
import { subject as catalogs } from "./snapshot_catalog/subject.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const walk = (n: number): Stream.Stream<Entry> =>
  memorySource({ "a": { ...metadata, content: noise(3000 + n, n) } }).entries("", {}) as Stream.Stream<Entry>

interface Case {
  readonly subject: Subject
  /** The objects that make runs snapshots: each is removed in turn, then all. */
  readonly named: RegExp
  readonly found: RegExp
  /** Whether check finds one that is lost, or only notices when all are. */
  readonly each: boolean
  readonly mends: boolean
}

const cases: ReadonlyArray<Case> = [
  {
    subject: rozen,
    named: /^INDEX\/.*\.idx$/,
    found: /is not in INDEX, and its log is whole: .*"penstock rebuild"/,
    each: true,
    mends: true,
  },
  {
    subject: rozenV0,
    named: /^INDEX\/.*\.idx$/,
    found: /is not in INDEX, and its log is whole: .*"penstock rebuild"/,
    each: true,
    mends: true,
  },
  { subject: fogsync, named: /^roots\//, found: /is missing.*"penstock rebuild"/, each: true, mends: true },
  { subject: bkp, named: /^(heads|next)\//, found: /no head.*"penstock rebuild"/, each: false, mends: true },
  {
    subject: catalogs,
    named: /^catalogs\/../,
    found: /is missing, and with it the snapshot/,
    each: true,
    mends: false,
  },
]

describe("a snapshot whose last object is lost", () => {
  for (const { each, found, mends, named, subject } of cases) {
    it(subject.name, () =>
      runFormat(Effect.gen(function* () {
        const made = yield* memoryStore.make()
        const repository = yield* createIn(subject, made)
        for (const n of [1, 2, 3]) yield* repository.backup(walk(n), { ...options, time: n * 1_000_000 })
        const objects = new Map<string, Uint8Array>()
        for (const { name, size } of yield* Stream.runCollect(made.list(""))) {
          objects.set(name, yield* made.get(name, { atMost: size }))
        }
        const names = [...objects.keys()].filter((name) => named.test(name))
        assert.ok(names.length >= 3, String(names))
        for (const lost of [...(each ? names.map((name) => [name]) : []), names]) {
          const store = yield* memoryStore.make()
          for (const [name, bytes] of objects) if (!lost.includes(name)) yield* store.put(name, [bytes])
          const repository = yield* openIn(subject, store)
          const { findings } = yield* repository.check({ readData: 100 })
          assert.equal(
            findings.filter(({ message }) => found.test(message)).length,
            each ? lost.length : 1,
            String(lost),
          )
          yield* repository.rebuild
          const after = yield* repository.check({ readData: 100 })
          assert.deepEqual(after.findings, [], String(lost))
          if (mends) assert.equal((yield* repository.snapshots).length, 3)
        }
      })))
  }

  it("rozen: a rebuild also makes a snapshot of a run that was stopped just before its last object", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const repository = yield* createIn(rozen, store)
      yield* repository.backup(walk(1), options)
      yield* repository.backup(walk(2), options)
      // The second run is stopped before its last object.
      const [last] = (yield* Stream.runCollect(store.list("INDEX/"))).filter(({ name }) => name.startsWith("INDEX/01-"))
      yield* store.remove(last!.name)
      const stopped = yield* repository.check({ readData: 0 })
      assert.deepEqual(stopped.findings.map(({ message }) => /its log is whole/.test(message)), [true])
      yield* repository.backup(walk(3), options)
      assert.equal((yield* repository.check({ readData: 0 })).findings.length, 1)
      yield* repository.rebuild
      assert.deepEqual((yield* repository.check({ readData: 0 })).findings, [])
      assert.equal((yield* repository.snapshots).length, 3)
    })))
})
