/** Objects that are fetched whole. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Deferred, Effect, Fiber } from "effect"
import { type ObjectStore, type Range, StoreError, type Whole } from "../../../stages/store/store.ts"
import { wholeReads } from "../../../stages/store/whole_reads.ts"

const MIB = 1 << 20
const byteOf = (name: string, at: number): number => (name.charCodeAt(0) + at) & 255

/** A store with objects of 1 MiB, and the requests that it gets. */
const scripted = (
  refuse: (name: string, range: Range | Whole) => StoreError["reason"] | "short" | undefined = () => undefined,
) => {
  const asked: Array<string> = []
  const get: ObjectStore["get"] = (name, range) =>
    Effect.suspend(() => {
      asked.push(`${name}${"atMost" in range ? "" : ` ${range.offset}+${range.length}`}`)
      const refused = refuse(name, range)
      const { length, offset } = "atMost" in range ? { offset: 0, length: refused === "short" ? MIB - 1 : MIB } : range
      return Effect.andThen(
        Effect.sleep(1),
        refused === undefined || refused === "short"
          ? Effect.sync(() => Uint8Array.from({ length }, (_, i) => byteOf(name, offset + i)))
          : Effect.fail(new StoreError({ reason: refused, object: name, message: `Cannot read ${name}` })),
      )
    })
  return { asked, get }
}
const options = { bytes: 3 * MIB, sizeOf: () => MIB }
const read = (store: Pick<ObjectStore, "get">, name: string, offset: number) =>
  Effect.map(store.get(name, { offset, length: 10 }), (bytes) => {
    assert.deepEqual(bytes, Uint8Array.from({ length: 10 }, (_, i) => byteOf(name, offset + i)))
    bytes.fill(0)
  })

test("many reads of an object at once are one request, and each reader owns its bytes", () =>
  Effect.runPromise(Effect.gen(function* () {
    const { asked, get } = scripted()
    const store = wholeReads({ get }, options)
    yield* Effect.forEach([0, 500, 500, MIB - 10], (at) => read(store, "a", at), { concurrency: "unbounded" })
    yield* read(store, "a", 500)
    assert.equal((yield* store.get("a", { atMost: Infinity })).length, MIB)
    assert.deepEqual(asked, ["a"])
  })))

test("memory is bounded: the object not used for the longest time is dropped, and not fetched whole again", () =>
  Effect.runPromise(Effect.gen(function* () {
    const { asked, get } = scripted()
    const store = wholeReads({ get }, options)
    for (const name of ["a", "b", "c", "a", "d", "a", "c", "b"]) yield* read(store, name, 5)
    assert.deepEqual(asked, ["a", "b", "c", "d", "b 5+10"])
  })))

test("only objects that are wanted whole and for which there is room are fetched whole", () =>
  Effect.runPromise(Effect.gen(function* () {
    for (const how of [{ ...options, sizeOf: () => undefined }, { ...options, bytes: MIB - 1 }]) {
      const { asked, get } = scripted()
      const store = wholeReads({ get }, how)
      yield* read(store, "a", 5)
      assert.deepEqual(asked, ["a 5+10"])
    }
  })))

test("parts are fetched when the whole object cannot be fetched or has another size", () =>
  Effect.runPromise(Effect.gen(function* () {
    for (const why of ["io", "corrupt", "short"] as const) {
      const { asked, get } = scripted((_, range) => "atMost" in range ? why : undefined)
      const store = wholeReads({ get }, options)
      yield* read(store, "a", 5)
      yield* read(store, "a", 6)
      assert.deepEqual(asked, ["a", "a 5+10", "a 6+10"])
    }
    const lost = wholeReads(scripted(() => "not-found"), options)
    assert.equal((yield* Effect.flip(lost.get("a", { offset: 0, length: 1 }))).reason, "not-found")
  })))

test("an unavailable store is an error, and is asked again later", () =>
  Effect.runPromise(Effect.gen(function* () {
    let down = true
    const { asked, get } = scripted(() => down ? "unavailable" : undefined)
    const store = wholeReads({ get }, options)
    assert.equal((yield* Effect.flip(read(store, "a", 5))).reason, "unavailable")
    down = false
    yield* read(store, "a", 5)
    yield* read(store, "a", 6)
    assert.deepEqual(asked, ["a", "a"])
  })))

test("a reader that waits for an interrupted fetch reads by itself", () =>
  Effect.runPromise(Effect.gen(function* () {
    const { asked, get } = scripted()
    const begun = yield* Deferred.make<void>()
    let first = true
    const store = wholeReads({
      get: (name, range) => {
        if (!first) return get(name, range)
        first = false
        return Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
      },
    }, options)
    const one = yield* Effect.forkChild(read(store, "a", 5))
    yield* Deferred.await(begun)
    const other = yield* Effect.forkChild(read(store, "a", 6), { startImmediately: true })
    yield* Fiber.interrupt(one)
    yield* Fiber.join(other)
    assert.deepEqual(asked, ["a"])
    // The count of bytes in memory is still right.
    for (const name of ["b", "c"]) yield* read(store, name, 5)
    yield* read(store, "a", 5)
    assert.deepEqual(asked, ["a", "b", "c"])
  })))
