/** Known answers: key objects of each kind, with fixed random bytes where our code draws them. */
// Alone: it replaces what draws random bytes, for the whole process.
import assert from "node:assert/strict"
import { test } from "node:test"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { Clock, Effect, Redacted } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { NewSecret } from "../../../formats/keys.ts"
import { sealKey } from "../../../formats/rozen/key_seal.ts"
import { unlock } from "../../../formats/rozen/unlock.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { runFormat } from "../../suites/format/environment.ts"
import vectors from "../../vectors/rozen_keys.json" with { type: "json" }

const password = { password: Redacted.make(vectors.password) }
const key = { key: Redacted.make(hexToBytes(vectors.key)) }
const secrets: { readonly [kind in keyof typeof vectors.objects]: Secrets } = {
  password,
  // Made by age-keygen.
  age: { identities: [Redacted.make(vectors.identity)] },
  "age, post-quantum": { identities: [Redacted.make(vectors.hybridIdentity)] },
  "key-file": key,
}
const kinds = Object.keys(secrets) as ReadonlyArray<keyof typeof secrets>

test("the secret of each kind opens its key object, and no other", () =>
  runFormat(Effect.gen(function* () {
    for (const kind of kinds) {
      const store = yield* memoryStore.make()
      const { name, text } = vectors.objects[kind]
      yield* store.put(name, [new TextEncoder().encode(text)])
      const { id, key, master } = yield* unlock(store, secrets[kind])
      assert.deepEqual([id, bytesToHex(Redacted.value(master)), key], [vectors.id, vectors.master, name])
      for (const other of kinds.filter((other) => other !== kind)) {
        assert.equal((yield* Effect.flip(unlock(store, secrets[other])))._tag, "RepositoryError")
      }
    }
  })))

test("the same random bytes make the same key objects", () =>
  runFormat(Effect.gen(function* () {
    const random = crypto.getRandomValues
    const clock = yield* Clock.Clock
    const fixed = Object.assign(Object.create(clock) as Clock.Clock, {
      currentTimeMillis: Effect.succeed(1796000000000),
    })
    const made = (secret: NewSecret) => {
      let next = 0
      crypto.getRandomValues = ((bytes: Uint8Array) => bytes.map((_, i) => bytes[i] = next++)) as typeof random
      return sealKey({ id: vectors.id, master: Redacted.make(hexToBytes(vectors.master)) }, secret, {
        cost: { n: 1024, r: 8, p: 1 },
        name: "laptop",
        by: "me@host",
      }).pipe(
        Effect.provideService(Clock.Clock, fixed),
        Effect.ensuring(Effect.sync(() => crypto.getRandomValues = random)),
      )
    }
    for (const [kind, secret] of [["password", password], ["key-file", key]] as const) {
      const { bytes, object } = yield* made(secret)
      assert.deepEqual([object, new TextDecoder().decode(bytes)], Object.values(vectors.objects[kind]))
    }
  })))
