/** The contract of {@link ObjectStore}, for any implementation. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"

/** Differences between stores. */
export interface StoreSuiteOptions {
  /** Reasons to skip tests that need objects of many megabytes, or thousands of objects. */
  readonly skipLarge?: string
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Bytes that differ from position to position. */
const pattern = (length: number, seed = 1): Uint8Array => {
  const bytes = new Uint8Array(length)
  let state = seed * 2654435761 >>> 0
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0
    bytes[i] = state >>> 24
  }
  return bytes
}

const same = (actual: Uint8Array, expected: Uint8Array): void => {
  assert.equal(actual.length, expected.length)
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) assert.fail(`byte ${i} differs`)
}

const fails = <A, R>(
  reason: StoreError["reason"],
  name: string,
  effect: Effect.Effect<A, StoreError, R>,
): Effect.Effect<void, never, R> =>
  Effect.map(Effect.flip(effect), (error) => {
    assert.equal(error._tag, "StoreError")
    assert.equal(error.reason, reason, error.message)
    assert.equal(error.object, name)
    assert.ok(error.message.includes(name), `"${error.message}" does not name the object`)
    assert.ok(!error.message.endsWith("."))
  }).pipe(Effect.catch(() => Effect.die(new Error(`${name}: succeeded, expected "${reason}"`))))

const names = (store: ObjectStore, directory: string): Effect.Effect<Array<string>, StoreError> =>
  Effect.map(Stream.runCollect(store.list(directory)), (all) => all.map(({ name }) => name).sort())

/**
 * Tests a store against the port. `makeStore` gives a new, empty store, and frees its resources when the scope closes.
 */
