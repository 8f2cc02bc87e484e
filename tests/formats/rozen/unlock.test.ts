/**
 * Locks that an attacker put there. They do not keep anybody from opening the repository, or the error names them, and
 * the work that they cause is limited.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { blake3 } from "@noble/hashes/blake3.js"
import { bytesToHex } from "@noble/hashes/utils.js"
import { Clock, Effect, Logger, Redacted, References, Stream } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { deriveKey, Scrypt, type ScryptFunction } from "../../../stages/encrypt/password.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { secrets, small } from "./harness.ts"

const MIB = 1 << 20
const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`)

/** A lock that no password opens, of a cost. */
const key = (n: number, p = 1, r = 8) => ({
  version: 1,
  kind: "password",
  kdf: "scrypt",
  n,
  r,
  p,
  salt: "00".repeat(32),
  sealed: "00".repeat(100),
})

/** A lock as anybody can make one: nothing in it is authentic. */
const keyObject = (name: string, members: object): Uint8Array => {
  const body = json(members)
  const text = new TextEncoder().encode(name)
  const named = new Uint8Array(text.length + body.length)
  named.set(text)
  named.set(body, text.length)
  return json({ ...members, check: bytesToHex(blake3(named)) })
}
const nameOf = (i: number): string => `KEYS/${i.toString(16).padStart(16, "0")}.00000000.json`

/**
 * Opens a repository with other locks beside its own: what became of it, what scrypt was asked for, what was
 * said.
 */
const openBeside = (objects: ReadonlyArray<object>, password = secrets, seconds = 0) =>
  runFormat(Effect.gen(function* () {
    const store = yield* memoryStore.make()
    yield* Effect.provideService(small.create(secrets), ObjectStore, store)
    for (const [i, members] of objects.entries()) yield* store.put(nameOf(i), [keyObject(nameOf(i), members)])
    const asked: Array<number> = []
    const said: Array<string> = []
    let late = 0
    const scrypt: ScryptFunction = (password, salt, cost, signal) => {
      asked.push(128 * cost.n * cost.r * cost.p)
      late += 1000 * seconds
      return cost.n > 1024 ? Promise.resolve(new Uint8Array(32)) : Effect.runPromise(
        Effect.map(
          deriveKey(Redacted.make(new TextDecoder().decode(password)), { kdf: "scrypt", ...cost, salt }),
          Redacted.value,
        ),
        { signal },
      )
    }
    const clock = yield* Clock.Clock
    const opened = yield* Effect.result(Effect.provideService(small.open(password), ObjectStore, store)).pipe(
      Effect.provideService(Scrypt, scrypt),
      Effect.provide(Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])),
      Effect.provideService(References.MinimumLogLevel, "Info"),
      Effect.provideService(
        Clock.Clock,
        Object.assign(Object.create(clock) as Clock.Clock, {
          currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now + late),
        }),
      ),
    )
    return { asked, said, failure: opened._tag === "Failure" ? opened.failure : undefined }
  }))

const wrong = { password: Redacted.make("another") }

