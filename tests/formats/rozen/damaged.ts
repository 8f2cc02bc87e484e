/**
 * A repository whose objects are damaged on purpose. The law: a restore gives the right bytes or says that they are
 * lost, check names the object, and nothing ends in a defect.
 */
import assert from "node:assert/strict"
import { Effect, type Scope, Stream } from "effect"
import type { FormatError } from "../../../formats/error.ts"
import type { Finding, Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { ObjectStore, type StoreError } from "../../../stages/store/store.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { type Facts, factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { type Kind, kindOf, kinds, options, secrets, small } from "./harness.ts"
import { type Objects, objectsOf, storeOf } from "../../suites/format/objects.ts"

/** The metadata of all files. */
export const metadata: { readonly mode: number; readonly mtime: bigint } = {
  mode: 0o600,
  mtime: 1_600_000_000_000_000_000n,
}

/** Three states of a tree, with files that stay, change, come and go. */
export const trees: ReadonlyArray<MemoryTree> = [0, 1, 2].map((n) => ({
  "stays": { ...metadata, content: noise(50_000, 100) },
  "dir/changes": { ...metadata, content: noise(20_000 + n, 200 + n) },
  [`dir/only ${n}`]: { ...metadata, content: noise(90_000, 300 + n) },
  "text": { ...metadata, content: "words ".repeat(1000 + n) },
  "link": { ...metadata, symlink: `to ${n}` },
}))

/** The entries of a tree. */
export const walk = (tree: MemoryTree): Stream.Stream<Entry> =>
  memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** Makes the objects of a repository with three snapshots, one of each tree. */
export const made = (seed: number): Promise<Objects> =>
  runFormat(Effect.gen(function* () {
    const store = yield* storeOf(new Map())
    const repository = yield* Effect.provideService(small.create(secrets), ObjectStore, store)
    for (const [i, tree] of trees.entries()) {
      yield* repository.backup(walk(tree), { ...options, hostname: `host ${seed}`, time: 1000 + i })
    }
    return yield* objectsOf(store)
  }))
let base: Promise<Objects> | undefined
/** The objects of the repository that most tests damage; made once. */
export const original = (): Promise<Objects> => base ??= made(1)

/** Opens the repository in a store. */
export const openIn = (store: ObjectStore): Effect.Effect<Repository, FormatError, SqliteEngine | Scope.Scope> =>
  Effect.provideService(small.open(secrets), ObjectStore, store)

/** Runs on a copy of the original. */
export const onCopy = async <A, E>(
  use: (store: ObjectStore, objects: Objects) => Effect.Effect<A, E, SqliteEngine | Scope.Scope>,
): Promise<A> => {
  const objects = await original()
  return await runFormat(Effect.flatMap(storeOf(objects), (store) => use(store, objects)))
}

/** What the three snapshots hold. */
export const expected: Promise<ReadonlyArray<Map<string, Facts>>> = Effect.runPromise(
  Effect.forEach(trees, (tree) => factsOf(walk(tree))),
)

const TYPED: ReadonlySet<string> = new Set(["RepositoryError", "StoreError"])
/** Fails the test when an error is none of a format's. */
export const assertTyped = (error: FormatError): void => assert.ok(TYPED.has(error._tag), String(error))

/**
 * Restores all that can be restored, and makes sure that it is right. Gives the paths of damaged files by snapshot;
 * undefined for a snapshot without a catalog.
 */
export const restoreAll = (
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
        (error) => Effect.sync(() => assertTyped(error)),
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

/** What {@link restoreAll} gives of a repository that is whole. */
export const nothingLost: ReadonlyArray<ReadonlyArray<string>> = [[], [], []]

/** Checks everything, and makes sure that `object` is named when one is given. */
export const findings = (
  repository: Repository,
  object?: string,
): Effect.Effect<ReadonlyArray<Finding>, FormatError> =>
  Effect.map(repository.check({ readData: 100 }), ({ findings }) => {
    if (object !== undefined) {
      assert.ok(findings.some((finding) => finding.object === object), `check does not name ${object}`)
    }
    return findings
  })

/** Makes sure that a check finds nothing. */
export const clean = (repository: Repository): Effect.Effect<void, FormatError> =>
  Effect.map(findings(repository), (found) => assert.deepEqual(found, []))

/** Replaces an object, or removes it. */
export const put = (
  store: ObjectStore,
  name: string,
  bytes: Uint8Array | undefined,
): Effect.Effect<void, StoreError> =>
  bytes === undefined ? store.remove(name) : store.put(name, [bytes], { replace: true })

/** The names of the objects of a kind. */
export const namesOf = (objects: Objects, kind: Kind): ReadonlyArray<string> =>
  [...objects.keys()].filter((name) => kindOf(name) === kind)

/** Kinds that can be altered while the repository is open. The others are what opens it. */
export const inner: ReadonlyArray<Kind> = kinds.filter((kind) => kind !== "config" && kind !== "key")

/** A copy of some bytes, with one bit of one byte changed. */
export const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at] = copy[at]! ^ 1 << (at % 8)
  return copy
}
