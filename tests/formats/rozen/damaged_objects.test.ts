/** Objects are missing, in the place of others, or of another version. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { type Objects, objectsOf } from "../../suites/format/objects.ts"
import { options } from "./harness.ts"
import {
  clean,
  findings,
  inner,
  made,
  namesOf,
  nothingLost,
  onCopy,
  openIn,
  put,
  restoreAll,
  trees,
  walk,
} from "./damaged.ts"

describe("an object is missing", () => {
  for (const kind of inner) {
    it(`.${kind}: each in turn`, () =>
      onCopy((store, objects) =>
        Effect.gen(function* () {
          const repository = yield* openIn(store)
          for (const name of namesOf(objects, kind)) {
            yield* put(store, name, undefined)
            const found = yield* findings(repository)
            const restored = yield* restoreAll(repository)
            if (kind === "roz" || kind === "cat" || kind === "roz-log") assert.ok(found.length > 0, name)
            else if (kind === "idx") {
              // Its log is whole, and says so: one finding, which points at the rebuild.
              assert.equal(found.length, 1, name)
              assert.match(found[0]!.message, /is not in INDEX.*"penstock rebuild"/)
            } else assert.deepEqual(found, [], name)
            if (kind === "roz-log" || kind === "map" || kind === "catmap") assert.deepEqual(restored, nothingLost)
            if (kind === "roz") {
              assert.ok(found.some(({ object }) => object === name), name)
              assert.ok(restored.every((damaged) => damaged !== undefined))
              assert.ok(restored.some((damaged) => damaged!.length > 0))
            }
            if (kind === "idx") assert.equal(restored.filter((damaged) => damaged?.length === 0).length, 2)
            yield* put(store, name, objects.get(name))
          }
          yield* clean(repository)
        })
      ))
  }

  it("the config: it opens, check and rebuild know", () =>
    onCopy((store) =>
      Effect.gen(function* () {
        yield* store.remove("ROZEN.json")
        const repository = yield* openIn(store)
        yield* findings(repository, "ROZEN.json")
        assert.deepEqual(yield* restoreAll(repository), nothingLost)
        const { findings: none } = yield* repository.rebuild
        assert.deepEqual(none, [])
        yield* clean(yield* openIn(store))
      })
    ))

  it("the config, as after a run that was killed while it made the repository: the next backup makes it", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        yield* store.remove("ROZEN.json")
        const repository = yield* openIn(store)
        yield* repository.backup(walk(trees[2]!), { ...options, dryRun: true })
        assert.ok(!(yield* objectsOf(store)).has("ROZEN.json"))
        yield* repository.backup(walk(trees[2]!), options)
        assert.deepEqual((yield* objectsOf(store)).get("ROZEN.json"), objects.get("ROZEN.json"))
        yield* clean(repository)
      })
    ))

  it("all keys: it says so, and does not blame the password", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        yield* Effect.forEach(namesOf(objects, "key"), store.remove, { discard: true })
        const error = yield* Effect.flip(openIn(store))
        assert.deepEqual([error._tag, error.reason], ["RepositoryError", "corrupt"])
      })
    ))
})

describe("an object is in the place of another", () => {
  let foreign: Promise<Objects> | undefined
  for (const kind of inner) {
    it(`.${kind}: of another repository, or of this`, async () => {
      const others = await (foreign ??= made(2))
      await onCopy((store, objects) =>
        Effect.gen(function* () {
          const repository = yield* openIn(store)
          const [first, second] = namesOf(objects, kind)
          for (const other of [others.get(namesOf(others, kind)[0]!)!, objects.get(second!)!]) {
            yield* put(store, first!, other)
            yield* findings(repository, first!)
            yield* restoreAll(repository)
          }
          // Now swap the two.
          yield* put(store, second!, objects.get(first!))
          yield* findings(repository, first!)
          yield* findings(repository, second!)
          yield* restoreAll(repository)
        })
      )
    })
  }

  it("config and keys of another repository with the same password", async () => {
    const others = await (foreign ??= made(2))
    await onCopy((store, objects) =>
      Effect.gen(function* () {
        const refused = Effect.gen(function* () {
          const error = yield* Effect.flip(openIn(store))
          assert.deepEqual([error._tag, error.reason], ["RepositoryError", "corrupt"])
        })
        const config = objects.get("ROZEN.json")!
        yield* put(store, "ROZEN.json", others.get("ROZEN.json"))
        yield* refused
        yield* put(store, "ROZEN.json", config)
        yield* Effect.forEach(namesOf(objects, "key"), store.remove, { discard: true })
        for (const name of namesOf(others, "key")) yield* put(store, name, others.get(name))
        yield* refused
        // Both at once: a repository that has nothing.
        yield* put(store, "ROZEN.json", others.get("ROZEN.json"))
        const repository = yield* openIn(store)
        assert.deepEqual(yield* repository.snapshots, [])
        assert.ok((yield* findings(repository)).length > 10)
        yield* put(store, "ROZEN.json", config)
      })
    )
  })
})

describe("an object is of a later version, or of another kind", () => {
  for (const kind of inner) {
    it(`.${kind}`, () =>
      onCopy((store, objects) =>
        Effect.gen(function* () {
          const repository = yield* openIn(store)
          const [name] = namesOf(objects, kind)
          const cases = [[8, 2, /block version 2\b/], [8, 255, /block version 255\b/], [
            0,
            0x52 ^ 0x20,
            /begin/,
          ]] as const
          for (const [at, value, message] of cases) {
            const bytes = objects.get(name!)!.slice()
            bytes[at] = value
            yield* put(store, name!, bytes)
            const found = yield* findings(repository, name!)
            assert.match(found.find(({ object }) => object === name)!.message, message)
            const restored = yield* restoreAll(repository)
            // Who reads a pack need not read its header; one that no index lists any more, and of a later version, is
            // left alone.
            if (kind === "roz" && value === 255) assert.notDeepEqual(restored, nothingLost)
            else if (kind !== "idx") assert.deepEqual(restored, nothingLost)
            if (kind === "idx") assert.deepEqual(restored.filter((damaged) => damaged !== undefined), [[], []])
            if (at === 8 && kind !== "roz-log") {
              const before = yield* objectsOf(store)
              // A pack that an index lists is not openIn before it is needed.
              if (kind === "roz") {
                for (const map of namesOf(objects, "map")) {
                  yield* store.remove(map)
                  before.delete(map)
                }
              }
              const error = yield* Effect.flip(repository.rebuild)
              assert.deepEqual([error._tag, error.reason], ["RepositoryError", "newer"])
              assert.deepEqual(yield* objectsOf(store), before, "nothing was done")
            }
          }
        })
      ))
  }

  it("config and key", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        for (
          const [name, from, to] of [
            ["ROZEN.json", '"Version":1', '"Version":2'],
            ...namesOf(objects, "key").map((name) => [name, '"version":1', '"version":2'] as const),
          ] as const
        ) {
          const text = new TextDecoder().decode(objects.get(name))
          assert.ok(text.includes(from))
          yield* put(store, name, new TextEncoder().encode(text.replace(from, to)))
          if (name.includes(".epoch.")) {
            // An owner knows what it said.
            const found = yield* findings(yield* openIn(store))
            assert.match(found.map(({ message }) => message).join(), /^KEYS\/ lacks the record of epoch 1 .* altered/)
          } else {
            const error = yield* Effect.flip(openIn(store))
            assert.deepEqual([error._tag, error.reason], ["RepositoryError", "newer"], name)
          }
          yield* put(store, name, objects.get(name))
        }
      })
    ))
})
