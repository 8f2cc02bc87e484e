/** What the tests of rozen share: a repository with small objects, and stores whose objects can be altered. */
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { BackupOptions } from "../../../formats/repository.ts"
import type { Format } from "../../../formats/format.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"

/** Small packs, blocks and chunks, so that little content makes many of them; a password that costs nothing to try. */
export const small: Format = makeRozen({
  packBytes: 64 << 10,
  blockBytes: 16 << 10,
  average: 4 << 10,
  scrypt: { n: 1024, r: 8, p: 1 },
})

export const secrets: Secrets = { password: Redacted.make("secret") }

export const options: BackupOptions = { paths: ["/data"], hostname: "host" }

/** Objects by name. */
export type Objects = ReadonlyMap<string, Uint8Array>

/** All objects of a store. */
export const objectsOf = (store: ObjectStore): Effect.Effect<Map<string, Uint8Array>, StoreError> =>
  Effect.gen(function* () {
    const objects = new Map<string, Uint8Array>()
    for (const { name } of yield* Stream.runCollect(store.list(""))) {
      objects.set(name, yield* store.get(name, { atMost: Infinity }))
    }
    return new Map([...objects].sort(([a], [b]) => a < b ? -1 : 1))
  })

/** A new store with some objects. */
export const storeOf = (objects: Objects): Effect.Effect<ObjectStore, StoreError> =>
  Effect.gen(function* () {
    const store = yield* memoryStore.make()
    for (const [name, bytes] of objects) yield* store.put(name, [bytes])
    return store
  })

/** The kinds of objects, as a name tells them. */
export const kinds = ["config", "key", "roz", "roz-log", "map", "cat", "catmap", "idx"] as const
export type Kind = (typeof kinds)[number]

export const kindOf = (name: string): Kind =>
  name === "ROZEN.json" ? "config" : name.startsWith("KEYS/") ? "key" : name.slice(name.lastIndexOf(".") + 1) as Kind
