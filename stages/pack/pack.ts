import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { Executor, type Job } from "../run/executor.ts"
import { ReadProgress } from "../run/progress.ts"
import type { Stored } from "../plan/stored.ts"
import type { KernelError } from "../kernel/kernel.ts"
import type { Order, Plan, Planned, Steps } from "../plan/plan.ts"
import { groupedInUnits } from "../run/group.ts"
import type { Packer, Packing, PackStats } from "./packing.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"

/** An entry whose content is in the store. */
export interface Packed<out S extends Steps> extends Stored {
  /** What the packing has written until it is called, for all entries. */
  readonly stats: () => PackStats
  /** For the type checker only. */
  readonly steps?: S
}

/** Content bytes that make a unit of work. */
const UNIT_BYTES = 8 << 20
/** A file of this size is a unit by itself. */
const LARGE_BYTES = 16 << 20
/** Entries in a unit at most. */
const UNIT_ENTRIES = 512
/** The same when there is nothing to read: what waits needlessly is copied by collectors. */
const IDLE_ENTRIES = 64

/**
 * Runs the plan and stores what it gives: the one stage that touches content. Entries come out as they went in, in
 * order, with their chunks; when the stream has ended, all of it is durable.
 *
 * What an entry is known to consist of (`known`) is taken as it is, unless a chunk of it is not in the store: then it
 * is read.
 */
export const pack = (packing: Packing): {
  <S extends Steps, E, R>(
    self: Stream.Stream<Planned<S>, E, R> & Order<S, "pack">,
  ): Stream.Stream<Packed<readonly [...S, "pack"]>, E | StoreError | KernelError, R | ObjectStore>
} => {
  const stage = <E, R>(self: Stream.Stream<Planned<Steps>, E, R>) =>
    Stream.unwrap(Effect.gen(function* () {
      const executor = yield* Executor
      const onRead = yield* ReadProgress
      const scope = yield* Effect.scope
      const packer = yield* packing.write
      const lock = yield* Semaphore.make(1)
      const jobs = new Map<Plan, Effect.Success<ReturnType<typeof executor.start<StoreError | KernelError>>>>()
      const run = Effect.fnUntraced(function* (unit: ReadonlyArray<Planned<Steps>>) {
        const { plan } = unit[0]!
        let runUnit = jobs.get(plan)
        if (runUnit === undefined) {
          const job: Job<StoreError | KernelError> = {
            plan,
            onRead,
            blockBytes: packer.blockBytes,
            claim: packer.claim,
            ...(packer.index === undefined ? {} : { index: packer.index }),
            emit: (blocks) => blocks.length === 0 ? Effect.void : lock.withPermits(1)(packer.add(blocks)),
          }
          jobs.set(plan, runUnit = yield* Scope.provide(executor.start(job), scope))
        }
        const stored = yield* runUnit(unit.map((entry) => forgetLost(entry, packer)))
        return stored.map((entry): Packed<Steps> => ({ ...entry, stats: packer.stats }))
      })
      return unitsToStore(self).pipe(
        Stream.mapEffect(run, { concurrency: executor.size }),
        Stream.flattenIterable,
        Stream.concat(Stream.fromEffectDrain(packer.finish)),
      )
    }))
  return stage as never
}

/** Drops what is known of a content when the store does not have all of it. */
const forgetLost = (entry: Planned<Steps>, packer: Packer): Planned<Steps> => {
  if (entry.known === undefined) return entry
  for (let i = 0; i < chunkCount(entry.known); i++) {
    if (!packer.has(chunkId(entry.known, i))) {
      const { known: _known, ...rest } = entry
      return rest
    }
  }
  return entry
}

const unitsToStore = groupedInUnits<Planned<Steps>>({
  key: ({ plan }) => plan,
  // A stream of unknown length counts as a unit's worth: nothing waits for it.
  bytesOf: ({ kind, known, size }) => kind === "file" && known === undefined ? size ?? UNIT_BYTES : 0,
  startsAnew: (_, bytes) => bytes >= LARGE_BYTES,
  isFull: ({ bytes, entries }) => bytes >= UNIT_BYTES || entries >= (bytes > 0 ? UNIT_ENTRIES : IDLE_ENTRIES),
})
