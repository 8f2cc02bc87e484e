import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import { Executor, type Job, OnRead, type Stored } from "../run/executor.ts"
import type { KernelError } from "../kernel/kernel.ts"
import type { Order, Plan, Planned, Steps } from "../plan/plan.ts"
import type { Packer, Packing } from "./packing.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"

/** An entry whose content is in the store, and who put it there. */
export interface Packed<out S extends Steps> extends Stored {
  readonly packing: { readonly name: string; readonly plan: Plan; readonly packer: Packer }
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
      const onRead = yield* OnRead
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
        const via = { name: packing.name, plan, packer }
        return (yield* runUnit(unit.map((entry) => forgetLost(entry, packer)))).map((stored): Packed<Steps> => ({
          ...stored,
          packing: via,
        }))
      })
      return units(self).pipe(
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

/** Groups consecutive entries of the same plan into units. */
const units = <E, R>(self: Stream.Stream<Planned<Steps>, E, R>): Stream.Stream<ReadonlyArray<Planned<Steps>>, E, R> =>
  Stream.mapAccumArray(
    self,
    (): { held: Array<Planned<Steps>>; bytes: number } => ({ held: [], bytes: 0 }),
    (state, entries) => {
      const full: Array<ReadonlyArray<Planned<Steps>>> = []
      const close = () => {
        if (state.held.length === 0) return
        full.push(state.held)
        state.held = []
        state.bytes = 0
      }
      for (const entry of entries) {
        // A stream of unknown length counts as a unit's worth: nothing waits for it.
        const bytes = entry.kind === "file" && entry.known === undefined ? entry.size ?? UNIT_BYTES : 0
        if (state.held.length > 0 && (state.held[0]!.plan !== entry.plan || bytes >= LARGE_BYTES)) close()
        state.held.push(entry)
        state.bytes += bytes
        if (state.bytes >= UNIT_BYTES || state.held.length >= (state.bytes > 0 ? UNIT_ENTRIES : IDLE_ENTRIES)) close()
      }
      return [state, full] as const
    },
    { onHalt: (state) => state.held.length > 0 ? [state.held] : [] },
  )
