import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { OnSecondRead, readTwice } from "../../../stages/store/second_read.ts"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { watched } from "../../../stages/store/unreadable.ts"

const names = Array.from({ length: 60 }, (_, i) => `DATA/${String(i).padStart(2, "0")}`)

/** A store with 60 objects and a config. Some of them cannot be read. */
const made = (bad: (name: string) => StoreError["reason"] | undefined) =>
  Effect.gen(function* () {
    const store = yield* memoryStore.make()
    for (const name of ["CONFIG", ...names]) yield* store.put(name, [new Uint8Array(3)])
    const get: ObjectStore["get"] = (name, part) =>
      Effect.suspend(() => {
        const reason = bad(name)
        return reason === undefined
          ? store.get(name, part)
          : Effect.fail(new StoreError({ reason, object: name, message: `Cannot read "${name}"` }))
      })
    return watched({ ...store, get })
  })

/** Reads all objects in order. Gives the reason of each failure, and `ok` for each success. */
const reasonsOf = (store: ObjectStore) =>
  Effect.forEach(["CONFIG", ...names], (name) =>
    Effect.match(store.get(name, { atMost: 3 }), {
      onSuccess: () => "ok" as const,
      onFailure: ({ reason }) => reason,
    }))

describe("one unreadable object, or an unreadable store", () => {
  const count = <A>(all: ReadonlyArray<A>, one: A): number => all.filter((other) => other === one).length

  for (const reason of ["io", "denied"] as const) {
    it(`${reason} of some objects concerns only these, however many come in a row`, () =>
      Effect.runPromise(Effect.gen(function* () {
        const store = yield* made((name) => name.startsWith("DATA/") && name < "DATA/40" ? reason : undefined)
        const found = yield* reasonsOf(store)
        assert.equal(count(found, reason), 40)
        assert.equal(count(found, "ok"), 21)
      })))

    it(`${reason} of all objects of a directory is one error`, () =>
      Effect.runPromise(Effect.gen(function* () {
        const store = yield* made((name) => name.startsWith("DATA/") ? reason : undefined)
        const found = yield* reasonsOf(store)
        assert.equal(found[0], "ok")
        assert.equal(count(found, reason), 15)
        assert.ok(found.slice(16).every((one) => one === "unavailable"))
        const { message } = yield* Effect.flip(store.get(names[20]!, { atMost: 3 }))
        assert.match(message, /^Nothing beneath DATA\/ in memory: can be read any more: Cannot read "DATA\/20"$/)
      })))
  }

  it("a store that goes away is unavailable, whatever it says about each object", () =>
    Effect.runPromise(Effect.gen(function* () {
      for (const reason of ["io", "denied", "not-found"] as const) {
        let gone = false
        const store = yield* made(() => gone ? reason : undefined)
        yield* store.get("CONFIG", { atMost: 3 })
        yield* store.get(names[0]!, { atMost: 3 })
        gone = true
        const found = yield* reasonsOf(store)
        assert.ok(found.slice(16).every((one) => one === "unavailable"), reason)
      }
    })))

  it("missing objects are only missing while another object can be read", () =>
    Effect.runPromise(Effect.gen(function* () {
      const store = yield* made((name) => name.startsWith("DATA/") ? "not-found" : undefined)
      assert.equal(count(yield* reasonsOf(store), "not-found"), 60)
    })))
})

describe("readTwice", () => {
  const wrong = (times: number, reason = "corrupt") => {
    let reads = 0
    return {
      reads: () => reads,
      read: Effect.suspend(() => reads++ < times ? Effect.fail({ _tag: "Wrong", reason }) : Effect.succeed("right")),
    }
  }
  const run = <A, E>(read: Effect.Effect<A, E>) => {
    const told: Array<string> = []
    return Effect.map(
      Effect.result(Effect.provideService(readTwice("one", read), OnSecondRead, (object) => void told.push(object))),
      (result) => [result._tag, told] as const,
    )
  }

  it("reads wrong bytes once more, and reports when the second read was right", () =>
    Effect.runPromise(Effect.gen(function* () {
      assert.deepEqual(yield* run(wrong(0).read), ["Success", []])
      assert.deepEqual(yield* run(wrong(1).read), ["Success", ["one"]])
      const twice = wrong(2)
      assert.deepEqual(yield* run(twice.read), ["Failure", []])
      assert.equal(twice.reads(), 2)
      const within = wrong(2)
      assert.deepEqual(yield* run(readTwice("inner", within.read)), ["Success", ["one"]])
      assert.equal(within.reads(), 3)
    })))

  it("does not read again after another failure", () =>
    Effect.runPromise(Effect.gen(function* () {
      for (const reason of ["unavailable", "denied", "not-found", "io", "wrong-key"]) {
        const one = wrong(1, reason)
        assert.deepEqual(yield* run(one.read), ["Failure", []])
        assert.equal(one.reads(), 1)
      }
    })))
})
