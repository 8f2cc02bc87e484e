/** Which names a store takes. */
import assert from "node:assert/strict"

import { Effect, type Scope, Stream } from "effect"
import type { StoreError } from "../../../stages/store/store.ts"
import { bytesOf, fails, names, same, type StoreTest } from "./trial.ts"

/** Which names a store takes. */
export const testNames = (test: StoreTest): void => {
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
}