export const storeSuite = (
  name: string,
  makeStore: Effect.Effect<ObjectStore, unknown, Scope.Scope>,
  options: StoreSuiteOptions = {},
): void => {
  const test = (
    title: string,
    body: (store: ObjectStore) => Effect.Effect<void, StoreError, Scope.Scope>,
    skip?: string,
  ): void => {
    it(
      title,
      { timeout: 60_000, ...(skip === undefined ? {} : { skip }) },
      () => Effect.runPromise(Effect.scoped(Effect.flatMap(makeStore, body))),
    )
  }

  describe(`${name} as an object store`, () => {
    test("gives back objects, whole and in ranges", (store) =>
      Effect.gen(function* () {
        yield* store.put("DATA/ab/x.roz", [bytesOf("hel"), bytesOf(""), bytesOf("lo world")])
        const get = (offset: number, length: number) => store.get("DATA/ab/x.roz", { offset, length })
        same(yield* store.get("DATA/ab/x.roz", { atMost: Infinity }), bytesOf("hello world"))
        same(yield* get(0, 11), bytesOf("hello world"))
        same(yield* get(4, 3), bytesOf("o w"))
        same(yield* get(-5, 5), bytesOf("world"))
        same(yield* get(-11, 4), bytesOf("hell"))
        same(yield* get(5, 0), bytesOf(""))
        same(yield* get(11, 0), bytesOf(""))
        assert.deepEqual(yield* store.stat("DATA/ab/x.roz"), { name: "DATA/ab/x.roz", size: 11 })
      }))

    test("calls an object beyond the limit of a read corrupt, and names it", (store) =>
      Effect.gen(function* () {
        yield* store.put("long", [pattern(100_000)])
        same(yield* store.get("long", { atMost: 100_000 }), pattern(100_000))
        for (const atMost of [99_999, 1, 0]) yield* fails("corrupt", "long", store.get("long", { atMost }))
        same(yield* store.get("long", { offset: 99_000, length: 10 }), pattern(100_000).subarray(99_000, 99_010))
        yield* store.put("empty", [])
        same(yield* store.get("empty", { atMost: 0 }), new Uint8Array(0))
        yield* fails("not-found", "none", store.get("none", { atMost: 10 }))
      }))

    test("calls a range beyond the object corrupt, and an impossible one invalid", (store) =>
      Effect.gen(function* () {
        yield* store.put("x", [bytesOf("hello")])
        for (const [offset, length] of [[0, 6], [5, 1], [9, 0], [-6, 2], [-2, 3]] as const) {
          yield* fails("corrupt", "x", store.get("x", { offset, length }))
        }
        for (const [offset, length] of [[0, -1], [0.5, 1], [0, NaN], [2 ** 60, 1]] as const) {
          yield* fails("invalid", "x", store.get("x", { offset, length }))
        }
      }))

    test("says not-found for missing objects", (store) =>
      Effect.gen(function* () {
        yield* store.put("dir/object", [bytesOf("x")])
        for (const missing of ["nothing", "dir", "dir/nothing", "dir/object/beneath", "no/such/directory"]) {
          yield* fails("not-found", missing, store.get(missing, { atMost: Infinity }))
          yield* fails("not-found", missing, store.get(missing, { offset: -1, length: 1 }))
          yield* fails("not-found", missing, store.stat(missing))
          yield* store.remove(missing)
        }
        same(yield* store.get("dir/object", { atMost: Infinity }), bytesOf("x"))
      }))

    test("removes objects, and can write the name again", (store) =>
      Effect.gen(function* () {
        yield* store.put("a/x", [bytesOf("1")])
        yield* store.put("a/y", [bytesOf("2")])
        yield* store.remove("a/x")
        yield* store.remove("a/x")
        yield* fails("not-found", "a/x", store.get("a/x", { atMost: Infinity }))
        assert.deepEqual(yield* names(store, ""), ["a/y"])
        yield* store.put("a/x", [bytesOf("3")])
        same(yield* store.get("a/x", { atMost: Infinity }), bytesOf("3"))
      }))

    test("never overwrites without replace", (store) =>
      Effect.gen(function* () {
        yield* store.put("x", [bytesOf("first")])
        yield* fails("exists", "x", store.put("x", [bytesOf("second")]))
        yield* fails("exists", "x", store.put("x", [bytesOf("second")], { replace: false }))
        same(yield* store.get("x", { atMost: Infinity }), bytesOf("first"))
        yield* store.put("x", [bytesOf("a longer second")], { replace: true })
        same(yield* store.get("x", { atMost: Infinity }), bytesOf("a longer second"))
        yield* store.put("new/y", [bytesOf("z")], { replace: true })
        same(yield* store.get("new/y", { atMost: Infinity }), bytesOf("z"))
      }))

    test("gives back content types, or declares that it does not keep them", (store) =>
      Effect.gen(function* () {
        const typeOf = (name: string) => Effect.map(store.stat(name), ({ contentType }) => contentType)
        const kept = store.properties.contentType === true ? "application/zstd" : undefined
        yield* store.put("typed", [bytesOf("x")], { contentType: "application/zstd" })
        yield* store.put("plain", [bytesOf("x")])
        assert.deepEqual([yield* typeOf("typed"), yield* typeOf("plain")], [kept, undefined])
        yield* store.put("plain", [bytesOf("y")], { replace: true, contentType: "application/zstd" })
        yield* store.put("typed", [bytesOf("y")], { replace: true })
        assert.deepEqual([yield* typeOf("typed"), yield* typeOf("plain")], [undefined, kept])
        yield* store.remove("plain")
        yield* store.put("plain", [bytesOf("z")])
        assert.equal(yield* typeOf("plain"), undefined)
      }))

    test("lets one of 16 racing create-only puts win", (store) =>
      Effect.gen(function* () {
        if (!store.properties.atomicCreate) return
        for (let round = 0; round < 4; round++) {
          const name = `race/${round}/x`
          const outcomes = yield* Effect.forEach(
            Array.from({ length: 16 }, (_, i) => i),
            (i) =>
              Effect.match(store.put(name, [pattern(20_000, i)]), {
                onSuccess: () => i,
                onFailure: (error) => error.reason,
              }),
            { concurrency: "unbounded" },
          )
          const winners = outcomes.filter((outcome) => typeof outcome === "number")
          assert.equal(winners.length, 1, String(outcomes))
          assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 15, String(outcomes))
          same(yield* store.get(name, { atMost: Infinity }), pattern(20_000, winners[0]!))
        }
        assert.equal((yield* names(store, "")).length, 4)
      }))

    test("shows the old or the new object during a replacement, never a part", (store) =>
      Effect.gen(function* () {
        const size = 3_000_000
        const versions = [1, 2, 3, 4].map((seed) => pattern(size, seed))
        yield* store.put("x", [versions[0]!])
        let writing = true
        const write = Effect.forEach(versions, (bytes) => store.put("x", [bytes], { replace: true }))
          .pipe(Effect.ensuring(Effect.sync(() => writing = false)))
        const read = Effect.gen(function* () {
          do {
            const seen = yield* store.get("x", { atMost: Infinity })
            const version = versions.find((bytes) => bytes[0] === seen[0] && bytes[1] === seen[1])
            assert.ok(version)
            same(seen, version)
            yield* Effect.yieldNow
          } while (writing)
        })
        yield* Effect.all([write, read], { concurrency: "unbounded" })
      }))

    test("shows a new object whole or not at all", (store) =>
      Effect.gen(function* () {
        const size = 24_000_000
        const content = new Uint8Array(size).fill(7)
        let writing = true
        const write = store.put("DATA/x", [content]).pipe(Effect.ensuring(Effect.sync(() => writing = false)))
        const look = Effect.gen(function* () {
          do {
            for (const info of yield* Stream.runCollect(store.list(""))) {
              assert.deepEqual(info, { name: "DATA/x", size })
            }
            const seen = yield* Effect.option(store.stat("DATA/x"))
            if (seen._tag === "Some") assert.equal(seen.value.size, size)
            yield* Effect.yieldNow
          } while (writing)
        })
        yield* Effect.all([write, look], { concurrency: "unbounded" })
      }), options.skipLarge)

    test("refuses names that lead out of it, or that not every store can hold", (store) =>
      Effect.gen(function* () {
        const bad = ["", ".", "..", "../x", "a/../x", "a/./x", "/x", "/etc/passwd", "a//x", "a/", "a\0x", "a\\x", "C:x"]
          .concat("a b", "ä", "a\nb", "tmp", "tmp/x", "TMP/x", "x".repeat(513))
        for (const name of bad) {
          const refused = <A>(effect: Effect.Effect<A, StoreError, Scope.Scope>) => fails("invalid", name, effect)
          yield* refused(store.put(name, [bytesOf("x")]))
          yield* refused(store.put(name, [bytesOf("x")], { replace: true }))
          yield* refused(Effect.flatMap(store.create(name), (writer) => writer.commit))
          yield* refused(store.get(name, { atMost: Infinity }))
          yield* refused(store.stat(name))
          yield* refused(store.remove(name))
        }
        for (const directory of ["DATA", "/", "../", "a//", "/etc/", "tmp/", "a/../"]) {
          yield* fails("invalid", directory, Stream.runDrain(store.list(directory)))
        }
        assert.deepEqual(yield* names(store, ""), [])
      }))

    test("holds objects of all names that the port allows", (store) =>
      Effect.gen(function* () {
        const good = ["ROZEN.json", "a", "..a", "a..", "-x", "b/c/d/e/f/g", "tmpx/y", "x/tmp", "A-Z_0.9"]
        yield* Effect.forEach(good, (name) => store.put(name, [bytesOf(name)]))
        for (const name of good) same(yield* store.get(name, { atMost: Infinity }), bytesOf(name))
        assert.deepEqual(yield* names(store, ""), good.toSorted())
      }))

    test("holds an empty object", (store) =>
      Effect.gen(function* () {
        yield* store.put("none", [])
        yield* store.put("empty", [new Uint8Array(0), new Uint8Array(0)])
        yield* Effect.scoped(Effect.flatMap(store.create("written"), (writer) => writer.commit))
        for (const name of ["none", "empty", "written"]) {
          same(yield* store.get(name, { atMost: Infinity }), new Uint8Array(0))
          same(yield* store.get(name, { offset: 0, length: 0 }), new Uint8Array(0))
          assert.equal((yield* store.stat(name)).size, 0)
        }
        assert.deepEqual(yield* names(store, ""), ["empty", "none", "written"])
      }))

    test("takes 3,000 parts, some of them empty", (store) =>
      Effect.gen(function* () {
        const whole = pattern(3000 * 2999 / 2)
        const parts: Array<Uint8Array> = []
        for (let i = 0, at = 0; i < 3000; at += i++) parts.push(whole.subarray(at, at + i))
        yield* store.put("x", parts)
        same(yield* store.get("x", { atMost: Infinity }), whole)
      }))

    test("holds an object of 40 MiB", (store) =>
      Effect.gen(function* () {
        const part = pattern(8 << 20)
        yield* store.put("DATA/40", [part, part, part, part, part])
        assert.equal((yield* store.stat("DATA/40")).size, 40 << 20)
        const back = yield* store.get("DATA/40", { atMost: Infinity })
        for (let i = 0; i < 5; i++) same(back.subarray(i * part.length, (i + 1) * part.length), part)
        same(yield* store.get("DATA/40", { offset: -(8 << 20), length: 8 << 20 }), part)
      }), options.skipLarge)

    test("shows the object of a writer from its commit on", (store) =>
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.gen(function* () {
          const writer = yield* store.create("a/grown")
          for (let i = 0; i < 10; i++) yield* writer.append(pattern(100_000, i))
          yield* fails("not-found", "a/grown", store.get("a/grown", { atMost: Infinity }))
          assert.deepEqual(yield* names(store, ""), [])
          yield* writer.commit
          assert.equal((yield* store.stat("a/grown")).size, 1_000_000)
          yield* fails("invalid", "a/grown", writer.append(bytesOf("more")))
          yield* fails("invalid", "a/grown", writer.commit)
        }))
        const back = yield* store.get("a/grown", { atMost: Infinity })
        for (let i = 0; i < 10; i++) same(back.subarray(i * 100_000, (i + 1) * 100_000), pattern(100_000, i))
      }))

    test("keeps nothing of a writer without a commit", (store) =>
      Effect.gen(function* () {
        yield* Effect.scoped(Effect.flatMap(store.create("a/x"), (writer) => writer.append(pattern(100_000))))
        assert.deepEqual(yield* names(store, ""), [])
        yield* fails("not-found", "a/x", store.get("a/x", { atMost: Infinity }))
        yield* store.put("a/x", [bytesOf("free")])
      }))

    test("lets one of several writers commit", (store) =>
      Effect.gen(function* () {
        const first = yield* store.create("x")
        const second = yield* store.create("x")
        yield* first.append(bytesOf("first"))
        yield* second.append(bytesOf("second"))
        yield* second.commit
        yield* fails("exists", "x", first.commit)
        yield* fails("exists", "x", store.put("x", [bytesOf("third")]))
        same(yield* store.get("x", { atMost: Infinity }), bytesOf("second"))
      }))

    test("lets a writer replace an object with replace", (store) =>
      Effect.gen(function* () {
        yield* store.put("x", [bytesOf("first")])
        const writer = yield* store.create("x", { replace: true })
        yield* writer.append(bytesOf("second"))
        same(yield* store.get("x", { atMost: Infinity }), bytesOf("first"))
        yield* writer.commit
        same(yield* store.get("x", { atMost: Infinity }), bytesOf("second"))
        assert.deepEqual(yield* names(store, ""), ["x"])
        const fresh = yield* store.create("y", { replace: true })
        yield* fresh.commit
        same(yield* store.get("y", { atMost: Infinity }), new Uint8Array(0))
      }))

    test("lists by directory, with sizes", (store) =>
      Effect.gen(function* () {
        yield* store.put("DATA/a", [bytesOf("1")])
        yield* store.put("DATA/ab/c", [bytesOf("22")])
        yield* store.put("DATAX/a", [bytesOf("333")])
        yield* store.put("DATA.json", [bytesOf("4444")])
        const sorted = (directory: string) =>
          Effect.map(
            Stream.runCollect(store.list(directory)),
            (all) => all.toSorted((a, b) => a.name < b.name ? -1 : 1),
          )
        assert.deepEqual(yield* sorted("DATA/"), [{ name: "DATA/a", size: 1 }, { name: "DATA/ab/c", size: 2 }])
        assert.deepEqual(yield* names(store, "DATA/ab/"), ["DATA/ab/c"])
        assert.deepEqual(yield* names(store, ""), ["DATA.json", "DATA/a", "DATA/ab/c", "DATAX/a"])
        for (const none of ["D/", "INDEX/", "DATA/a/", "DATA/zz/", "DATA.json/"]) {
          assert.deepEqual(yield* names(store, none), [])
        }
      }))

    test("lists 2,500 objects in directories, and a listing may be left early", (store) =>
      Effect.gen(function* () {
        const all = Array.from({ length: 2500 }, (_, i) => `DATA/${(i % 16).toString(16)}/${i}`)
        yield* Effect.forEach(all, (name) => store.put(name, [bytesOf(name)], { unique: true }), {
          concurrency: 16,
          discard: true,
        })
        assert.deepEqual(yield* names(store, "DATA/"), all.toSorted())
        assert.equal((yield* Stream.runCollect(Stream.take(store.list(""), 3))).length, 3)
        assert.deepEqual(yield* names(store, "DATA/f/"), all.filter((name) => name.startsWith("DATA/f/")).toSorted())
      }), options.skipLarge)

    test("shares no bytes with the caller", (store) =>
      Effect.gen(function* () {
        const given = bytesOf("given")
        yield* store.put("put", [given])
        const writer = yield* store.create("written")
        yield* writer.append(given)
        given.fill(0)
        yield* writer.append(bytesOf("!"))
        yield* writer.commit
        same(yield* store.get("put", { atMost: Infinity }), bytesOf("given"))
        same(yield* store.get("written", { atMost: Infinity }), bytesOf("given!"))
        const got = yield* store.get("put", { atMost: Infinity })
        got.fill(0)
        const part = yield* store.get("put", { offset: 1, length: 2 })
        part.fill(0)
        same(yield* store.get("put", { atMost: Infinity }), bytesOf("given"))
        // A Buffer would share memory through `slice`, and with Node's pool through `buffer`.
        assert.equal(Object.getPrototypeOf(got), Uint8Array.prototype)
        assert.equal(got.buffer.byteLength, got.length)
      }))

    test("shows each completed write at once, in every operation", (store) =>
      Effect.gen(function* () {
        for (let i = 0; i < 5; i++) {
          const content = pattern(1000 + i, i)
          yield* store.put("a/x", [content], { replace: true })
          same(yield* store.get("a/x", { atMost: Infinity }), content)
          same(yield* store.get("a/x", { offset: -10, length: 10 }), content.subarray(-10))
          assert.equal((yield* store.stat("a/x")).size, 1000 + i)
          assert.deepEqual(yield* Stream.runCollect(store.list("a/")), [{ name: "a/x", size: 1000 + i }])
          if (i % 2 === 0) continue
          yield* store.remove("a/x")
          yield* fails("not-found", "a/x", store.stat("a/x"))
          assert.deepEqual(yield* names(store, ""), [])
        }
      }))

    test("holds objects of the longest names, and lists in order if it declares that", (store) =>
      Effect.gen(function* () {
        const longest = `${`${"n".repeat(101)}/`.repeat(5)}xy`
        assert.equal(longest.length, 512)
        const all = [longest, "b", "a.b", "a-b", "a0", "a_b", "aB", "A1", "a/b.c/d", "a/b-c", "a/b/c"]
        for (const name of all) yield* store.put(name, [bytesOf(name)], { unique: true })
        same(yield* store.get(longest, { atMost: Infinity }), bytesOf(longest))
        const listed = (yield* Stream.runCollect(store.list(""))).map(({ name }) => name)
        if (store.properties.orderedList === true) assert.deepEqual(listed, all.toSorted())
        else assert.deepEqual(listed.toSorted(), all.toSorted())
      }))

    test("lets one of 8 writers that commit at the same time win", (store) =>
      Effect.gen(function* () {
        if (!store.properties.atomicCreate) return
        const writers = yield* Effect.forEach(Array.from({ length: 8 }, (_, i) => i), (i) =>
          Effect.gen(function* () {
            const writer = yield* store.create("race")
            yield* writer.append(pattern(10_000, i))
            return Effect.match(writer.commit, { onSuccess: () => i, onFailure: ({ reason }) => reason })
          }))
        const outcomes = yield* Effect.all(writers, { concurrency: "unbounded" })
        const winners = outcomes.filter((outcome) => typeof outcome === "number")
        assert.equal(winners.length, 1, String(outcomes))
        assert.equal(outcomes.filter((outcome) => outcome === "exists").length, 7, String(outcomes))
        same(yield* store.get("race", { atMost: Infinity }), pattern(10_000, winners[0]!))
      }))

    test("gives effects that can run again", (store) =>
      Effect.gen(function* () {
        const put = store.put("again", [bytesOf("x")])
        yield* put
        yield* fails("exists", "again", put)
        yield* store.remove("again")
        yield* put
        const list = store.list("")
        assert.deepEqual(yield* Stream.runCollect(list), yield* Stream.runCollect(list))
      }))

    test("survives interruption, with a whole object or none", (store) =>
      Effect.gen(function* () {
        const content = pattern(4_000_000)
        for (let i = 0; i < 8; i++) {
          yield* Effect.race(store.put(`i/${i}`, [content]), Effect.sleep(i))
          const seen = yield* Effect.option(store.get(`i/${i}`, { atMost: Infinity }))
          if (seen._tag === "Some") same(seen.value, content)
        }
      }))
  })
}