describe("locks of an attacker", () => {
  it("the cheapest keys are tried first, so costly ones do not delay the right password", async () => {
    const { asked, failure, said } = await openBeside([key(1 << 20, 16), key(1 << 19, 16), key(1 << 15)])
    assert.equal(failure, undefined)
    assert.deepEqual(asked, [MIB])
    assert.deepEqual(said, [])
  })

  it("a wrong password is refused after limited work, and the key that costs too much is named", async () => {
    const { asked, failure, said } = await openBeside(Array.from({ length: 60 }, () => key(1 << 20, 16)), wrong)
    assert.ok(asked.reduce((sum, work) => sum + work, 0) <= 2 ** 35)
    assert.equal(failure?.reason, "wrong-key")
    assert.match(failure!.message, /cost too much to try: if KEYS\/[0-9a-f]{16}\.0{8}\.json is not yours, remove it/)
    assert.equal(said.length, 1)
    assert.match(said[0]!, /^Trying the password against 60 more keys: this may take long$/)
  })

  it("says once that it takes long", async () => {
    const { asked, failure, said } = await openBeside(Array.from({ length: 16 }, () => key(1 << 15, 3)), wrong, 2)
    assert.equal(asked.length, 17)
    assert.equal(failure?.message.startsWith("The password does not open the repository"), true)
    assert.deepEqual(said, ["Trying the password against 14 more keys: this may take long"])
  })

  it("impossible and damaged keys do not hide the others", async () => {
    const good = key(1024)
    for (
      const bad of [key(3), key(-(2 ** 40)), key(1 << 20, 1, 32), { ...good, salt: "0" }, { ...good, kdf: "argon2" }, {
        ...good,
        version: 2,
      }]
    ) {
      assert.equal((await openBeside([bad])).failure, undefined)
      const { failure } = await openBeside([bad], wrong)
      assert.equal(failure?.reason, "version" in bad && bad.version === 2 ? "newer" : "corrupt")
      assert.match(failure!.message, /KEYS\/0{16}\.0{8}\.json/)
    }
  })

  it("locks of an unknown kind are kept and passed over", async () => {
    const { kdf: _, ...good } = key(1024)
    const unknown = { ...good, kind: "later", data: "00" }
    assert.equal((await openBeside([unknown])).failure, undefined)
    assert.equal((await openBeside([unknown], wrong)).failure?.reason, "wrong-key")
    const { failure } = await openBeside([{ ...good, kind: "later", data: ["deep"] }], wrong)
    assert.equal(failure?.reason, "corrupt")
  })

  it("deeply nested JSON is damage of that object", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      for (
        const deep of ["[".repeat(60_000), `${"[".repeat(30_000)}${"]".repeat(30_000)}`, '{"version":'.repeat(5000)]
      ) {
        yield* store.put(nameOf(0), [new TextEncoder().encode(deep)], { replace: true })
        const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
        const { findings } = yield* repository.check({ readData: 0 })
        assert.deepEqual(findings.map(({ object }) => object), [nameOf(0)])
      }
    })))

  it("more objects than a repository can have are not read", async () => {
    const { asked, failure } = await openBeside(Array.from({ length: 128 }, () => key(1024)))
    assert.deepEqual(asked, [])
    assert.match(
      failure!.message,
      /^KEYS\/ has more than the 128 objects of the kind "lock" that a repository can have/,
    )
  })
})

describe("other objects of an attacker", () => {
  it("more of any kind than a repository can have are not read, and the kind is named", () =>
    runFormat(Effect.gen(function* () {
      const kinds = { grant: [1024, `${"0".repeat(16)}.`], end: [512, `${"0".repeat(16)}.`], epoch: [255, ""] } as const
      for (const [kind, [most, key]] of Object.entries(kinds)) {
        const store = yield* memoryStore.make()
        yield* Effect.provideService(small.create(secrets), ObjectStore, store)
        for (let i = 0; i <= most; i++) {
          yield* store.put(`KEYS/${key}${i.toString(16).padStart(8, "0")}.${kind}.json`, [json(i)])
        }
        const { message } = yield* Effect.flip(Effect.provideService(small.open(secrets), ObjectStore, store))
        assert.match(message, new RegExp(`^KEYS/ has more than the ${most} objects of the kind "${kind}" that a`))
      }
    })))
})

describe("locks that are lost or damaged", () => {
  const failing = (
    damage: (store: ObjectStore, name: string) => Effect.Effect<unknown, StoreError>,
    given = secrets,
  ): Promise<string> =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      const key = (yield* Stream.runCollect(store.list("KEYS/"))).find(({ name }) =>
        /^KEYS\/\w{16}\.\w{8}\.json$/.test(name)
      )
      yield* damage(store, key!.name)
      const { message, reason } = yield* Effect.flip(Effect.provideService(small.open(given), ObjectStore, store))
      return `${reason}: ${message}`
    }))
  const flip = (store: ObjectStore, name: string): Effect.Effect<unknown, StoreError> =>
    Effect.flatMap(store.get(name, { atMost: MIB }), (bytes) => {
      bytes[bytes.length - 10]! ^= 1
      return store.put(name, [bytes], { replace: true })
    })

  it("the error says what it means, and what to do", async () => {
    assert.match(
      await failing(flip),
      /^corrupt: KEYS\/.*damaged.*: the repository at .* has no other key, and nothing can be read without one; /,
    )
    assert.match(
      await failing((store, name) => store.remove(name)),
      /^corrupt: The repository at .* has no key: KEYS\/ is empty or missing, .*; put a copy of KEYS\/ back, or open/,
    )
    const beside = (store: ObjectStore) => store.put(nameOf(1), [json("no key")])
    assert.match(
      await failing(beside, wrong),
      /^corrupt: KEYS\/0{15}1.0{8}.json .*, and the password opens no other key .*: if it is the right one, put a copy/,
    )
  })
})
