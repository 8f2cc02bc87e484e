/** Several keys for a repository: passwords, age recipients and key files. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Format } from "../../../formats/format.ts"
import type { KeyInfo, NewSecret } from "../../../formats/keys.ts"
import { createObjects } from "../../../formats/rozen/create.ts"
import { newSecret } from "../../../formats/rozen/keys.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
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

        const [own] = (yield* keys!.list).keys.filter(({ inUse }) => inUse)
        const second = yield* keys!.replace(password("second"), { name: "changed" })
        assert.deepEqual(second, { ...own!, name: "changed" })
        assert.match(yield* refusal(format, store, password("first")), /^wrong-key: The password does not open/)
        yield* open(format, store, password("second"))

        assert.match((yield* Effect.flip(keys!.remove(second.id))).message, /is in use: open the repository with/)
        for (const none of ["0".repeat(16), ""]) {
          assert.match((yield* Effect.flip(keys!.remove(none))).message, /has no key/)
        }
        yield* keys!.remove(added.get("password")!.id)
        yield* keys!.remove(added.get("age")!.id)
        assert.match(yield* refusal(format, store, all.age.open), /^wrong-key: The age identity does not open/)
        yield* keys!.remove(added.get("key-file")!.id)
        const { damaged, keys: left } = yield* keys!.list
        assert.deepEqual(damaged, [])
        assert.deepEqual(left.filter(({ ended }) => ended === undefined).map(({ name }) => name), ["changed"])
        const gone = added.get("age")!.id
        assert.equal(left.find(({ id }) => id === gone)!.role, "owner")
        assert.match((yield* Effect.flip(keys!.remove(gone))).message, /has been removed from .* already$/)
      })))
  })
}

describe("keys of rozen", () => {
  const format = makeRozen(options)

  it("block version 0 has owners only, and does not rotate", () =>
    runFormat(Effect.gen(function* () {
      const { keys } = yield* create(formats[1]![1], yield* memoryStore.make(), password("first"))
      const added = yield* Effect.flip(keys!.add(password("x"), { role: "reader" }))
      assert.match(added.message, /^A repository of block version 0 has keys of owners only, not of a reader$/)
      assert.match((yield* Effect.flip(keys!.rotate)).message, /^The keys of a repository of block version 0 cannot be/)
    })))

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
      const { age } = yield* pairs
      const recipients = Array.from({ length: 64 }, () => age.add.recipient)
      const full = yield* create(format, yield* memoryStore.make(), { recipients })
      assert.match((yield* Effect.flip(full.keys!.add(keyFile(64)))).message, /has 64 keys, and cannot have more/)
      assert.equal((yield* full.keys!.list).keys.length, 64)
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

  it("the last owner stays, and readers, writers and what is damaged do not count", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const made = yield* create(format, store, password("first"))
      const [only] = (yield* made.keys!.list).keys
      const { keys } = yield* open(format, store, { paper: yield* made.keys!.export })
      assert.equal((yield* keys!.list).keys[0]!.inUse, false)
      yield* keys!.add(password("reader"), { role: "reader" })
      yield* keys!.add(password("writer"), { role: "writer" })
      const stray = "0123456789abcdef"
      yield* store.put(`KEYS/${stray}.00000000.json`, [new TextEncoder().encode("no key")])
      const { damaged, keys: whole } = yield* keys!.list
      assert.deepEqual([damaged.map(({ object }) => object), whole.length], [[`KEYS/${stray}.00000000.json`], 3])
      assert.match((yield* Effect.flip(keys!.remove(only!.id))).message, /is the last one of an owner/)
      assert.match((yield* Effect.flip(keys!.replace(password("x")))).message, /^A paper key opened the repository/)
      yield* keys!.remove(stray)
      assert.deepEqual((yield* keys!.list).damaged, [])
      yield* keys!.add(password("second"))
      yield* keys!.remove(only!.id)
      yield* open(format, store, password("second"))
    })))

  it("a lock that somebody made for a known recipient does not hide the right one", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const { age } = yield* pairs
      const { id, keys } = yield* create(format, store, { recipients: [age.add.recipient] })
      for (let i = 0; i < 5; i++) {
        const other = yield* memoryStore.make()
        yield* createObjects(other, {
          version: 1,
          secrets: { recipients: [age.add.recipient] },
          keys: {},
          chunks: Effect.sync(newSecret),
        })
        for (const { name } of yield* Stream.runCollect(other.list("KEYS/"))) {
          yield* store.put(name, [yield* other.get(name, { atMost: 1 << 20 })])
        }
      }
      const opened = yield* open(format, store, age.open)
      assert.equal(opened.id, id)
      assert.deepEqual((yield* opened.keys!.list).keys, (yield* keys!.list).keys)
      assert.equal((yield* opened.keys!.list).damaged.length, 5)
    })))

  it("records of epochs that are lost are found by check, and rebuild makes them again", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const { keys } = yield* create(format, store, password("owner"))
      yield* keys!.add(password("reader"), { role: "reader" })
      yield* keys!.rotate
      const objects = new Map<string, Uint8Array>()
      for (const { name } of yield* Stream.runCollect(store.list("KEYS/"))) {
        if (!name.endsWith(".epoch.json")) continue
        objects.set(name, yield* store.get(name, { atMost: 1 << 20 }))
        yield* store.remove(name)
      }
      assert.equal(objects.size, 2)
      assert.match(yield* refusal(format, store, password("reader")), /^corrupt: KEYS\/ lacks the record of epoch 1/)
      const owner = yield* open(format, store, password("owner"))
      const { findings } = yield* owner.check({ readData: 0 })
      assert.deepEqual(findings.map(({ object }) => object), ["KEYS/"])
      yield* owner.rebuild
      for (const [name, bytes] of objects) assert.deepEqual(yield* store.get(name, { atMost: 1 << 20 }), bytes)
      assert.deepEqual((yield* owner.check({ readData: 0 })).findings, [])
      assert.equal((yield* open(format, store, password("reader"))).epoch, 2)
    })))

  it("a reader reads, and is refused whatever it would write; a writer does neither yet", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const owner = yield* create(format, store, password("owner"))
      const { snapshot } = yield* owner.backup(Stream.empty, { paths: ["/"], hostname: "host" })
      const { id } = yield* owner.keys!.add(password("reader"), { role: "reader" })
      yield* owner.keys!.add(keyFile(1), { role: "writer", name: "laptop" })
      const before = yield* Stream.runCollect(store.list(""))
      const reader = yield* open(format, store, password("reader"))
      assert.deepEqual(yield* reader.snapshots, [snapshot])
      assert.deepEqual((yield* reader.check({ readData: 100 })).findings, [])
      assert.deepEqual(yield* reader.keys!.list, {
        damaged: [],
        keys: (yield* owner.keys!.list).keys.map((key) => ({ ...key, inUse: key.id === id })),
      })
      const writer = yield* open(format, store, keyFile(1))
      assert.deepEqual(yield* writer.inspection!.config, yield* reader.inspection!.config)
      const refused = {
        "back up": reader.backup(Stream.die("it was read"), { paths: ["/"] }),
        "rebuild": reader.rebuild,
        "copy into the repository": Effect.scoped(reader.copier!(owner)!),
        "add keys": reader.keys!.add(password("x")),
        "remove keys": reader.keys!.remove(id),
        "rotate keys": reader.keys!.rotate,
        "print a paper key": reader.keys!.export,
        "change its name": reader.keys!.replace(password("x"), { name: "x" }),
        "list snapshots": writer.snapshots,
        "read": Stream.runDrain(writer.entries(snapshot!)),
        "read a snapshot": writer.inspection!.snapshot(snapshot!.id),
        "read indexes": writer.inspection!.packs,
        "check": writer.check({ readData: 0 }),
        "back up yet": writer.backup(Stream.die("it was read"), { paths: ["/"] }),
      }
      for (const [what, effect] of Object.entries(refused)) {
        const { message, reason } = yield* Effect.flip(effect as Effect.Effect<unknown, { reason: string } & Error>)
        assert.equal(reason, "unsupported")
        assert.match(message, new RegExp(`^The key \\w{16} is a (reader|writer)'s, and cannot ${what}: `))
      }
      assert.deepEqual(yield* Stream.runCollect(store.list("")), before)
      yield* reader.keys!.replace(password("changed"))
      assert.deepEqual(yield* (yield* open(format, store, password("changed"))).snapshots, [snapshot])
    })))

  it("after a rotation all keys open what was there before and what comes later, and a removed one opens nothing", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const owner = yield* create(format, store, password("owner"))
      const { snapshot: first } = yield* owner.backup(Stream.empty, { paths: ["/"], hostname: "host" })
      const removed = yield* owner.keys!.add(keyFile(1), { role: "reader" })
      for (const role of ["reader", "writer"] as const) yield* owner.keys!.add(password(role), { role, name: role })
      const kept = new Map<string, Uint8Array>()
      for (const { name } of yield* Stream.runCollect(store.list("KEYS/"))) {
        kept.set(name, yield* store.get(name, { atMost: 1 << 20 }))
      }
      const before = yield* Stream.runCollect(store.list("DATA/"))
      yield* owner.keys!.remove(removed.id)
      const { epoch, keys } = yield* owner.keys!.rotate
      assert.equal(epoch, 2)
      assert.deepEqual(keys.map(({ epoch, name }) => [epoch, name]).sort(), [[2, ""], [2, "reader"], [2, "writer"]])
      assert.deepEqual(yield* Stream.runCollect(store.list("DATA/")), before)
      const now = yield* open(format, store, password("owner"))
      const { snapshot: second } = yield* now.backup(Stream.empty, { paths: ["/"], hostname: "host" })
      for (const name of ["owner", "reader"]) {
        const opened = yield* open(format, store, password(name))
        assert.equal(opened.epoch, 2)
        assert.deepEqual(yield* opened.snapshots, [first, second])
        assert.deepEqual((yield* opened.check({ readData: 100 })).findings, [])
      }
      assert.equal((yield* open(format, store, password("writer"))).epoch, 2)
      // The storage puts back what was removed.
      for (const [name, bytes] of kept) yield* Effect.ignore(store.put(name, [bytes]))
      assert.match(yield* refusal(format, store, keyFile(1)), /^wrong-key: The key \w{16} was removed from the repo/)
      for (const { name } of yield* Stream.runCollect(store.list("KEYS/"))) {
        if (name.endsWith(".end.json")) yield* store.remove(name)
      }
      assert.match(yield* refusal(format, store, keyFile(1)), /^wrong-key: The key \w{16} was left out when the keys/)
      assert.equal((yield* (yield* open(format, store, password("owner"))).keys!.rotate).keys.length, 3)
    })))
})
