/**
 * Damage to every kind of object: what check says, what a restore gives, what a rebuild mends. The law: a restore gives
 * the right bytes or says that they are lost, check names the object, and nothing ever ends in a defect.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import type { FormatError } from "../../../formats/error.ts"
import type { Repository } from "../../../formats/repository.ts"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { unlock } from "../../../formats/rozen/unlock.ts"
import { makeLayout } from "../../../formats/rozen/layout.ts"
import { readSegment } from "../../../formats/rozen/log.ts"
import type { Opened } from "../../../formats/rozen/opened.ts"
import { listSnapshots } from "../../../formats/rozen/snapshot.ts"
import { makeRozenV0 } from "../../../formats/rozen/v0/mod.ts"
import { checkPack } from "../../../formats/rozen/pack_check.ts"
import { openPackStore } from "../../../stages/pack/pack_store.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { type Facts, factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { type Kind, kindOf, kinds, type Objects, objectsOf, options, secrets, small, storeOf } from "./harness.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
/** Three states of a tree: files that stay, change, come and go. */
const trees: ReadonlyArray<MemoryTree> = [0, 1, 2].map((n) => ({
  "stays": { ...metadata, content: noise(50_000, 100) },
  "dir/changes": { ...metadata, content: noise(20_000 + n, 200 + n) },
  [`dir/only ${n}`]: { ...metadata, content: noise(90_000, 300 + n) },
  "text": { ...metadata, content: "words ".repeat(1000 + n) },
  "link": { ...metadata, symlink: `to ${n}` },
}))
const walk = (tree: MemoryTree): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** A repository with the three snapshots, as objects; made once. */
const made = (seed: number): Promise<Objects> =>
  runFormat(Effect.gen(function* () {
    const store = yield* storeOf(new Map())
    const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
    for (const [i, tree] of trees.entries()) {
      yield* repository.backup(walk(tree), { ...options, hostname: `host ${seed}`, time: 1000 + i })
    }
    return yield* objectsOf(store)
  }))
let base: Promise<Objects> | undefined
const original = (): Promise<Objects> => base ??= made(1)

const opened = (store: ObjectStore) => Effect.provideService(small.open(secrets), ObjectStore, store)

