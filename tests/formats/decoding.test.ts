/** What was fetched may be handed to another thread, so no format reads it afterwards. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { makeFogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import { makeRozenV0 } from "../../formats/rozen/v0/mod.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { makeZprt } from "../../formats/zprt/mod.ts"
import { Decoding, decodingHere } from "../../stages/fetch/decoding.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { options } from "../suites/format/subject.ts"

const cheap = { scrypt: { n: 1024, r: 8, p: 1 } }
const password: Secrets = { password: Redacted.make("correct horse") }
const formats: Readonly<Record<string, readonly [Format, Secrets]>> = {
  "rozen": [makeRozen(cheap), password],
  "rozen-v0": [makeRozenV0(cheap), password],
  "zprt": [makeZprt({ scryptLogN: 10 }), password],
  "bkp": [makeBkp({ iterations: 10 }), password],
  "snapshot-catalog": [makeSnapshotCatalog(), {}],
  "fogsync": [makeFogsync(), { key: Redacted.make(noise(32, 1)) }],
}

/** Small files that share blocks, a file of several blocks, and a file that differs between two snapshots. */
const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const tree = (n: number): MemoryTree => ({
  ...Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`small ${i}`, { ...metadata, content: noise(3000 + i, i) }]),
  ),
  "large": { ...metadata, content: noise(6_000_000, 50) },
  [`new ${n}`]: { ...metadata, content: noise(70_000, 60 + n) },
})
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** Takes the memory of what was fetched away, as threads do, without a thread. */
const makeHandingOver = () => {
  const seen = { handedOver: 0 }
  const decoding: Decoding = {
    startDecoder: (spec) =>
      Effect.map(decodingHere.startDecoder(spec), (decode) => (stored, ...more) => {
        if (!spec.handOver || stored.byteLength !== stored.buffer.byteLength) return decode(stored, ...more)
        seen.handedOver++
        return decode(structuredClone(stored, { transfer: [stored.buffer as ArrayBuffer] }), ...more)
      }),
  }
  return { decoding, seen }
}

for (const [name, [format, secrets]] of Object.entries(formats)) {
  test(`${name}: snapshots can be restored and verified when fetched memory is handed over`, async () => {
    await runFormat(Effect.gen(function* () {
      const { decoding, seen } = makeHandingOver()
      const store = yield* memoryStore.make()
      const created = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
      yield* created.backup(walk(tree(0)), { ...options, time: 1 })
      if (name !== "zprt") yield* created.backup(walk(tree(1)), { ...options, time: 2 })
      const opened = yield* Effect.provideService(format.open(secrets), ObjectStore, store)
      for (const snapshot of [...yield* opened.snapshots, ...yield* opened.snapshots]) {
        const expected = yield* factsOf(opened.entries(snapshot))
        const handedOver = yield* factsOf(Stream.provideService(opened.entries(snapshot), Decoding, decoding))
        assert.deepEqual(handedOver, expected)
      }
      const { findings } = yield* Effect.provideService(opened.check({ readData: 100 }), Decoding, decoding)
      assert.deepEqual(findings, [])
      if (name === "rozen") assert.ok(seen.handedOver > 0)
      // bkp keeps packfiles in memory, for many reads, so it hands none over.
      if (name === "bkp") assert.equal(seen.handedOver, 0)
    }))
  })
}
