/** Known answers: every kind of object in `KEYS/`, `ROZEN.json` and a paper key. */
// Alone: it replaces what draws random bytes, for the whole process.
import assert from "node:assert/strict"
import { test } from "node:test"
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import { Effect, Redacted } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { openSecrets } from "../../../formats/rozen/open_secrets.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { runFormat } from "../../suites/format/environment.ts"
import vectors from "../../vectors/rozen_keys.json" with { type: "json" }
import { makeObjects, type VectorObject } from "./key_vectors.ts"

const secrets: { readonly [kind in keyof typeof vectors.locks]: Secrets } = {
  password: { password: Redacted.make(vectors.password) },
  // Made by age-keygen.
  age: { identities: [Redacted.make(vectors.identity)] },
  "age, post-quantum": { identities: [Redacted.make(vectors.hybridIdentity)] },
  "key-file": { key: Redacted.make(hexToBytes(vectors.key)) },
}
const kinds = Object.keys(secrets) as ReadonlyArray<keyof typeof secrets>

const storeWith = Effect.fnUntraced(function* (objects: ReadonlyArray<VectorObject>) {
  const store = yield* memoryStore.make()
  for (const { name, text } of objects) yield* store.put(name, [new TextEncoder().encode(text)])
  return store
})
const hex = (secret: Redacted.Redacted<Uint8Array>): string => bytesToHex(Redacted.value(secret))

test("the secret of each kind opens its lock, and no other", () =>
  runFormat(Effect.gen(function* () {
    for (const kind of kinds) {
      const store = yield* storeWith([vectors.locks[kind], vectors.grants.owner, ...vectors.epochs])
      const { key, keyring, pin, secrets: own } = yield* openSecrets(store, secrets[kind], undefined)
      assert.deepEqual([key!.id, key!.lock, hex(key!.seed)], [vectors.keyId, vectors.locks[kind].name, vectors.seed])
      assert.deepEqual([keyring.id, keyring.role, pin.epoch], [vectors.id, "owner", 2])
      assert.deepEqual([hex(own!.chunks), own!.masters.map(hex)], [vectors.chunks, vectors.masters])
      for (const other of kinds.filter((other) => other !== kind)) {
        assert.equal((yield* Effect.flip(openSecrets(store, secrets[other], undefined)))._tag, "RepositoryError")
      }
    }
  })))

test("each role opens what it may know, and no more", () =>
  runFormat(Effect.gen(function* () {
    const opened = (role: keyof typeof vectors.grants) =>
      Effect.flatMap(
        storeWith([vectors.locks.password, vectors.grants[role], ...vectors.epochs]),
        (store) => openSecrets(store, secrets.password, undefined),
      )
    const { keyring: owner } = yield* opened("owner")
    const { keyring: reader, secrets: readers } = yield* opened("reader")
    const { keyring: writer, secrets: writers } = yield* opened("writer")
    assert.deepEqual([readers, writers, reader.signer], [undefined, undefined, undefined])
    for (const [i, { indexes, owner: publicKey, recipient, runs, sealing }] of owner.epochs.entries()) {
      const number = i + 1
      assert.deepEqual(reader.epochs[i], { number, indexes, owner: publicKey, recipient, runs, sealing })
      assert.deepEqual(writer.epochs[i], { number, indexes, owner: publicKey, recipient })
    }
    assert.equal(writer.signers.get(bytesToHex(writer.signer!.id))!.name, "laptop")
    assert.equal(reader.signers.size, 2)
    const ended = yield* storeWith([vectors.locks.password, vectors.grants.writer, vectors.end, ...vectors.epochs])
    const failure = yield* Effect.flip(openSecrets(ended, secrets.password, undefined))
    assert.match(failure.message, /^The key \w{16} was removed from the repository$/)
  })))

test("the same random bytes make the same objects", async () => {
  const { locks: { password, "key-file": keyFile }, ...made } = await runFormat(makeObjects(vectors))
  const { config, end, epochs, grants, paper } = vectors
  assert.deepEqual(made, { config, end, epochs, grants, paper })
  assert.deepEqual([password, keyFile], [vectors.locks.password, vectors.locks["key-file"]])
})
