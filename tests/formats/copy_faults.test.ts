/** Copies that are killed, and stores that fail or lie: nothing needs repair, nothing wrong goes over, and the next copy completes. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual } from "node:util"
import { Effect, type Scope, Stream } from "effect"
import { counting } from "../../adapters/store/counting.ts"
import { fault, type FaultOptions } from "../../adapters/store/fault.ts"
import { localStore } from "../../adapters/store/local/local.ts"
import { copy } from "../../formats/copy.ts"
import type { Repository } from "../../formats/format.ts"
import type { SqliteEngine } from "../../stages/catalog/sqlite.ts"
import { ObjectStore } from "../../stages/pack/store.ts"
import { memorySource, type MemoryTree } from "../../stages/walk/memory.ts"
import { memoryDirectory } from "../adapters/store/local/directory.ts"
import { type Facts, factsOf, noise, runFormat } from "../suites/format.ts"
import { type Objects, objectsOf, secrets, small, storeOf } from "./rozen/harness.ts"

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const tree = (files: number, length: number, changed = 0): MemoryTree =>
  Object.fromEntries(
    Array.from({ length: files }, (_, i) => [`d${i % 3}/${i}`, {
      ...metadata,
      content: noise(length + i, i < changed ? 1000 + i : i + 1),
    }]),
  )
const walk = (tree: MemoryTree) => memorySource(tree).entries("", {})
const open = (store: ObjectStore) => Effect.provideService(small.open(secrets), ObjectStore, store)
const create = (store: ObjectStore, like?: Repository) =>
  Effect.provideService(small.create(secrets, like), ObjectStore, store)
const contents = (repository: Repository) =>
  Effect.flatMap(
    repository.snapshots,
    (snapshots) => Effect.forEach(snapshots, (snapshot) => factsOf(repository.entries(snapshot))),
  )
const clean = (repository: Repository) =>
  Effect.map(repository.check({ readData: 100 }), ({ findings }) => assert.deepEqual(findings, []))
type Running<A> = Effect.Effect<A, unknown, SqliteEngine | Scope.Scope>

/** The copy completes, and all is as in the source. Gives what was stored. */
const completes = (source: ObjectStore, target: ObjectStore): Running<number> =>
  Effect.gen(function* () {
    const counted = counting(target)
    const [from, to] = [yield* open(source), yield* open(counted)]
    for (const one of yield* Stream.runCollect(copy(from, to))) {
      assert.notEqual(one.outcome, "lost")
      if (one.outcome === "converted") assert.deepEqual(one.summary.problems, [])
    }
    const right = yield* contents(from)
    const snapshots = yield* to.snapshots
    // Of a snapshot that was copied in part, or twice, the fullest counts.
    for (const [i, snapshot] of (yield* from.snapshots).entries()) {
      const copies = snapshots.filter(({ original }) => original === snapshot.id)
      const facts = yield* Effect.forEach(copies, (one) => factsOf(to.entries(one)))
      assert.ok(facts.some((facts) => isDeepStrictEqual(facts, right[i])), "a snapshot is not whole")
      assert.ok(facts.every((facts) => isPartOf(facts, right[i]!)), "a snapshot has what was not there")
    }
    yield* clean(yield* open(target))
    return counted.counts().bytesWritten
  })

const isPartOf = (facts: ReadonlyMap<string, Facts>, whole: ReadonlyMap<string, Facts>): boolean =>
  [...facts].every(([path, fact]) => isDeepStrictEqual(fact, whole.get(path)))

