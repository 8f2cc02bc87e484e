/** The store on a real server: Ceph's gateway. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { openStore } from "../../../../adapters/store/open/open.ts"
import { type Meter, Pace, PIECE } from "../../../../adapters/store/limit/pace.ts"
import { s3Store } from "../../../../adapters/store/s3/s3.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { noCeph } from "../../../servers/ceph.ts"
import { cephForTests } from "../../../servers/ceph_for_tests.ts"
import { askS3, keepVersions } from "../../../servers/s3_request.ts"

const ceph = cephForTests()
let buckets = 0

const newBucket = (): string => `s3:${ceph().endpoint}/b-${buckets++}`

const send = (method: string, path: string, body?: string): Promise<string> => askS3(ceph(), method, path, body)

const versioned = Effect.gen(function* () {
  const location = newBucket()
  yield* s3Store.make(location, { create: true })
  yield* Effect.promise(() => keepVersions(ceph(), location.split("/").at(-1)!))
  return location
})

const runScoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect as Effect.Effect<A, never, Scope.Scope>))
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const names = (store: ObjectStore): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  Effect.map(Stream.runCollect(store.list("")), (all) => all.map(({ name }) => name))

const skip = noCeph === undefined ? {} : { skip: noCeph }

describe("on Ceph, in a bucket with versions, where conditions are ignored", skip, () => {
  it("one of 12 writers with stores of their own wins, again and again", () =>
    runScoped(Effect.gen(function* () {
      const location = yield* versioned
      const stores = yield* Effect.forEach(Array.from({ length: 4 }), () => s3Store.make(`${location}/p`))
      for (let round = 0; round < 3; round++) {
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 12 }, (_, i) => i),
          (i) =>
            Effect.match(stores[i % 4]!.put(`INDEX/${round}.idx`, [text(`${i}`)]), {
              onSuccess: () => i,
              onFailure: ({ reason }) => reason,
            }),
          { concurrency: "unbounded" },
        )
        const winners = outcomes.filter((outcome) => typeof outcome === "number")
        assert.equal(winners.length, 1, String(outcomes))
        assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 11, String(outcomes))
        assert.deepEqual(yield* stores[0]!.get(`INDEX/${round}.idx`, { atMost: Infinity }), text(`${winners[0]}`))
      }
      assert.deepEqual(yield* names(stores[0]!), ["INDEX/0.idx", "INDEX/1.idx", "INDEX/2.idx"])
      const kept = yield* Effect.promise(() => send("GET", `${location.split("/").at(-1)}?list-type=2`))
      assert.deepEqual(
        [...kept.matchAll(/<Key>([^<]*)</g)].map(([, key]) => key).filter((key) => key?.includes("claims")),
        [],
      )
    })))

  it("objects are written once, by puts and by writers", () =>
    runScoped(Effect.gen(function* () {
      const store = yield* s3Store.make(yield* versioned)
      yield* store.put("x", [text("1")])
      assert.equal((yield* Effect.flip(store.put("x", [text("2")]))).reason, "exists")
      const writer = yield* store.create("x")
      yield* writer.append(text("3"))
      assert.equal((yield* Effect.flip(writer.commit)).reason, "exists")
      assert.deepEqual(yield* store.get("x", { atMost: Infinity }), text("1"))
      yield* store.remove("x")
      yield* store.put("x", [text("4")])
      assert.deepEqual(yield* store.get("x", { atMost: Infinity }), text("4"))
    })))

  it("an abandoned claim delays other writers, and the error says so", () =>
    runScoped(Effect.gen(function* () {
      const location = yield* versioned
      const store = yield* s3Store.make(location)
      yield* store.put("first", [text("1")])
      const claim = `${location.split("/").at(-1)}/tmp/claims/x/000000000000-left`
      yield* Effect.promise(() => send("PUT", claim, ""))
      const put = yield* Effect.forkChild(store.put("x", [text("1")]))
      yield* Effect.sleep(700)
      assert.equal((yield* Effect.flip(store.stat("x"))).reason, "not-found")
      yield* Effect.promise(() => send("DELETE", claim))
      yield* Fiber.join(put)
      assert.deepEqual(yield* store.get("x", { atMost: Infinity }), text("1"))
    })))
})

describe("on Ceph, uploads in parts", skip, () => {
  const size = (70 << 20) + 12_345
  const whole = new Uint8Array(size)
  for (let i = 0; i < size; i += 4093) whole[i] = (i * 2654435761) >>> 24
  const uploads = (location: string) =>
    Effect.map(
      Effect.promise(() => send("GET", `${location.split("/").at(-1)}?uploads`)),
      (xml) => [...xml.matchAll(/<UploadId>/g)].length,
    )

  it("a large put is read back in ranges across its parts, and is written once", () =>
    runScoped(Effect.gen(function* () {
      const location = newBucket()
      const store = yield* s3Store.make(location, { create: true })
      yield* store.put("DATA/x", [whole.subarray(0, 1000), whole.subarray(1000, 40 << 20), whole.subarray(40 << 20)], {
        contentType: "application/zstd",
      })
      assert.deepEqual(yield* store.stat("DATA/x"), { name: "DATA/x", size, contentType: "application/zstd" })
      for (const offset of [0, (16 << 20) - 5000, (48 << 20) - 1, size - 20_000]) {
        const part = yield* store.get("DATA/x", { offset, length: 10_000 })
        assert.ok(part.every((byte, i) => byte === whole[offset + i]), `at ${offset}`)
      }
      const tail = yield* store.get("DATA/x", { offset: -12_345, length: 12_345 })
      assert.ok(tail.every((byte, i) => byte === whole[size - 12_345 + i]))
      const back = yield* store.get("DATA/x", { atMost: Infinity })
      assert.equal(back.length, size)
      for (let i = 0; i < size; i += 4093) if (back[i] !== whole[i]) assert.fail(`byte ${i} differs`)
      assert.equal((yield* Effect.flip(store.put("DATA/x", [whole]))).reason, "exists")
      assert.equal(yield* uploads(location), 0)
    })))

  it("a writer beyond one part sends parts, and those of an abandoned upload are removed", () =>
    runScoped(Effect.gen(function* () {
      const location = newBucket()
      const store = yield* s3Store.make(location, { create: true })
      yield* Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create("x", { unique: true })
        for (let at = 0; at < 40 << 20; at += 3_000_000) yield* writer.append(whole.subarray(at, at + 3_000_000))
        assert.equal(yield* uploads(location), 1)
      }))
      assert.equal(yield* uploads(location), 0)
      assert.deepEqual(yield* names(store), [])
      const writer = yield* store.create("x")
      const length = 33 << 20
      for (let at = 0; at < length; at += 1 << 20) yield* writer.append(whole.subarray(at, at + (1 << 20)))
      assert.deepEqual(yield* names(store), [])
      yield* writer.commit
      const back = yield* store.get("x", { atMost: Infinity })
      assert.equal(back.length, length)
      for (let i = 0; i < length; i += 4093) if (back[i] !== whole[i]) assert.fail(`byte ${i} differs`)
      const second = yield* store.create("x")
      yield* second.append(whole.subarray(0, 20 << 20))
      assert.equal((yield* Effect.flip(second.commit)).reason, "exists")
      assert.equal((yield* store.stat("x")).size, length)
    })))
})

describe("on Ceph, errors", skip, () => {
  it("a missing bucket is named, and made with create", () =>
    runScoped(Effect.gen(function* () {
      const location = `${newBucket()}/p`
      const error = yield* Effect.flip(s3Store.make(location))
      assert.equal(error.reason, "not-found")
      assert.match(error.message, /there is no bucket "b-\d+"; .*penstock init/)
      yield* s3Store.make(location, { create: true })
      yield* s3Store.make(location)
      yield* s3Store.make(location, { create: true })
    })))

  it("foreign objects in the bucket are not listed, and keys come in order", () =>
    runScoped(Effect.gen(function* () {
      const location = newBucket()
      const store = yield* s3Store.make(`${location}/p`, { create: true })
      const bucket = location.split("/").at(-1)
      for (const key of ["p2/x", "other", "p/a%20b", "p/%C3%A4", "p/dir/", "p/tmp/x", "p/%26lt%3B"]) {
        yield* Effect.promise(() => send("PUT", `${bucket}/${key}`, "x"))
      }
      const all = Array.from({ length: 103 }, (_, i) => `DATA/${(i * 7919).toString(36)}`)
      yield* Effect.forEach(all, (name) => store.put(name, [text("x")], { unique: true }), { concurrency: 16 })
      assert.deepEqual(yield* names(store), all.toSorted())
      assert.equal(store.properties.orderedList, true)
    })))

  it("wrong keys are denied, and a server that dies and comes back is unavailable meanwhile", () =>
    runScoped(Effect.gen(function* () {
      const location = newBucket()
      const store = yield* s3Store.make(location, { create: true })
      yield* store.put("x", [text("1")])
      const openWith = (key: string, secret: string) =>
        Effect.gen(function* () {
          process.env["AWS_ACCESS_KEY_ID"] = key
          process.env["AWS_SECRET_ACCESS_KEY"] = secret
          return yield* Effect.flip(s3Store.make(location))
        }).pipe(Effect.ensuring(Effect.sync(() => {
          process.env["AWS_ACCESS_KEY_ID"] = ceph().accessKey
          process.env["AWS_SECRET_ACCESS_KEY"] = ceph().secretKey
        })))
      const wrongSecret = yield* openWith(ceph().accessKey, "not-the-secret")
      assert.equal(wrongSecret.reason, "denied")
      assert.match(wrongSecret.message, /the secret key is wrong; check AWS_SECRET_ACCESS_KEY/)
      const wrongKey = yield* openWith("AKNOTTHERE", ceph().secretKey)
      assert.equal(wrongKey.reason, "denied")
      assert.match(wrongKey.message, /does not know the access key; check AWS_ACCESS_KEY_ID/)
      yield* Effect.promise(() => ceph().killGateway())
      const gone = yield* Effect.flip(store.get("x", { atMost: Infinity }))
      assert.equal(gone.reason, "unavailable")
      const patient = yield* Effect.forkChild(
        Effect.flatMap(
          openStore(location, { retry: { base: 100, longest: 500 } }),
          (store) => store.get("x", { atMost: Infinity }),
        ),
      )
      yield* Effect.promise(() => ceph().startGateway())
      assert.deepEqual(yield* Fiber.join(patient), text("1"))
    })))
})

describe("on Ceph, within a limit of bandwidth", skip, () => {
  it("objects pass piece by piece, except uploads on Deno, which wait as a whole", () =>
    runScoped(Effect.gen(function* () {
      const store = yield* s3Store.make(newBucket(), { create: true })
      const bytes = Uint8Array.from({ length: 5 * PIECE + 100 }, (_, i) => i * 7 + (i >> 8))
      const asked = { upload: [] as Array<number>, download: [] as Array<number> }
      const meter = (of: Array<number>): Meter => ({
        charge: (bytes) => Effect.andThen(Effect.sync(() => of.push(bytes)), Effect.sleep("5 millis")),
        owe: () => {},
      })
      const limits = { upload: meter(asked.upload), download: meter(asked.download) }
      yield* Effect.provideService(store.put("a/b", [bytes], { replace: true }), Pace, limits)
      assert.equal(asked.upload.reduce((sum, one) => sum + one, 0), bytes.length)
      assert.ok("Deno" in globalThis || asked.upload.every((one) => one <= PIECE))
      assert.deepEqual(yield* Effect.provideService(store.get("a/b", { atMost: Infinity }), Pace, limits), bytes)
      assert.equal(asked.download.reduce((sum, one) => sum + one, 0), bytes.length)
    })))
})
