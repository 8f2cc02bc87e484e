/** Where plans run. */
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
import type { ChunkIndex } from "../pack/chunk_index.ts"
import type { Plan, Planned, Steps } from "../plan/plan.ts"
import { bare, type Stored, unreadable } from "../plan/stored.ts"
import type { OnRead } from "./progress.ts"
import { EMIT_BYTES, ended, storeAll } from "./unit.ts"
import type { Entry } from "../walk/entry.ts"

/** One run of a plan, as the executor sees it. */
export interface Job<E> extends LaneOptions {
  /** The kernels that every content of the job goes through. */
  readonly plan: Plan
  /** Told of content bytes as they are read. */
  readonly onRead: OnRead
  /** The index behind `claim`, when it is one that threads can share. */
  readonly index?: ChunkIndex
  /** Takes blocks; when it ends, the next may be made. */
  readonly emit: (blocks: ReadonlyArray<Block>) => Effect.Effect<void, E>
}

/** Runs plans over units of work: some hundred small files, or one large one. */
export interface Executor {
  /** How many units may run at once. */
  readonly size: number
  /**
   * Starts a job, and gives the function that runs a unit of it. What a unit's entries consist of is emitted before its
   * effect ends. The scope is that of the job. Fails only with what kernels and `emit` fail with: content that cannot
   * be read makes its entry `unreadable`.
   */
  readonly start: <E>(
    job: Job<E>,
  ) => Effect.Effect<
    (unit: ReadonlyArray<Planned<Steps>>) => Effect.Effect<ReadonlyArray<Stored>, E | KernelError>,
    KernelError,
    Scope.Scope
  >
}

/** Runs plans on this thread, one unit at a time. */
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
            results.push(yield* storeStream(lane, job, bare(entry), entry.content))
            at++
          } else {
            let end = at + 1
            while (end < unit.length && !Stream.isStream(unit[end]!.content)) end++
            yield* steps(storeAll(lane, job.onRead, unit.slice(at, end), results), lane, job)
            at = end
          }
        }
        yield* catching(KernelError, () => lane.flush())
        yield* job.emit(lane.take())
        return results
      })
    }),
}

/** The executor in use. */
export const Executor: Context.Reference<Executor> = Context.Reference<Executor>("penstock/Executor", {
  defaultValue: (): Executor => inline,
})

/** Drives synchronous work that pauses now and then: hands blocks on, and lets interruption and other fibers in. */
const steps = Effect.fnUntraced(function* <E>(work: Generator<void, void>, lane: Lane, job: Job<E>) {
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
    const named = yield* catching(KernelError, () => ended(lane))
    return { ...entry, size, ...named, reused: false } as Stored
  },
  (effect, _lane, _job, entry) =>
    Effect.catch(
      effect,
      (error) => error instanceof SourceError ? Effect.succeed(unreadable(entry, error)) : Effect.fail(error),
    ),
)
