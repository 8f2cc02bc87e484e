/** Runs plans: the port, and the executor that runs them on this thread. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { SourceError } from "../walk/errors.ts"
import { catching } from "../kernel/catching.ts"
import { KernelError, Kernels } from "../kernel/kernel.ts"
import type { Block } from "./block.ts"
import { Lane, type LaneOptions } from "./lane.ts"
import { giveBack } from "../memory/lent.ts"
import type { Plan, Planned, Steps } from "../plan/plan.ts"
import { type Stored, unreadable, withoutContent } from "../plan/stored.ts"
import type { OnRead } from "./progress.ts"
import { EMIT_BYTES, endContent, storeAll } from "./unit.ts"
import type { Entry } from "../walk/entry.ts"

/** A chunk index in memory that threads share. */
export interface SharedIndex {
  /** The memory that the index is in. */
  readonly buffer: SharedArrayBuffer | ArrayBuffer
}

/** One run of a plan, as the executor sees it. */
export interface Job<E> extends LaneOptions {
  /** The kernels that every content of the job goes through. */
  readonly plan: Plan
  /** Is called when content bytes were read. */
  readonly onRead: OnRead
  /** The index behind `claim`, when threads can share it. */
  readonly index?: SharedIndex
  /** Takes blocks, one call at a time. The next blocks are made when its effect ends. */
  readonly emit: (blocks: ReadonlyArray<Block>) => Effect.Effect<void, E>
}

/** Runs plans over units of work: a few hundred small files, or one large file. */
export interface Executor {
  /** How many units may run at once. */
  readonly size: number
  /**
   * Starts a job, which lasts as long as the scope. Returns the function that runs a unit of it. All blocks of a unit
   * are emitted before its effect ends. Fails only with what kernels and `emit` fail with. Content that cannot be read
   * makes its entry `unreadable`.
   */
  readonly start: <E>(
    job: Job<E>,
  ) => Effect.Effect<
    (unit: ReadonlyArray<Planned<Steps>>) => Effect.Effect<ReadonlyArray<Stored>, E | KernelError>,
    KernelError,
    Scope.Scope
  >
}

/**
 * Runs plans on this thread, one unit at a time. This is the default.
 *
 * @example Back up on this thread although `host` has others
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, Executor, fastcdc, hash, inline, pack, packs, plan } from "@penstock/penstock"
 * import { host, memoryStore } from "@penstock/penstock/adapters"
 *
 * const file = { path: "a", kind: "file", metadata: {}, size: 3, content: Uint8Array.of(1, 2, 3) } as const
 * const stored = plan(Stream.make(file)).pipe(chunk(fastcdc()), hash(blake3), pack(packs()), Stream.runCollect)
 * const program = stored.pipe(Effect.provideService(Executor, inline), Effect.provide([memoryStore.layer, host]))
 * assert.equal((await Effect.runPromise(program)).length, 1)
 * ```
 */
export const inline: Executor = {
  size: 1,
  start: <E>(job: Job<E>) =>
    Effect.gen(function* () {
      const table = yield* Kernels
      const lane = yield* catching(KernelError, () => new Lane(job.plan, table, job))
      return Effect.fnUntraced(function* (unit: ReadonlyArray<Planned<Steps>>) {
        const results: Array<Stored> = []
        for (let at = 0; at < unit.length;) {
          const entry = unit[at]!
          if (entry.content !== undefined && Stream.isStream(entry.content) && entry.known === undefined) {
            results.push(yield* storeStream(lane, job, withoutContent(entry), entry.content))
            at++
          } else {
            let end = at + 1
            while (end < unit.length && !Stream.isStream(unit[end]!.content)) end++
            yield* drive(storeAll(lane, job.onRead, unit.slice(at, end), results), lane, job)
            at = end
          }
        }
        yield* catching(KernelError, () => lane.flush())
        yield* job.emit(lane.take())
        return results
      })
    }),
}

/**
 * The executor in use; `inline` by default. `host` provides one that runs plans on threads.
 *
 * @example Log how long each unit takes
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, Executor, fastcdc, hash, inline, pack, packs, plan } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const times: Array<number> = []
 * const timed: Executor = {
 *   size: inline.size,
 *   start: (job) =>
 *     Effect.map(inline.start(job), (run) => (unit) => {
 *       const start = performance.now()
 *       return Effect.tap(run(unit), () => Effect.sync(() => times.push(performance.now() - start)))
 *     }),
 * }
 * const file = { path: "a", kind: "file", metadata: {}, size: 3, content: Uint8Array.of(1, 2, 3) } as const
 * const stored = plan(Stream.make(file)).pipe(chunk(fastcdc()), hash(blake3), pack(packs()), Stream.runCollect)
 * await Effect.runPromise(stored.pipe(Effect.provideService(Executor, timed), Effect.provide(memoryStore.layer)))
 * assert.equal(times.length, 1)
 * ```
 */
export const Executor: Context.Reference<Executor> = Context.Reference<Executor>("penstock/Executor", {
  defaultValue: (): Executor => inline,
})

/** Drives synchronous work that pauses. At each pause it emits blocks, and lets interruption and other fibers in. */
const drive = Effect.fnUntraced(function* <E>(work: Generator<void, void>, lane: Lane, job: Job<E>) {
  while (!(yield* catching(KernelError, () => work.next())).done) {
    if (lane.readyBytes >= EMIT_BYTES) yield* job.emit(lane.take())
    yield* Effect.yieldNow
  }
}, (effect, work) => Effect.ensuring(effect, Effect.sync(() => work.return())))

const storeStream = Effect.fnUntraced(
  function* <E>(lane: Lane, job: Job<E>, entry: Entry, content: Stream.Stream<Uint8Array, SourceError>) {
    let size = 0
    yield* catching(KernelError, () => lane.begin())
    yield* Stream.runForEachArray(content, (slices) =>
      Effect.flatMap(
        catching(KernelError, () => {
          for (const slice of slices) {
            size += slice.length
            lane.push(slice)
            job.onRead(entry.path, slice.length)
          }
          if (lane.direct) giveBack(slices)
        }),
        () => lane.readyBytes >= EMIT_BYTES ? job.emit(lane.take()) : Effect.void,
      ))
    const named = yield* catching(KernelError, () => endContent(lane))
    return { ...entry, size, ...named, reused: false } as Stored
  },
  (effect, _lane, _job, entry) =>
    Effect.catch(
      effect,
      (error) => error instanceof SourceError ? Effect.succeed(unreadable(entry, error)) : Effect.fail(error),
    ),
)
