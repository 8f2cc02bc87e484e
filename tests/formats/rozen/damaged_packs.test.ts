/** Data packs are lost or damaged. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import { factsOf } from "../../suites/format/facts.ts"
import { options } from "./harness.ts"
import {
  clean,
  expected,
  findings,
  flipped,
  namesOf,
  nothingLost,
  onCopy,
  openIn,
  original,
  put,
  restoreAll,
  trees,
  walk,
} from "./damaged.ts"

describe("a data pack is lost", () => {
  const sorted = (files: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> =>
    [...new Set(files.map((file) => file.join(" ")))].sort()

  for (const how of ["missing", "cut", "footer"] as const) {
    it(`${how}: the files are named, the rest restores, and the next backup stores it again`, async () => {
      const objects = await original()
      const packs = namesOf(objects, "roz")
      for (const pack of how === "missing" ? packs : packs.slice(0, 3)) {
        await onCopy((store) =>
          Effect.gen(function* () {
            const repository = yield* openIn(store)
            const bytes = objects.get(pack)!
            yield* put(
              store,
              pack,
              how === "missing"
                ? undefined
                : how === "cut"
                ? bytes.slice(0, bytes.length / 2)
                : flipped(bytes, bytes.length - 30),
            )
            const snapshots = yield* repository.snapshots
            const files = (yield* restoreAll(repository))
              .flatMap((damaged, n) => damaged!.map((path) => [snapshots[n]!.id, path] as const))
            assert.ok(files.length > 0)
            assert.ok(files.length < 12, "only the files of that pack")
            const named = (found: Effect.Success<ReturnType<typeof findings>>) =>
              sorted(found.flatMap((finding) => finding.files.map(({ path, snapshot }) => [snapshot, path] as const)))
            const structure = yield* repository.check({ readData: 0 })
            assert.deepEqual(named(structure.findings), sorted(files), "check without reading data")
            assert.deepEqual(named(yield* findings(repository)), sorted(files), "check")
            const rebuilt = yield* repository.rebuild
            assert.deepEqual(named(rebuilt.findings), sorted(files), "rebuild")
            assert.ok(rebuilt.findings.some(({ object }) => object === pack), "rebuild names the pack")
            assert.deepEqual(named(yield* findings(repository)), sorted(files), "check after rebuild")

            const last = trees[2]!
            const { snapshot } = yield* repository.backup(walk(last), { ...options, hostname: "host 1" })
            assert.deepEqual(yield* factsOf(repository.entries(snapshot!)), (yield* Effect.promise(() => expected))[2])
            const after = named(yield* findings(repository))
            assert.ok(after.every((file) => !file.startsWith(snapshot!.id)), "the new snapshot is whole")
          })
        )
      }
    })
  }

  it("a damaged header: nothing is lost, check names the pack, a rebuild mends it", async () => {
    const objects = await original()
    for (const pack of [namesOf(objects, "roz")[0]!, namesOf(objects, "cat")[0]!]) {
      for (const listed of [true, false]) {
        await onCopy((store) =>
          Effect.gen(function* () {
            const repository = yield* openIn(store)
            yield* put(store, pack, flipped(objects.get(pack)!, 20))
            if (!listed) {
              for (const kind of ["map", "catmap"] as const) {
                for (const name of namesOf(objects, kind)) yield* store.remove(name)
              }
            }
            assert.deepEqual(yield* restoreAll(repository), nothingLost)
            for (const readData of [0, 100]) {
              const { findings } = yield* repository.check({ readData })
              assert.deepEqual(findings.map(({ files, object }) => [object, files]), [[pack, []]])
              assert.match(findings[0]!.message, /nothing is lost/)
            }
            yield* repository.rebuild
            yield* clean(repository)
            assert.deepEqual(yield* restoreAll(repository), nothingLost)
          })
        )
      }
    }
  })

  it("a damaged block: check with data names the files, a restore gives the others", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const repository = yield* openIn(store)
        const snapshots = yield* repository.snapshots
        for (const pack of namesOf(objects, "roz")) {
          const bytes = objects.get(pack)!
          yield* put(store, pack, flipped(bytes, 500))
          const files = (yield* restoreAll(repository))
            .flatMap((damaged, n) => damaged!.map((path) => [snapshots[n]!.id, path] as const))
          assert.ok(files.length > 0)
          const found = yield* findings(repository, pack)
          assert.deepEqual(
            sorted(found.flatMap((one) => one.files.map(({ path, snapshot }) => [snapshot, path] as const))),
            sorted(files),
          )
          yield* put(store, pack, bytes)
        }
        yield* clean(repository)
      })
    ))
})
