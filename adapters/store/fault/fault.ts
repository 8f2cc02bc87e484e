/** Makes a store fail at a chosen operation; for tests. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { decorator, type StoreLayer } from "../../../stages/store/decorator.ts"
import { joinParts } from "../../../stages/store/parts.ts"

/** The operations of a store; `append` and `commit` are those of its writers. */
export type StoreOperation = "put" | "create" | "append" | "commit" | "get" | "stat" | "list" | "remove"

/** What goes wrong, and when. */
export interface FaultOptions {
  /**
   * The number of the operation to hit, counted from 1 among those that match. Nothing is hit if there are fewer, so
   * `Infinity` hits nothing.
   */
  readonly nth: number
  /** Also hit all later ones, as if the disk was lost for good. */
  readonly onwards?: boolean
  /** The operations that match. By default all that the effect applies to. */
  readonly operation?: StoreOperation | ReadonlyArray<StoreOperation>
  /**
   * - `fail`: it does nothing, and fails.
   * - `fail-after`: it does its work, and fails all the same (all but `list`).
   * - `delay`: it does its work late.
   * - `drop`: it does nothing, and claims success (`put`, `append`, `commit`, `remove`).
   * - `truncate`: half of the bytes pass, and it claims success (`put`, `append`, `get`).
   * - `flip`: the lowest bit of the byte in the middle is inverted (`put`, `append`, `get`).
   */
  readonly effect: "fail" | "fail-after" | "delay" | "drop" | "truncate" | "flip"
  /** The reason of the failure. `io` by default. */
  readonly reason?: StoreError["reason"]
  /** The delay. 10 ms by default. */
  readonly delay?: Duration.Input
}

/** The first operation that was hit. */
export interface FaultHit {
  readonly operation: StoreOperation
  /** The object, or what was listed. */
  readonly name: string
}

/** A store with a fault. */
export interface FaultStore extends ObjectStore {
  /** The number of matching operations so far. */
  readonly operations: () => number
  /** The first operation that was hit. If there is none after a run, no larger `nth` hits one either. */
  readonly hit: () => FaultHit | undefined
}

const WRITES_AND_READS: ReadonlyArray<StoreOperation> = ["put", "append", "get"]
const APPLIES: Readonly<Record<FaultOptions["effect"], ReadonlyArray<StoreOperation>>> = {
  "fail": ["put", "create", "append", "commit", "get", "stat", "list", "remove"],
  "fail-after": ["put", "create", "append", "commit", "get", "stat", "remove"],
  "delay": ["put", "create", "append", "commit", "get", "stat", "list", "remove"],
  "drop": ["put", "append", "commit", "remove"],
  "truncate": WRITES_AND_READS,
  "flip": WRITES_AND_READS,
}

const faulty = (store: ObjectStore, options: FaultOptions): FaultStore => {
  const { effect } = options
  const wanted = typeof options.operation === "string" ? [options.operation] : options.operation
  const matching = new Set(APPLIES[effect].filter((operation) => wanted === undefined || wanted.includes(operation)))
  let count = 0
  let hit: FaultHit | undefined

  const hits = (operation: StoreOperation, name: string): boolean => {
    if (!matching.has(operation)) return false
    count++
    const now = options.onwards ? count >= options.nth : count === options.nth
    if (now) hit ??= { operation, name }
    return now
  }
  const failure = (operation: StoreOperation, name: string): Effect.Effect<never, StoreError> =>
    Effect.fail(
      new StoreError({
        reason: options.reason ?? "io",
        object: name,
        message: `Cannot ${operation} "${name}" in ${store.properties.location}: a fault was requested`,
      }),
    )
  const damage = (bytes: Uint8Array): Uint8Array => {
    if (effect === "truncate") return bytes.slice(0, bytes.length >> 1)
    const flipped = Uint8Array.from(bytes)
    if (flipped.length > 0) flipped[flipped.length >> 1]! ^= 1
    return flipped
  }
  /** `dropped` is the result of a dropped operation. `work` handles the effects on bytes. */
  const operate = <A, R>(
    operation: StoreOperation,
    name: string,
    work: (damaged: boolean) => Effect.Effect<A, StoreError, R>,
    dropped?: Effect.Effect<A>,
  ): Effect.Effect<A, StoreError, R> =>
    Effect.suspend(() => {
      if (!hits(operation, name)) return work(false)
      switch (effect) {
        case "fail":
          return failure(operation, name)
        case "fail-after":
          return Effect.andThen(work(false), failure(operation, name))
        case "delay":
          return Effect.andThen(Effect.sleep(options.delay ?? 10), work(false))
        case "drop":
          return dropped ?? work(false)
        default:
          return work(true)
      }
    })

  return {
    properties: store.properties,
    operations: () => count,
    hit: () => hit,
    put: (name, parts, how) =>
      operate(
        "put",
        name,
        (damaged) => store.put(name, damaged ? [damage(joinParts(parts))] : parts, how),
        Effect.void,
      ),
    create: (name, options) =>
      operate("create", name, () =>
        Effect.map(store.create(name, options), (writer) => ({
          append: (bytes: Uint8Array) =>
            operate("append", name, (damaged) => writer.append(damaged ? damage(bytes) : bytes), Effect.void),
          commit: operate("commit", name, () => writer.commit, Effect.void),
        }))),
    get: (name, part) =>
      operate("get", name, (damaged) => damaged ? Effect.map(store.get(name, part), damage) : store.get(name, part)),
    stat: (name) => operate("stat", name, () => store.stat(name)),
    list: (directory) => Stream.unwrap(operate("list", directory, () => Effect.succeed(store.list(directory)))),
    remove: (name) => operate("remove", name, () => store.remove(name), Effect.void),
  }
}

/**
 * The same store with a fault at the `nth` matching operation. A test runs with `nth` 1, 2, 3 … until nothing is hit.
 * After each run it looks at what is left in the inner store.
 *
 * @example Find out what a program does when a write fails
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { fault, memoryStore } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const store = fault(yield* memoryStore.make(), { nth: 2, operation: "put", effect: "fail", reason: "full" })
 *   yield* store.put("DATA/a", [Uint8Array.of(1)])
 *   const error = yield* Effect.flip(store.put("DATA/b", [Uint8Array.of(2)]))
 *   assert.equal(error.reason, "full")
 *   assert(store.hit())
 * }))
 * ```
 */
export const fault: {
  (store: ObjectStore, options: FaultOptions): FaultStore
  readonly layer: (options: FaultOptions) => StoreLayer
} = Object.assign(faulty, { layer: decorator(faulty).layer })