/** Runs on a copy of the original. */
const onCopy = async <A, E>(
  use: (store: ObjectStore, objects: Objects) => Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Promise<A> => {
  const objects = await original()
  return await runFormat(Effect.flatMap(storeOf(objects), (store) => use(store, objects)))
}

/** The tree that a snapshot holds, or holds what is left of. */
const expected: Promise<ReadonlyArray<Map<string, Facts>>> = Effect.runPromise(
  Effect.forEach(trees, (tree) => factsOf(walk(tree))),
)

const TYPED = new Set(["RepositoryError", "StoreError"])
const typed = (error: FormatError): void => assert.ok(TYPED.has(error._tag), String(error))

/**
 * Restores all that can be: nothing but right facts. Gives the paths of damaged files by snapshot; undefined when it
 * has no catalog.
 */
const restoreAll = (
  repository: Repository,
): Effect.Effect<ReadonlyArray<ReadonlyArray<string> | undefined>, FormatError> =>
  Effect.gen(function* () {
    const whole = yield* Effect.promise(() => expected)
    const result: Array<ReadonlyArray<string> | undefined> = [undefined, undefined, undefined]
    for (const snapshot of yield* repository.snapshots) {
      const n = snapshot.time - 1000
      const right = whole[n]!
      const facts = yield* Effect.option(Effect.tapError(
        factsOf(repository.entries(snapshot)),
        (error) => Effect.sync(() => typed(error)),
      ))
      if (facts._tag === "None") continue
      assert.deepEqual([...facts.value.keys()], [...right.keys()])
      const damaged: Array<string> = []
      for (const [path, fact] of facts.value) {
        if (fact.damage === undefined) assert.deepEqual(fact, right.get(path), path)
        else damaged.push(path)
      }
      result[n] = damaged
    }
    return result
  })

const nothingLost = [[], [], []]

/** Checks everything, and that `object` is named when there is one. */
const findings = (repository: Repository, object?: string) =>
  Effect.map(repository.check({ readData: 100 }), ({ findings }) => {
    if (object !== undefined) {
      assert.ok(findings.some((finding) => finding.object === object), `check does not name ${object}`)
    }
    return findings
  })

const clean = (repository: Repository) => Effect.map(findings(repository), (found) => assert.deepEqual(found, []))

const put = (store: ObjectStore, name: string, bytes: Uint8Array | undefined): Effect.Effect<void, StoreError> =>
  bytes === undefined ? store.remove(name) : store.put(name, [bytes], { replace: true })

const namesOf = (objects: Objects, kind: Kind): ReadonlyArray<string> =>
  [...objects.keys()].filter((name) => kindOf(name) === kind)
/** Kinds that can be altered in an open repository; the others are what opens it. */
const inner = kinds.filter((kind) => kind !== "config" && kind !== "key")
/** Kinds that hold nothing that cannot be made again. */
const replaceable = kinds.filter((kind) => kind !== "key" && kind !== "roz")

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at] = copy[at]! ^ 1 << (at % 8)
  return copy
}

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
        const repository = yield* opened(store)
        const { id, master } = yield* unlock(store, secrets)
        const layout = makeLayout(id, master)
        const white: Opened = { id, master, layout, store, engine: yield* SqliteEngine, config: new Uint8Array(0) }
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
              (error) => Effect.sync(() => typed(error)),
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
        const [name] = namesOf(objects, kind)
        const bytes = objects.get(name!)!
        for (
          const altered of [
            ...Array.from(bytes, (_, at) => flipped(bytes, at)),
            ...cuts(bytes.length).map((length) => bytes.slice(0, length)),
          ]
        ) {
          yield* put(store, name!, altered)
          const error = yield* Effect.flip(opened(store))
          typed(error)
          assert.ok(error._tag === "RepositoryError" && error.reason !== "wrong-key", error.message)
        }
      }))
    })
  }
})

describe("an object is missing", () => {
  for (const kind of inner) {
    it(`.${kind}: each in turn`, () =>
      onCopy((store, objects) =>
        Effect.gen(function* () {
          const repository = yield* opened(store)
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
        const repository = yield* opened(store)
        yield* findings(repository, "ROZEN.json")
        assert.deepEqual(yield* restoreAll(repository), nothingLost)
        const { findings: none } = yield* repository.rebuild
        assert.deepEqual(none, [])
        yield* clean(yield* opened(store))
      })
    ))

  it("the config, as after a run that was killed while it made the repository: the next backup makes it", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        yield* store.remove("ROZEN.json")
        const repository = yield* opened(store)
        yield* repository.backup(walk(trees[2]!), { ...options, dryRun: true })
        assert.ok(!(yield* objectsOf(store)).has("ROZEN.json"))
        yield* repository.backup(walk(trees[2]!), options)
        assert.deepEqual((yield* objectsOf(store)).get("ROZEN.json"), objects.get("ROZEN.json"))
        yield* clean(repository)
      })
    ))

  it("the key: it says so, and does not blame the password", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        yield* store.remove(namesOf(objects, "key")[0]!)
        const error = yield* Effect.flip(opened(store))
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
          const repository = yield* opened(store)
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

  it("config and key of another repository with the same password", async () => {
    const others = await (foreign ??= made(2))
    await onCopy((store, objects) =>
      Effect.gen(function* () {
        const [key] = namesOf(objects, "key")
        const [otherName] = namesOf(others, "key")
        const otherKey = others.get(otherName!)!
        const config = objects.get("ROZEN.json")!
        for (
          const [name, bytes] of [["ROZEN.json", others.get("ROZEN.json")!], [key!, otherKey]] as const
        ) {
          yield* put(store, name, bytes)
          const error = yield* Effect.flip(opened(store))
          assert.deepEqual([error._tag, error.reason], ["RepositoryError", "corrupt"])
          yield* put(store, name, objects.get(name))
        }
        // Both at once, the key under its own name: a repository that has nothing.
        yield* put(store, "ROZEN.json", others.get("ROZEN.json"))
        yield* store.remove(key!)
        yield* put(store, otherName!, otherKey)
        const repository = yield* opened(store)
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
          const repository = yield* opened(store)
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
              // A pack that an index lists is not opened before it is needed.
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
          const [name, from, to] of [["ROZEN.json", '"Version":1', '"Version":2'], [
            namesOf(objects, "key")[0]!,
            '"version":1',
            '"version":2',
          ]] as const
        ) {
          const text = new TextDecoder().decode(objects.get(name))
          assert.ok(text.includes(from))
          yield* put(store, name, new TextEncoder().encode(text.replace(from, to)))
          const error = yield* Effect.flip(opened(store))
          assert.deepEqual([error._tag, error.reason], ["RepositoryError", "newer"])
          yield* put(store, name, objects.get(name))
        }
      })
    ))
})

