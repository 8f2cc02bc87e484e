/** Makes a store fail at a chosen operation: for tests. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type ObjectStore, StoreError } from "../../../stages/store/store.ts"
import { decorator, type StoreLayer } from "../../../stages/store/decorator.ts"
import { joinParts } from "../../../stages/store/parts.ts"

/** What is counted: `append` and `commit` are those of writers. */
export type StoreOperation = "put" | "create" | "append" | "commit" | "get" | "stat" | "list" | "remove"

/** What goes wrong, and when. */
export interface FaultOptions {
  /**
   * The operation to hit, counted from 1 over those that match. None is hit when it is larger than the count, or
   * `Infinity`.
   */
  readonly nth: number
  /** Also hit every one after it, as when the disk is gone for good. */
  readonly onwards?: boolean
  /** Match these only; all that the effect applies to, by default. */
  readonly operation?: StoreOperation | ReadonlyArray<StoreOperation>
  /**
   * `fail`: nothing is done and it fails. `fail-after`: it is done, and fails all the same (any but `list`).
   * `delay`: it is done late. `drop`: it claims success and does nothing (`put`, `append`, `commit`, `remove`).
   * `truncate`: half of the bytes pass, and it claims success (`put`, `append`, `get`).
   * `flip`: the lowest bit of the byte in the middle passes inverted (`put`, `append`, `get`).
   */
  readonly effect: "fail" | "fail-after" | "delay" | "drop" | "truncate" | "flip"
  /** What it fails with. `io` by default. */
  readonly reason?: StoreError["reason"]
  /** How late. 10 ms by default. */
  readonly delay?: Duration.Input
}

/** A store with a fault. */
export interface FaultStore extends ObjectStore {
  /** Matching operations so far. */
  readonly operations: () => number
  /** Whether an operation was hit: when false after a run, no larger `nth` hits one either. */
  readonly hit: () => boolean
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
  let hit = false

  const hits = (operation: StoreOperation): boolean => {
    if (!matching.has(operation)) return false
    count++
    const now = options.onwards ? count >= options.nth : count === options.nth
    hit ||= now
    return now
  }
  const failure = (operation: StoreOperation, name: string): Effect.Effect<never, StoreError> =>
    Effect.fail(
      new StoreError({
        reason: options.reason ?? "io",
        object: name,
        message: `Cannot ${operation} "${name}" in ${store.properties.location}: a fault was asked for`,
      }),
    )
  const damage = (bytes: Uint8Array): Uint8Array => {
    if (effect === "truncate") return bytes.slice(0, bytes.length >> 1)
    const flipped = Uint8Array.from(bytes)
    if (flipped.length > 0) flipped[flipped.length >> 1]! ^= 1
    return flipped
  }
  /** `dropped` is what a dropped operation gives; the effects on bytes are handled where the bytes are. */
  const operate = <A, R>(
    operation: StoreOperation,
    name: string,
    run: (damaged: boolean) => Effect.Effect<A, StoreError, R>,
    dropped?: Effect.Effect<A>,
  ): Effect.Effect<A, StoreError, R> =>
    Effect.suspend(() => {
      if (!hits(operation)) return run(false)
      switch (effect) {
        case "fail":
          return failure(operation, name)
        case "fail-after":
          return Effect.andThen(run(false), failure(operation, name))
        case "delay":
          return Effect.andThen(Effect.sleep(options.delay ?? 10), run(false))
        case "drop":
          return dropped ?? run(false)
        default:
          return run(true)
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
 * The same store with a fault at the `nth` matching operation. A test runs with `nth` 1, 2, 3 … until nothing is hit,
 * and looks after each run at what is left in the inner store.
 */
export const fault: {
  (store: ObjectStore, options: FaultOptions): FaultStore
  readonly layer: (options: FaultOptions) => StoreLayer
} = Object.assign(faulty, { layer: decorator(faulty).layer })
