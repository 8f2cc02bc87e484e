/** Files that the system generates when they are read: their size is wrong, and some have no end. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { workers } from "../../../adapters/runtime/workers.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { makeRozenV0 } from "../../../formats/rozen/v0/mod.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { skipIf } from "../../skip.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { readContent } from "../../suites/source.ts"
import { temporaryDirectory } from "./plant.ts"

const cat = (path: string): Buffer => execFileSync("cat", ["--", path], { maxBuffer: 1 << 28 })
const entryOf = (path: string): Promise<Entry> =>
  Effect.runPromise(Stream.runCollect(localSource.make().entries(path, {}))).then(([entry]) => entry!)
const readable = (path: string): boolean => {
  try {
    return cat(path).length > 0
  } catch {
    return false
  }
}
/** Files of size 0 with content, some of which must be read with one call; and files shorter than their size. */
const made = [
  "/proc/sys/kernel/ostype",
  "/proc/sys/kernel/printk",
  "/proc/sys/fs/file-max",
  "/proc/cmdline",
  "/proc/kallsyms",
  "/proc/filesystems",
  "/sys/kernel/mm/transparent_hugepage/enabled",
  "/sys/kernel/profiling",
].filter(readable)
const none = made.length < 4 && "this system has no such files"

describe("files with a wrong size", () => {
  it(...skipIf(none, "are read whole in pieces of any length, and do not count as changed"), async () => {
    for (const path of made) {
      const { content } = await entryOf(path)
      assert.ok(content !== undefined && "open" in content)
      const whole = cat(path)
      for (const piece of whole.length > 100_000 ? [100_000] : [1, 7, 8 << 20]) {
        const reader = content.open()
        const parts: Array<Uint8Array> = []
        for (;;) {
          const into = new Uint8Array(piece)
          const length = reader.read(into)
          parts.push(into.subarray(0, length))
          if (length < piece) break
        }
        const { changed, size } = reader.finish()
        reader.close()
        assert.equal(Buffer.compare(Buffer.concat(parts), whole), 0, `${path} in pieces of ${piece}`)
        assert.deepEqual({ changed, size }, { changed: false, size: whole.length }, path)
      }
    }
  })

  for (const [name, format] of [["rozen", makeRozen()], ["rozen-v0", makeRozenV0()]] as const) {
    it(...skipIf(none, `make a snapshot of ${name} without problems`), () =>
      runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const entries = yield* Effect.forEach(made, (path, i) =>
          Effect.map(Effect.promise(() => entryOf(path)), (entry): Entry => ({ ...entry, path: `f${i}` })))
        const root: Entry = { path: "", kind: "directory", metadata: {}, size: 0 }
        yield* Effect.gen(function* () {
          const repository = yield* format.create({ password: Redacted.make("x") })
          const { problems, snapshot } = yield* repository.backup(Stream.fromIterable([root, ...entries]), {
            paths: ["/"],
          })
          assert.deepEqual(problems, [])
          const facts = yield* factsOf(repository.entries(snapshot!))
          for (const [i, path] of made.entries()) {
            assert.equal(facts.get(`f${i}`)!.size, cat(path).length, path)
          }
        }).pipe(Effect.provideService(ObjectStore, store), Effect.provide(workers({ threads: 2 })))
      })))
  }

  it(
    ...skipIf(!readable("/proc/self/maps") && "this system has no /proc", "without an end are reported as endless"),
    async () => {
      // Eight bytes for each page of the address space.
      const { content } = await entryOf("/proc/self/pagemap")
      await assert.rejects(readContent(content!), /does not say its size, and does not end within 64 MiB/)
    },
  )
})

it("a file that shrinks or grows during the read has changed", () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const base = yield* temporaryDirectory
    for (const [size, now] of [[100, 50], [100, 150], [0, 50]] as const) {
      const path = `${base}/f`
      fs.writeFileSync(path, new Uint8Array(size))
      const { content } = yield* Effect.promise(() => entryOf(path))
      assert.ok(content !== undefined && "open" in content)
      const reader = content.open()
      fs.truncateSync(path, now)
      const into = new Uint8Array(1000)
      const length = reader.read(into)
      assert.ok(length <= Math.max(size, now))
      assert.equal(reader.finish().changed, true, `${size} to ${now}`)
      reader.close()
    }
  }))))
