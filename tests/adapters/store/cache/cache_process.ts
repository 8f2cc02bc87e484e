/**
 * Reads all objects of a store in a directory again and again through a small cache:
 * `cache_process.ts STORE CACHE ROUNDS`. Prints each wrong answer.
 */
import { argv } from "node:process"
import { Effect, Logger, Stream } from "effect"
import { cache } from "../../../../adapters/store/cache/cache.ts"
import { localStore } from "../../../../adapters/store/local/local.ts"

const [directory, cached, rounds] = argv.slice(2)

const program = Effect.gen(function* () {
  const inner = yield* localStore.make(directory!)
  for (let round = 0; round < Number(rounds); round++) {
    // A new decorator in each round, which knows no objects yet.
    const store = cache(inner, { directory: cached!, holds: () => true, bytes: 40_000 })
    for (const { name, size } of yield* Stream.runCollect(store.list(""))) {
      const wanted = Number(name.slice(name.lastIndexOf("/") + 1))
      const bytes = yield* store.get(name, { atMost: Infinity })
      if (bytes.length !== size || bytes.some((byte) => byte !== wanted)) console.log(`${name} is wrong`)
      const part = yield* store.get(name, { offset: -3, length: 2 })
      if (part.length !== 2 || part.some((byte) => byte !== wanted)) console.log(`The end of ${name} is wrong`)
    }
  }
})

await Effect.runPromise(
  Effect.provide(program, Logger.layer([Logger.make(({ message }) => console.log(`logged: ${message}`))])),
)
