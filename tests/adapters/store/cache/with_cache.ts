/** Stores with a cache in a temporary directory. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { join } from "node:path"
import { Effect, Logger, Stream } from "effect"
import { cache, type CacheOptions } from "../../../../adapters/store/cache/cache.ts"
import { counting, type CountingStore } from "../../../../adapters/store/counting/counting.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { temporaryDirectory } from "../local/directory.ts"

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
/** The objects that are cached: those whose names end with `.map`. */
export const holds = (name: string): boolean => name.endsWith(".map")

/** Runs with a directory for a cache; gives the lines of the log. */
export const withCache = async (
  use: (directory: string) => Effect.Effect<void, unknown>,
): Promise<ReadonlyArray<string>> => {
  const lines: Array<string> = []
  await Effect.runPromise(
    Effect.scoped(Effect.flatMap(temporaryDirectory, (directory) => use(join(directory, "cache")))).pipe(
      Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])),
    ),
  )
  return lines
}

/** The same, and nothing may be logged. */
export const inCache = async (use: (directory: string) => Effect.Effect<void, unknown>): Promise<void> =>
  assert.deepEqual(await withCache(use), [])

/**
 * A store with a config and two objects that are cached when they are read, and a decorator that counts its requests.
 */
export const filled: Effect.Effect<CountingStore, StoreError> = Effect.gen(function* () {
  const inner = yield* memoryStore.make()
  yield* inner.put("config", [bytesOf("one")])
  yield* inner.put("a.map", [bytesOf("hello "), bytesOf("world")])
  yield* inner.put("b.map", [bytesOf("good bye")])
  yield* inner.put("c.roz", [bytesOf("content")])
  return counting(inner)
})

/** Reads the config first, as a process does that has just started. */
export const openCached: (
  store: ObjectStore,
  directory: string,
  more?: Partial<CacheOptions>,
) => Effect.Effect<ObjectStore, StoreError> = Effect.fnUntraced(
  function* (store: ObjectStore, directory: string, more: Partial<CacheOptions> = {}) {
    const cached = cache(store, { directory, holds, config: "config", ...more })
    yield* cached.get("config", { atMost: Infinity })
    yield* Stream.runDrain(cached.list(""))
    return cached
  },
)

export const text = (store: ObjectStore, name: string): Effect.Effect<string, StoreError> =>
  Effect.map(store.get(name, { atMost: Infinity }), (bytes) => new TextDecoder().decode(bytes))

/** The number of requests for bytes so far. */
export const reads = (store: CountingStore): number => store.counts().requests.get

/** The files of a cache that are copies of objects. */
export const filesIn = (directory: string): ReadonlyArray<string> =>
  fs.readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((name) => join(directory, name))
    .filter((path) => /[/\\][0-9a-f]{64}[/\\][0-9a-f]{64}$/.test(path))
