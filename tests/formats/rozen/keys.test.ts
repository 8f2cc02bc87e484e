/** Several keys for a repository: passwords, age recipients and key files. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Format } from "../../../formats/format.ts"
import type { KeyInfo, NewSecret } from "../../../formats/keys.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { newMaster } from "../../../formats/rozen/keys.ts"
import { sealKey } from "../../../formats/rozen/key_seal.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { newIdentity, recipientOf } from "../../../stages/encrypt/age.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { noise } from "../../suites/noise.ts"

const options = { scrypt: { n: 1024, r: 8, p: 1 }, by: "me@host" }
const formats: ReadonlyArray<readonly [string, Format]> = [
  ["block version 1", makeRozen(options)],
  ["block version 0", makeRozen({ ...options, version: 0 })],
]
const password = (text: string) => ({ password: Redacted.make(text) })
const keyFile = (seed: number) => ({ key: Redacted.make(noise(32, seed)) })

const create = (format: Format, store: ObjectStore, secrets: Secrets) =>
  Effect.provideService(format.create(secrets), ObjectStore, store)
const open = (format: Format, store: ObjectStore, secrets: Secrets) =>
  Effect.provideService(format.open(secrets), ObjectStore, store)
const refusal = (format: Format, store: ObjectStore, secrets: Secrets) =>
  Effect.map(Effect.flip(open(format, store, secrets)), (error) => `${error.reason}: ${error.message}`)

/** Secrets of each kind: what makes a key, and what opens it. */
const pairs = Effect.gen(function* () {
  const identity = yield* newIdentity
  const recipient = yield* recipientOf(identity)
  return {
    "password": { add: password("one"), open: password("one") },
    "age": { add: { recipient }, open: { identities: [identity] } },
    "key-file": { add: keyFile(1), open: keyFile(1) },
  } satisfies { readonly [kind: string]: { readonly add: NewSecret; readonly open: Secrets } }
})

for (const [version, format] of formats) {
  describe(`keys of rozen, ${version}`, () => {
    it("each kind makes a repository alone, and opens it", () =>
      runFormat(Effect.gen(function* () {
        for (const [kind, { add, open: opens }] of Object.entries(yield* pairs)) {
          const store = yield* memoryStore.make()
          const secrets = "recipient" in add ? { recipients: [add.recipient] } : add
          const made = yield* create(format, store, secrets)
          const opened = yield* open(format, store, opens)
          const { damaged, keys } = yield* opened.keys!.list
          assert.deepEqual(damaged, [])
          assert.deepEqual(keys, (yield* made.keys!.list).keys)
          assert.deepEqual(keys.map(({ by, inUse, kind, name, role }) => [by, inUse, kind, name, role]), [
            ["me@host", true, kind, "", "owner"],
          ])
        }
      })))

    it("keys are added, listed, replaced and removed", () =>
      runFormat(Effect.gen(function* () {
        const store = yield* memoryStore.make()
        const { keys } = yield* create(format, store, password("first"))
        const added = new Map<string, KeyInfo>()
        const all = yield* pairs
        for (const [kind, { add }] of Object.entries(all)) added.set(kind, yield* keys!.add(add, { name: kind }))
        for (const [kind, { open: opens }] of Object.entries(all)) {
          const list = yield* (yield* open(format, store, opens)).keys!.list
          assert.deepEqual(list.keys.find(({ inUse }) => inUse), { ...added.get(kind)!, inUse: true })
          assert.equal(list.keys.length, 4)
        }
        assert.equal(added.get("age")!.recipient, all.age.add.recipient)

        const { added: second, removed } = yield* keys!.replace(password("second"), { name: "changed" })
        assert.deepEqual([removed.name, second.name, second.inUse], ["", "changed", true])
        assert.match(yield* refusal(format, store, password("first")), /^wrong-key: The password does not open/)
        yield* open(format, store, password("second"))

        assert.match((yield* Effect.flip(keys!.remove(second.id))).message, /is in use: open the repository with/)
        assert.match((yield* Effect.flip(keys!.remove(removed.id))).message, /has no key/)
        yield* keys!.remove(added.get("password")!.id)
        yield* keys!.remove(added.get("age")!.id)
        assert.match(yield* refusal(format, store, all.age.open), /^wrong-key: The age identity does not open/)
        yield* keys!.remove(added.get("key-file")!.id)
        assert.deepEqual((yield* keys!.list).keys.map(({ name }) => name), ["changed"])
      })))
  })
}

