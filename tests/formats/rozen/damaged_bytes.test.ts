/** A bit is flipped in an object, or its end is cut off: check names it, and a restore gives right bytes or none. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { openSecrets } from "../../../formats/rozen/open_secrets.ts"
import { makeLayout } from "../../../formats/rozen/layout.ts"
import { readSegment } from "../../../formats/rozen/log.ts"
import type { Opened } from "../../../formats/rozen/opened.ts"
import { listSnapshots } from "../../../formats/rozen/snapshot.ts"
import { checkPack } from "../../../formats/rozen/pack_check.ts"
import { openPackStore } from "../../../stages/pack/pack_store.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { type Kind, options, secrets, small } from "./harness.ts"
import { objectsOf, storeOf } from "../../suites/format/objects.ts"
import { assertTyped, clean, findings, flipped, inner, metadata, namesOf, openIn, put, walk } from "./damaged.ts"

describe("a bit is flipped, or the end is cut off", () => {
  /** Every byte of small objects; of large ones the first and last 100 and each 97th. */
  const positions = (size: number): ReadonlyArray<number> =>
    Array.from({ length: size }, (_, i) => i).filter((i) => size <= 400 || i < 100 || i >= size - 100 || i % 97 === 0)
  const cuts = (size: number): ReadonlyArray<number> =>
    [...new Set([0, 1, 8, 9, 12, 40, 63, 64, size >> 1, size - 13, size - 12, size - 1])].filter((n) =>
      n >= 0 && n < size
    )
  const tiny: MemoryTree = {
    "a": { ...metadata, content: noise(3000, 1) },
    "b": { ...metadata, content: "b".repeat(99) },
  }
  const tinyObjects = runFormat(Effect.gen(function* () {
    const store = yield* storeOf(new Map())
    const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
    yield* repository.backup(walk(tiny), options)
    return yield* objectsOf(store)
  }))

  /** Whether reading an object finds it damaged: what check does for each, without the rest of it. */
  const noticed = Effect.fnUntraced(function* (white: Opened, kind: Kind, name: string) {
    const { layout, store } = white
    if (kind === "idx") return (yield* listSnapshots(store, layout)).damaged[0]?.object === name
    if (kind === "roz-log") {
      const error = yield* Effect.flip(readSegment(store, layout, name))
      return error._tag === "RepositoryError" && error.object === name
    }
    const which = kind === "cat" || kind === "catmap" ? "catalogs" as const : "data" as const
    const { damaged, packs } = yield* Effect.provideService(openPackStore(layout[which]), ObjectStore, store)
    if (damaged.some(({ object }) => object === name)) return true
    const pack = packs.find(({ object }) => object === name)
    return pack !== undefined && (yield* checkPack(white, which, pack)).problem !== undefined
  })

  for (const kind of inner) {
    it(`.${kind}: check names it, a restore gives right bytes or none`, async () => {
      const objects = await tinyObjects
      const right = await Effect.runPromise(factsOf(walk(tiny)))
      await runFormat(Effect.gen(function* () {
        const store = yield* storeOf(objects)
        const repository = yield* openIn(store)
        const opening = yield* openSecrets(store, secrets, undefined)
        const { id } = opening.keyring
        const layout = makeLayout(opening.keyring)
        const config = { fits: () => true, bytes: undefined }
        const white: Opened = { id, opening, layout, store, engine: yield* SqliteEngine, config }
        const [name] = namesOf(objects, kind)
        const bytes = objects.get(name!)!
        const variants = [
          ...positions(bytes.length).map((at) => [`bit of byte ${at}`, flipped(bytes, at)] as const),
          ...cuts(bytes.length).map((length) => [`cut to ${length}`, bytes.slice(0, length)] as const),
        ]
        for (const [i, [what, altered]] of variants.entries()) {
          yield* put(store, name!, altered)
          assert.ok(yield* noticed(white, kind, name!), what)
          if (i % 16 !== 0) continue
          yield* findings(repository, name!)
          for (const snapshot of yield* repository.snapshots) {
            const facts = yield* Effect.option(Effect.tapError(
              factsOf(repository.entries(snapshot)),
              (error) => Effect.sync(() => assertTyped(error)),
            ))
            if (facts._tag === "None") continue
            for (const [path, fact] of facts.value) {
              if (fact.damage === undefined) assert.deepEqual(fact, right.get(path), `${what}: ${path}`)
            }
          }
        }
        yield* put(store, name!, bytes)
        yield* clean(repository)
      }))
    })
  }

  for (const kind of ["config", "key"] as const) {
    it(`${kind}: it does not open, and says why`, async () => {
      const objects = await tinyObjects
      await runFormat(Effect.gen(function* () {
        const store = yield* storeOf(objects)
        // An owner opens the repository without the record of its epoch.
        for (const name of namesOf(objects, kind).filter((name) => !name.endsWith(".epoch.json"))) {
          const bytes = objects.get(name)!
          // A grant is long, and one letter of hex is as good as another.
          const step = bytes.length > 1000 ? 41 : 1
          for (
            const altered of [
              ...Array.from(bytes, (_, at) => at).filter((at) => at % step === 0).map((at) => flipped(bytes, at)),
              ...cuts(bytes.length).map((length) => bytes.slice(0, length)),
            ]
          ) {
            yield* put(store, name, altered)
            const error = yield* Effect.flip(openIn(store))
            assertTyped(error)
            assert.ok(error._tag === "RepositoryError" && error.reason !== "wrong-key", error.message)
          }
          yield* put(store, name, bytes)
        }
      }))
    })
  }
})
