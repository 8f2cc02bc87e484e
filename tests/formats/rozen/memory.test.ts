/** What a backup holds in memory does not grow with what it stores. */
// On every runtime: each has its own memory management.
import assert from "node:assert/strict"
import process from "node:process"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { kindOf, options, secrets } from "./harness.ts"

const MIB = 1 << 20
const TOTAL = 400
/**
 * In use are two packs of 16 MiB, the window and the blocks under way; the rest is what is not collected yet, which
 * differs by runtime and settles within some hundred MiB. So what counts is that a second run takes hardly more than
 * the first.
 */
const BOUND = 100

it(`a second backup of ${TOTAL} MiB takes at most ${BOUND} MiB of memory more than the first`, () =>
  runFormat(Effect.gen(function* () {
    const kept = yield* memoryStore.make()
    let packs = 0
    const store: ObjectStore = {
      ...kept,
      put: (name, parts, how) => {
        if (kindOf(name) !== "roz") return kept.put(name, parts, how)
        packs++
        return Effect.void
      },
    }
    const format = makeRozen({ scrypt: { n: 1024, r: 8, p: 1 } })
    const repository = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
    const piece = noise(MIB, 1)
    const words = new Uint32Array(piece.buffer)
    const rss = () => process.memoryUsage().rss / MIB
    let peak = 0
    let salt = 0
    // One piece at a time: the next is made in the same memory.
    const content = Stream.map(Stream.rechunk(Stream.range(1, TOTAL), 1), (n) => {
      for (let i = 0; i < words.length; i++) words[i] = Math.imul(words[i]! ^ n ^ salt, 2654435761)
      peak = Math.max(peak, rss())
      return piece
    })
    const of = (path: string, content: Entry["content"] & object): Stream.Stream<Entry> =>
      Stream.succeed<Entry>({ path, kind: "file", metadata: {}, size: undefined, content })
    const before = rss()
    const first = yield* repository.backup(of("first", content), options)
    const once = peak
    peak = 0
    salt = 1 << 20
    const second = yield* repository.backup(of("second", content), options)
    console.log(`RSS in MiB: ${[before, once, peak].map((value) => Math.round(value)).join(", ")} before, once, twice`)
    assert.ok(packs >= 40, `${packs} packs`)
    for (const summary of [first, second]) assert.equal(summary.bytesAdded, TOTAL * MIB)
    assert.ok(peak - once < BOUND, `the second run took ${Math.round(peak - once)} MiB more`)
  })))
