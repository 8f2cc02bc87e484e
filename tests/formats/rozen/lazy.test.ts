/** Contents that a restore spares are not fetched. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import { counting } from "../../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { ReadOptions } from "../../../formats/repository.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { noise } from "../../suites/noise.ts"
import { options, secrets, small } from "./harness.ts"

for (const remote of [false, true]) {
  it(`from a ${remote ? "remote" : "local"} store`, () =>
    runFormat(Effect.gen(function* () {
      const memory = yield* memoryStore.make()
      const store = counting({ ...memory, properties: { ...memory.properties, remote } })
      const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      const tree = Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`f${i}`, { content: noise(20_000, i + 1), mtime: 1n }]),
      )
      yield* repository.backup(memorySource(tree).entries("", {}), options)
      const [snapshot] = yield* repository.snapshots
      const bytesRead = Effect.fnUntraced(function* (lazy: NonNullable<ReadOptions["lazy"]>) {
        const before = store.counts().bytesRead
        let read = 0
        yield* Stream.runForEach(
          repository.entries(snapshot!, { lazy }),
          Effect.fnUntraced(function* ({ content, kind, path }) {
            if (kind !== "file" || typeof lazy === "function" && lazy({ path, kind, metadata: {}, size: 0 })) return
            read++
            if (Stream.isStream(content)) yield* Stream.runDrain(content)
          }),
        )
        return { read, bytes: store.counts().bytesRead - before }
      })
      const all = yield* bytesRead(false)
      const none = yield* bytesRead(() => true)
      const one = yield* bytesRead(({ path }) => path !== "f7")
      assert.deepEqual([all.read, none.read, one.read], [40, 0, 1])
      assert.ok(all.bytes - none.bytes > 800_000, `${all.bytes} ${none.bytes}`)
      assert.ok(one.bytes - none.bytes < 150_000, `${one.bytes} ${none.bytes}`)
    })))
}