for (const [name, shared] of [["with another key", false], ["with the same key", true]] as const) {
  it(`copy, ${name}: a run that is killed`, { timeout: 180_000 }, () =>
    runFormat(Effect.gen(function* () {
      const directory = yield* memoryDirectory
      const at = (name: string) => join(directory, name)
      const source = yield* localStore.make(at("from"), { create: true })
      const from = yield* create(source)
      yield* from.backup(walk(tree(30, 30_000)), { paths: ["/d"], time: 1000 })
      yield* from.backup(walk(tree(30, 30_000, 15)), { paths: ["/d"], time: 2000 })
      yield* create(yield* localStore.make(at("empty"), { create: true }), shared ? from : undefined)
      const fresh = (name: string) => {
        cpSync(at("empty"), at(name), { recursive: true })
        return localStore.make(at(name))
      }
      const counted = fault(yield* fresh("counted"), { effect: "fail", nth: Infinity })
      const all = yield* completes(source, yield* fresh("whole"))
      yield* Stream.runDrain(copy(yield* open(source), yield* open(counted)))
      const operations = counted.operations()
      for (const [i, moment] of [0.3, 0.5, 0.7, 0.95].entries()) {
        const name = `killed ${i}`
        const left = yield* fresh(name)
        const operation = Math.round(moment * operations)
        const child = spawn(
          process.execPath,
          [
            ...("Deno" in globalThis ? ["run", "-A", "--no-check"] : []),
            ...[fileURLToPath(import.meta.resolve("./copy_child.ts")), at("from"), at(name)],
            ...[String(operation), String(i % 2 === 0)],
          ],
          { stdio: ["ignore", "ignore", "pipe"] },
        )
        let errors = ""
        child.stderr.on("data", (part) => errors += part)
        const [code, signal] = yield* Effect.promise(() => once(child, "close"))
        assert.equal(signal ?? code, "SIGKILL", errors)
        yield* clean(yield* open(left))
        const packed = (yield* Stream.runCollect(left.list("DATA/"))).filter(({ name }) => name.endsWith(".roz"))
        const there = packed.reduce((n, { size }) => n + size, 0)
        if (moment >= 0.5) assert.ok(there > 0, "no pack was finished")
        const stored = yield* completes(source, left)
        // What was finished is not stored again: 64 KiB of packs under way, and indexes and catalogs, are.
        assert.ok(stored < all - there + 150_000, `${stored} of ${all} stored, and ${there} were there`)
      }
    })))
}

describe("copy: a store that fails or lies once", () => {
  const made = runFormat(Effect.gen(function* () {
    const source = yield* storeOf(new Map())
    const from = yield* create(source)
    yield* from.backup(walk(tree(4, 3000)), { paths: ["/d"], time: 1000 })
    const target = yield* storeOf(new Map())
    yield* Stream.runDrain(copy(from, yield* create(target)))
    yield* from.backup(walk({ ...tree(4, 3000, 1), large: { ...metadata, content: noise(40_000, 77) } }), {
      paths: ["/d"],
      time: 2000,
    })
    return { source: yield* objectsOf(source), target: yield* objectsOf(target) }
  }))

  /** One fault after the other, until there are no more. */
  const each = (side: "source" | "target", options: Omit<FaultOptions, "nth">) =>
    runFormat(Effect.gen(function* () {
      const objects: { readonly source: Objects; readonly target: Objects } = yield* Effect.promise(() => made)
      for (let nth = 1;; nth++) {
        const stores = { source: yield* storeOf(objects.source), target: yield* storeOf(objects.target) }
        const faulty = fault(stores[side], { ...options, nth })
        const used = { ...stores, [side]: faulty }
        yield* Effect.scoped(
          Effect.gen(function* () {
            const all = yield* Stream.runCollect(copy(yield* open(used.source), yield* open(used.target)))
            for (const one of all) {
              if (one.outcome !== "converted") continue
              const [from, to] = [yield* open(stores.source), yield* open(stores.target)]
              const [facts, right] = [yield* factsOf(to.entries(one.target)), yield* factsOf(from.entries(one.source))]
              const lost = one.summary.problems.map(({ path }) => path)
              assert.deepEqual(facts, new Map([...right].filter(([path]) => !lost.includes(path))), `operation ${nth}`)
            }
          }),
        ).pipe(
          Effect.catch((error) =>
            Effect.sync(() =>
              assert.match(String((error as { readonly _tag?: string })._tag), /^(Store|Repository)Error$/)
            )
          ),
        )
        if (!faulty.hit()) {
          assert.ok(nth > 5, `only ${nth - 1} operations`)
          return
        }
        yield* Effect.scoped(completes(stores.source, stores.target)).pipe(
          Effect.catchDefect((defect) => Effect.die(told(defect, nth))),
        )
      }
    }))
  const told = (error: unknown, nth: number): unknown => {
    if (error instanceof Error) error.message = `operation ${nth}: ${error.message}`
    return error
  }

  for (const effect of ["fail", "fail-after"] as const) {
    it(`the target: ${effect}`, () => each("target", { effect }))
  }
  for (const effect of ["fail", "truncate", "flip"] as const) {
    it(`the source: ${effect}`, () => each("source", { effect, operation: ["get", "list", "stat"] }))
  }
  it("the target gives wrong bytes", () => each("target", { effect: "flip", operation: "get" }))
})