describe("rebuild makes again what is lost", () => {
  const rebuilt = (store: ObjectStore) =>
    Effect.gen(function* () {
      const repository = yield* opened(store)
      const summary = yield* repository.rebuild
      assert.deepEqual(summary.findings, [])
      assert.deepEqual(yield* restoreAll(repository), nothingLost)
      yield* clean(repository)
      // And once more, with nothing to do.
      const again = yield* repository.rebuild
      assert.deepEqual([again.snapshots, again.findings, again.packsIndexed], [[], [], 0])
      return summary
    })

  for (const kind of replaceable) {
    it(`${kind}: one, or all of them, missing or damaged`, async () => {
      for (const how of ["missing", "footer", "middle"] as const) {
        const names = namesOf(await original(), kind)
        if (how !== "missing" && kind === "config") continue
        for (const chosen of names.length === 1 ? [names] : [...names.map((name) => [name]), names]) {
          await onCopy((store, objects) =>
            Effect.gen(function* () {
              for (const name of chosen) {
                const bytes = objects.get(name)!
                const at = how === "footer" ? bytes.length - 20 : bytes.length >> 1
                yield* put(store, name, how === "missing" ? undefined : flipped(bytes, at))
              }
              yield* rebuilt(store)
            })
          )
        }
      }
    })
  }

  it("all of INDEX and the config: every snapshot as it was", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const before = yield* (yield* opened(store)).snapshots
        for (const name of objects.keys()) if (/^(INDEX|ROZEN)/.test(name)) yield* store.remove(name)
        const summary = yield* rebuilt(store)
        assert.deepEqual(summary.snapshots, before)
        assert.deepEqual(yield* (yield* opened(store)).snapshots, before)
        assert.equal(summary.packsIndexed, namesOf(objects, "roz").length)
      })
    ))

  it("a segment of a long log: from the catalog, and when that is lost too, it says so", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* storeOf(new Map())
      const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
      const long = Array.from({ length: 22_000 }, (_, i): Entry => ({
        path: `${"long ".repeat(40)}${i}`,
        kind: "symlink",
        metadata,
        size: 0,
        target: "x",
      }))
      yield* repository.backup(Stream.fromIterable(long), options)
      const objects = yield* objectsOf(store)
      const logs = namesOf(objects, "roz-log")
      assert.ok(logs.length > 1)
      for (const name of logs) {
        yield* store.remove(name)
        yield* findings(repository, name)
        assert.deepEqual((yield* repository.rebuild).findings, [])
        yield* clean(repository)
      }
      for (const name of (yield* objectsOf(store)).keys()) if (/^INDEX/.test(name)) yield* store.remove(name)
      const [first] = namesOf(yield* objectsOf(store), "roz-log")
      yield* store.remove(first!)
      const { findings: found, snapshots } = yield* repository.rebuild
      assert.deepEqual(found.map(({ object }) => object), [first])
      const facts = yield* factsOf(repository.entries(snapshots[0]!))
      assert.ok(facts.size > 0 && facts.size < long.length)
    })))

  it("a backup over a damaged catalog of its parent makes one that can be read", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const repository = yield* opened(store)
        for (const name of namesOf(objects, "cat")) yield* put(store, name, flipped(objects.get(name)!, 500))
        assert.deepEqual(yield* restoreAll(repository), [undefined, undefined, undefined])
        const { filesUnchanged, snapshot } = yield* repository.backup(walk(trees[0]!), {
          ...options,
          hostname: "host 1",
        })
        assert.equal(filesUnchanged, 0)
        assert.deepEqual(yield* factsOf(repository.entries(snapshot!)), (yield* Effect.promise(() => expected))[0])
      })
    ))

  for (const [version, format] of [["1", small], ["0", makeRozenV0({ scrypt: { n: 1024, r: 8, p: 1 } })]] as const) {
    it(`version ${version}: a damaged row of the parent's catalog has its file read again`, () =>
      runFormat(Effect.gen(function* () {
        const store = yield* storeOf(new Map())
        yield* Effect.provideService(
          Effect.flatMap(format.create(secrets), (repository) => repository.backup(walk(trees[0]!), options)),
          ObjectStore,
          store,
        )
        // The engine gives other bytes than were stored: nothing else gets past the seals.
        const engine = yield* SqliteEngine
        const altering: SqliteEngine = {
          name: engine.name,
          open: (content) =>
            Effect.map(engine.open(content), (db) => {
              if (content !== undefined) {
                db.exec("UPDATE entry SET kind = 99 WHERE name = CAST('stays' AS BLOB)")
                db.exec("UPDATE entry SET owner = 12345 WHERE name = CAST('changes' AS BLOB)")
              }
              return db
            }),
        }
        const second = yield* Effect.flatMap(
          format.open(secrets),
          (repository) => repository.backup(walk(trees[0]!), options),
        ).pipe(
          Effect.provideService(ObjectStore, store),
          Effect.provideService(SqliteEngine, altering),
        )
        assert.equal(second.filesUnchanged, second.files - 2)
        const repository = yield* Effect.provideService(format.open(secrets), ObjectStore, store)
        assert.deepEqual(
          yield* factsOf(repository.entries(second.snapshot!)),
          (yield* Effect.promise(() => expected))[0],
        )
      })))
  }

  it("says which snapshots it could not make", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        // The log of the second snapshot is lost, and so are all catalogs: the first can be made again, the others
        // cannot.
        const repository = yield* opened(store)
        const [, second, third] = yield* repository.snapshots
        for (const name of namesOf(objects, "cat")) yield* store.remove(name)
        for (const name of namesOf(objects, "roz-log")) if (name.includes(second!.id)) yield* store.remove(name)
        const { findings: found } = yield* repository.rebuild
        for (const { id } of [second!, third!]) {
          assert.ok(found.some(({ message }) => message.includes(id.slice(0, 8))), `nothing is said of ${id}`)
        }
        assert.deepEqual(yield* restoreAll(repository), [[], undefined, undefined])
        const still = yield* findings(repository)
        assert.ok(still.length > 0, "check still says so")
      })
    ))

  it("says so when a snapshot has neither a readable .idx nor a log", () =>
    onCopy((store, objects) =>
      Effect.gen(function* () {
        const repository = yield* opened(store)
        const [, , third] = yield* repository.snapshots
        const [, , idx] = namesOf(objects, "idx")
        yield* put(store, idx!, flipped(objects.get(idx!)!, 100))
        for (const name of namesOf(objects, "roz-log")) if (name.includes(third!.id)) yield* store.remove(name)
        const { findings: found } = yield* repository.rebuild
        assert.ok(found.some(({ object }) => object === idx), "it is named")
        assert.deepEqual(yield* restoreAll(repository), [[], [], undefined])
        yield* findings(repository, idx!)
      })
    ))
})

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
            const repository = yield* opened(store)
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
            const repository = yield* opened(store)
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
        const repository = yield* opened(store)
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
