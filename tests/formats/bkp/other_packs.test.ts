/** An object is in a file of its own and in a packfile, because two runs stored it at once: the packfile is enough. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { hexToBytes } from "@noble/hashes/utils.js"
import { Effect } from "effect"
import { singleName } from "../../../formats/bkp/layout.ts"
import { decodeSnapshot } from "../../../formats/bkp/objects.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { OnOtherPack } from "../../../stages/pack/other_packs.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { objectsOf, storeOf } from "../../suites/format/objects.ts"
import { noise } from "../../suites/noise.ts"
import { alter, flipped, inRepository, names, options, secrets, small, walk } from "./harness.ts"

const both: MemoryTree = { "a": { content: noise(1000, 1) } }
/** A single short object gets a file of its own, several get a packfile. */
const trees: ReadonlyArray<MemoryTree> = [both, { ...both, "b": { content: noise(1000, 2) } }]

test("a chunk whose own file is damaged is read from a packfile, and check names the file and no loss", () =>
  runFormat(Effect.gen(function* () {
    const empty = yield* storeOf(new Map())
    yield* Effect.provideService(small.create(secrets), ObjectStore, empty)
    const before = yield* objectsOf(empty)
    const all = new Map(before)
    for (const [n, tree] of trees.entries()) {
      const store = yield* storeOf(before)
      const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
      yield* repository.backup(walk(tree), { ...options, hostname: `host ${n}` })
      for (const [name, bytes] of yield* objectsOf(store)) all.set(name, bytes)
    }
    const blocks = (yield* names(yield* storeOf(all), "blocks/")).filter((name) => !name.endsWith(".pack"))
    assert.equal(blocks.length, 1, "one of the two runs made a packfile")
    const [own] = blocks

    for (const damage of ["altered", "missing"] as const) {
      const told = new Set<string>()
      const store = yield* storeOf(all)
      yield* damage === "altered" ? alter(store, own!, flipped) : store.remove(own!)
      yield* Effect.gen(function* () {
        const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
        for (const snapshot of yield* repository.snapshots) {
          const tree = trees[Number(snapshot.hostname.slice(-1))]!
          const facts = yield* factsOf(repository.entries(snapshot))
          const right = yield* factsOf(walk(tree))
          const contents = (of: typeof facts) => [...of].map(([path, { content }]) => [path, content])
          assert.deepEqual(contents(facts), contents(right))
        }
        const { findings } = yield* repository.check({ readData: 100 })
        assert.deepEqual(findings.map(({ files, object }) => [object, files]), damage === "altered" ? [[own, []]] : [])
      }).pipe(Effect.provideService(OnOtherPack, (damage) => void told.add(damage)))
      assert.deepEqual([...told].map((what) => what.includes(own!)), damage === "altered" ? [true] : [])
    }
  })))

test("a bad file with the name of a tree that is in a packfile costs nothing", () =>
  inRepository((repository, store) =>
    Effect.gen(function* () {
      yield* repository.backup(walk(both), options)
      const [snapshot] = yield* repository.snapshots
      const own = singleName("metadata", hexToBytes(snapshot!.id))
      const { root } = decodeSnapshot(own, yield* store.get(own, { atMost: 10_000 }))
      const bad = singleName("metadata", root)
      yield* store.put(bad, [noise(300, 3)])
      const again = yield* small.open({})
      assert.deepEqual([...(yield* factsOf(again.entries(snapshot!))).keys()], ["", "a"])
      const { findings } = yield* again.check({ readData: 100 })
      assert.deepEqual(findings.map(({ files, object }) => [object, files]), [[bad, []]])
    }), { secrets: {} }))
