/** Buckets that keep versions, where the first version of an object counts: on Ceph's gateway. */
// On one runtime: the requests are sent as those of the contract, which runs on all three.
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { s3Store } from "../../../../adapters/store/s3/s3.ts"
import { makeRozen } from "../../../../formats/rozen/mod.ts"
import { ObjectStore } from "../../../../stages/store/store.ts"
import { noCeph } from "../../../servers/ceph.ts"
import { cephForTests } from "../../../servers/ceph_for_tests.ts"
import { askS3, keepVersions, sendToS3 } from "../../../servers/s3_request.ts"
import { runFormat } from "../../../suites/format/environment.ts"
import { storeSuite } from "../../../suites/store/contract.ts"

const ceph = cephForTests()
let buckets = 0

/** Sends a request as somebody who has the same credentials, and another program. */
const mustSend = (method: string, path: string, body?: string): Promise<string> => askS3(ceph(), method, path, body)

const noDeletes = (bucket: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{
      Effect: "Deny",
      Principal: "*",
      Action: ["s3:DeleteObject", "s3:DeleteObjectVersion"],
      Resource: `arn:aws:s3:::${bucket}/*`,
    }],
  })

const newBucket = Effect.gen(function* () {
  const bucket = `v-${buckets++}`
  yield* Effect.promise(() => mustSend("PUT", bucket))
  yield* Effect.promise(() => keepVersions(ceph(), bucket))
  return { bucket, location: `s3:${ceph().endpoint}/${bucket}/p?versions=first` }
})

const runScoped = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(effect as Effect.Effect<A, never, Scope.Scope>))
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const skip = noCeph === undefined ? {} : { skip: noCeph }

describe("the first version of each object counts", skip, () => {
  storeSuite("s3Store, versions=first", Effect.flatMap(newBucket, ({ location }) => s3Store.make(location)))

  it("whatever is put over it or deletes it, and removing deletes all versions", () =>
    runScoped(Effect.gen(function* () {
      const { bucket, location } = yield* newBucket
      const store = yield* s3Store.make(location)
      yield* store.put("DATA/a", [bytes("good")], { unique: true })
      yield* store.put("DATA/b", [bytes("better")], { unique: true })
      yield* Effect.promise(() => mustSend("PUT", `${bucket}/p/DATA/a`, "overwritten"))
      yield* Effect.promise(() => mustSend("DELETE", `${bucket}/p/DATA/b`))
      const plain = yield* s3Store.make(location.replace(/\?.*/, ""))
      assert.equal((yield* Effect.flip(plain.stat("DATA/b"))).reason, "not-found")
      const fresh = yield* s3Store.make(location)
      for (const reader of [store, fresh]) {
        assert.deepEqual(yield* reader.get("DATA/a", { atMost: 100 }), bytes("good"))
        assert.deepEqual(yield* reader.get("DATA/b", { offset: 2, length: 3 }), bytes("tte"))
        assert.deepEqual(yield* Stream.runCollect(reader.list("DATA/")), [
          { name: "DATA/a", size: 4 },
          { name: "DATA/b", size: 6 },
        ])
      }
      // A name is written once. Who comes later loses, and its version does not count.
      assert.equal((yield* Effect.flip(fresh.put("DATA/a", [bytes("again")]))).reason, "exists")
      yield* fresh.remove("DATA/a")
      assert.equal((yield* Effect.flip(store.get("DATA/a", { atMost: 100 }))).reason, "not-found")
      yield* store.put("DATA/a", [bytes("anew")])
      assert.deepEqual(yield* store.get("DATA/a", { atMost: 100 }), bytes("anew"))
      yield* store.put("DATA/a", [bytes("replaced")], { replace: true })
      assert.deepEqual(yield* fresh.get("DATA/a", { atMost: 100 }), bytes("replaced"))
    })))

  it("one of 12 writers wins", () =>
    runScoped(Effect.gen(function* () {
      const { location } = yield* newBucket
      const stores = yield* Effect.forEach([1, 2, 3], () => s3Store.make(location))
      const outcomes = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, i) => i),
        (i) =>
          Effect.match(stores[i % 3]!.put("x", [bytes(`${i}`)]), { onSuccess: () => i, onFailure: (e) => e.reason }),
        { concurrency: "unbounded" },
      )
      const winners = outcomes.filter((outcome) => typeof outcome === "number")
      assert.equal(winners.length, 1, String(outcomes))
      assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 11, String(outcomes))
      assert.deepEqual(yield* stores[0]!.get("x", { atMost: 9 }), bytes(`${winners[0]}`))
    })))

  it("pages of listings do not split an object from its first version", () =>
    runScoped(Effect.gen(function* () {
      const { bucket, location } = yield* newBucket
      const store = yield* s3Store.make(location)
      const put = (name: string, text: string) => Effect.promise(() => mustSend("PUT", `${bucket}/p/${name}`, text))
      // 1,002 versions, so that the second page begins within "b".
      yield* put("a", "a")
      yield* put("b", "first")
      yield* Effect.forEach(Array.from({ length: 1000 }), () => put("b", "later versions"), { concurrency: 16 })
      assert.deepEqual(yield* Stream.runCollect(store.list("")), [{ name: "a", size: 1 }, { name: "b", size: 5 }])
      assert.deepEqual(yield* store.get("b", { atMost: 9 }), bytes("first"))
    })))

  it("needs a bucket that keeps versions", () =>
    runScoped(Effect.gen(function* () {
      const location = `s3:${ceph().endpoint}/v-${buckets++}/p?versions=first`
      const error = yield* Effect.flip(s3Store.make(location, { create: true }))
      assert.equal(error.reason, "invalid")
      assert.match(error.message, /keeps no versions; enable versioning of the bucket$/)
    })))
})

describe("credentials that cannot delete", skip, () => {
  it("make backups, and what is put over their objects afterwards harms nothing", () =>
    runFormat(Effect.gen(function* () {
      const { bucket, location } = yield* newBucket
      const rozen = makeRozen({ scrypt: { n: 1024, r: 8, p: 1 } })
      const secrets = { password: Redacted.make("secret") }
      const create = Effect.flatMap(
        s3Store.make(location),
        (store) => Effect.provideService(rozen.create(secrets), ObjectStore, store),
      )
      yield* create
      yield* Effect.promise(() => mustSend("PUT", `${bucket}?policy`, noDeletes(bucket)))
      assert.equal((yield* Effect.promise(() => sendToS3(ceph(), "DELETE", `${bucket}/p/ROZEN.json`))).status, 403)

      const store = yield* s3Store.make(location)
      const open = Effect.provideService(rozen.open(secrets), ObjectStore, store)
      const files = (text: string) =>
        Stream.make({ path: "notes.txt", kind: "file", metadata: {}, size: undefined, content: bytes(text) } as const)
      for (const text of ["one", "two"]) {
        const { problems } = yield* Effect.flatMap(
          open,
          (repository) => repository.backup(files(text), { paths: ["/home/me"] }),
        )
        assert.deepEqual(problems, [])
      }
      for (const { name } of yield* Stream.runCollect(store.list(""))) {
        yield* Effect.promise(() => mustSend("PUT", `${bucket}/p/${name}`, "rubbish"))
      }
      const fresh = yield* s3Store.make(location)
      const repository = yield* Effect.provideService(rozen.open(secrets), ObjectStore, fresh)
      assert.equal((yield* repository.snapshots).length, 2)
      assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
    })))
})
