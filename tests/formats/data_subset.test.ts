/** Checks of parts of the data read every object once, in each format. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted } from "effect"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { chooseData } from "../../formats/data_subset.ts"
import { fogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { makeZprt } from "../../formats/zprt/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { runFormat } from "../suites/format/environment.ts"
import { noise } from "../suites/noise.ts"

const scrypt = { n: 1024, r: 8, p: 1 }
const password = { password: Redacted.make("secret") }
const FORMATS: ReadonlyArray<readonly [name: string, Format, Secrets]> = [
  ["rozen", makeRozen({ scrypt, average: 16 << 10, packBytes: 64 << 10 }), password],
  ["rozen, block version 0", makeRozen({ scrypt, version: 0 }), password],
  ["zprt", makeZprt({ scryptLogN: 10 }), password],
  ["bkp", makeBkp({ iterations: 10 }), password],
  ["snapshot-catalog", makeSnapshotCatalog({ average: 16 << 10 }), {}],
  ["fogsync", fogsync, { key: Redacted.make(new Uint8Array(32)) }],
]
const TREE = Object.fromEntries(
  Array.from({ length: 40 }, (_, i) => [`${i}`, { content: noise(70_000, i + 1), mtime: 1n }]),
)

describe("a check reads a part of the data", () => {
  for (const [name, format, secrets] of FORMATS) {
    it(name, () =>
      runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const repository = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
        yield* repository.backup(memorySource(TREE).entries("", {}), { paths: ["/x"], hostname: "h" })
        const read = (readData: Parameters<typeof repository.check>[0]["readData"]) =>
          Effect.map(repository.check({ readData }), ({ bytesRead, findings }) => {
            assert.deepEqual(findings, [])
            return bytesRead
          })
        const none = yield* read(0)
        const all = (yield* read(100)) - none
        // bkp reads its packfiles whole in any case.
        const always = format.name === "bkp"
        if (!always) assert.ok(all > 2_000_000)
        const parts = yield* Effect.forEach([1, 2, 3], (part) => read({ part, of: 3 }))
        assert.equal(parts.reduce((sum, bytes) => sum + bytes - none, 0), all)
        if (!always) assert.ok(parts.every((bytes) => bytes - none < all), "no part is everything")
        assert.deepEqual(yield* read({ part: 2, of: 3 }), parts[1], "a part is the same each time")
        const few = (yield* read(0.001)) - none
        if (!always) assert.ok(few > 0 && few < all, "a small share reads one object")
        const bySize = yield* Effect.result(read({ bytes: all / 2 }))
        if (always) assert.match(String(bySize), /cannot choose data by size/)
        else if (bySize._tag === "Failure") assert.fail(bySize.failure.message)
        else assert.ok(bySize.success > 0 && bySize.success < all)
      })))
  }
})

it("a share at random is exact, and any object can be in it", () => {
  const names = Array.from({ length: 10 }, (_, i) => String(i))
  const seen = new Set<string>()
  for (let run = 0; run < 400; run++) {
    const chosen = names.filter(chooseData(30, { count: 10, bytes: 0 }))
    assert.equal(chosen.length, 3)
    for (const name of chosen) seen.add(name)
  }
  assert.equal(seen.size, 10)
  assert.equal(names.filter(chooseData({ bytes: 500 }, { count: 10, bytes: 1000 })).length, 5)
  assert.equal(names.filter(chooseData({ bytes: 5000 }, { count: 10, bytes: 1000 })).length, 10)
})