describe("keys of rozen", () => {
  const format = makeRozen(options)

  it("a secret that is not valid adds nothing", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const { keys } = yield* create(format, store, password("first"))
      const failures = [
        [{ recipient: "age1nobody" }, {}, /is not an age recipient/],
        [{ key: Redacted.make(noise(64, 1)) }, {}, /has 32 bytes \(64 hex digits\), not 64/],
        [password("x"), { name: "\ud800" }, /must be Unicode text/],
        [password("x"), { name: "x".repeat(1025) }, /at most 1024 characters/],
      ] as const
      for (const [secret, options, message] of failures) {
        const error = yield* Effect.flip(keys!.add(secret, options))
        assert.equal(error.reason, "unsupported")
        assert.match(error.message, message)
      }
      for (let i = 1; i < 64; i++) yield* keys!.add(keyFile(i))
      assert.match((yield* Effect.flip(keys!.add(keyFile(64)))).message, /has 64 keys, and cannot have more/)
      assert.equal((yield* keys!.list).keys.length, 64)
    })))

  it("no secret is ignored, and a message says what is missing", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const { age } = yield* pairs
      assert.match(
        (yield* Effect.flip(create(format, store, {}))).message,
        /^A new repository needs a password, an age recipient or a key file$/,
      )
      const many = { recipients: Array.from({ length: 65 }, () => age.add.recipient) }
      assert.match((yield* Effect.flip(create(format, store, many))).message, /^A repository can have 64 keys, not one/)
      const both = yield* Effect.flip(create(format, store, { ...keyFile(1), ...password("x") }))
      assert.match(
        `${both.reason}: ${both.message}`,
        /^unsupported: .* is made with one kind of secret: give one only$/,
      )
      assert.deepEqual(yield* Stream.runCollect(store.list("")), [])
      yield* create(format, store, { recipients: [age.add.recipient] })
      assert.match(yield* refusal(format, store, {}), /^wrong-key: .* needs a password, an age identity or a key file$/)
      yield* open(format, store, { ...age.open, recipients: [age.add.recipient] })
      const other = yield* recipientOf(yield* newIdentity)
      assert.match(yield* refusal(format, store, { ...age.open, recipients: [other] }), /^unused-secret: .* no key for/)
      assert.match(yield* refusal(format, store, { recipients: [other] }), /^wrong-key/)
      assert.match(yield* refusal(format, store, { key: Redacted.make(noise(64, 1)) }), /^wrong-key: .* not 64$/)
    })))

  it("the last key stays, and a key of an unknown kind or a damaged one does not count", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const made = yield* create(format, store, password("first"))
      const [only] = (yield* made.keys!.list).keys
      const { keys } = yield* open(format, store, { paper: yield* made.keys!.export })
      assert.equal((yield* keys!.list).keys[0]!.inUse, false)
      yield* store.put("KEYS/0000000000000000.json", [new TextEncoder().encode("no key")])
      const { damaged, keys: whole } = yield* keys!.list
      assert.deepEqual([damaged.map(({ object }) => object), whole.length], [["KEYS/0000000000000000.json"], 1])
      assert.match((yield* Effect.flip(keys!.remove(only!.id))).message, /is the last one of the repository/)
      assert.match((yield* Effect.flip(keys!.replace(password("x")))).message, /^A paper key opened the repository/)
      yield* keys!.remove("0".repeat(16))
      yield* keys!.add(password("second"))
      yield* keys!.remove(only!.id)
      yield* open(format, store, password("second"))
    })))

  it("a key that somebody made for a known recipient does not hide the right one", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const { age } = yield* pairs
      const { id, keys } = yield* create(format, store, { recipients: [age.add.recipient] })
      for (let i = 0; i < 5; i++) {
        const forged = yield* sealKey({ id, master: newMaster() }, age.add, {})
        yield* store.put(forged.object, [forged.bytes])
      }
      const opened = yield* open(format, store, age.open)
      const [own] = (yield* keys!.list).keys.filter(({ inUse }) => inUse)
      assert.deepEqual((yield* opened.keys!.list).keys.filter(({ inUse }) => inUse), [own])
    })))
})
