/** The stage `pack`: here the plan meets the bytes. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { chunkCount, chunkId } from "../hash/chunk_list.ts"
import type { KernelError } from "../kernel/kernel.ts"
import type { Order, Plan, Planned, Steps } from "../plan/plan.ts"
import type { Stored } from "../plan/stored.ts"
import { Executor, type Job } from "../run/executor.ts"
import { groupInUnits } from "../run/group.ts"
import { ReadProgress } from "../run/progress.ts"
import type { ObjectStore, StoreError } from "../store/store.ts"
import type { Packer, Packing, PackStats } from "./packing.ts"

/** An entry whose content is in the store. */
export interface Packed<out S extends Steps> extends Stored {
  /** What the packing has written so far, for all entries. Call it when the stream has ended to get the sums. */
  readonly stats: () => PackStats
  /** For the type checker only. */
  readonly steps?: S
}

/** A unit of work is complete with this many bytes of content. */
const UNIT_BYTES = 8 << 20
/** A file of this size starts a unit. */
const LARGE_BYTES = 16 << 20
/** A unit is complete with this many entries. */
const UNIT_ENTRIES = 512
/** The same for entries without content to read. Entries that wait longer than needed cost garbage collection. */
const IDLE_ENTRIES = 64

/**
 * Reads the content of the entries, runs their plans over it and stores the result. No other stage touches content.
 * Entries come out in the order in which they came in, with their chunks. Everything is durable when the stream has
 * ended.
 *
 * An entry whose chunks are known (`known`, see `reuse`) is not read, unless the store lacks one of these chunks.
 *
 * Fails with StoreError when the store fails, and with KernelError when a kernel of the plan does.
 *
 * @example Store a tree in memory
 * ```ts
 * import assert from "node:assert"
 * import { blake3, chunk, fixed, hash, memorySourceLayer, pack, packs, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * const stored = walk("").pipe(
 *   chunk(fixed({ size: 4 })),
 *   hash(blake3),
 *   pack(packs()),
 *   Stream.runCollect,
 * )
 * const tree = memorySourceLayer({ "note.txt": { content: "onceonce" } })
 * const entries = await Effect.runPromise(Effect.provide(Effect.scoped(stored), [tree, memoryStore.layer]))
 * // Both chunks of four bytes are the same, so one is stored.
 * assert.equal(entries.at(-1)!.stats().chunksNew, 1)
 * ```
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
      const storeUnit = Effect.fnUntraced(function* (unit: ReadonlyArray<Planned<Steps>>) {
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
        Stream.mapEffect(storeUnit, { concurrency: executor.size }),
        Stream.flattenIterable,
        Stream.concat(Stream.fromEffectDrain(packer.finish)),
      )
    }))
  return stage as never
}

/** Drops the known chunks of an entry when the store does not have all of them. */
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

const unitsToStore = groupInUnits<Planned<Steps>>({
  key: ({ plan }) => plan,
  // A stream of unknown length fills a unit, so that no entry waits for it.
  bytesOf: ({ kind, known, size }) => kind === "file" && known === undefined ? size ?? UNIT_BYTES : 0,
  startsAnew: (_, bytes) => bytes >= LARGE_BYTES,
  isFull: ({ bytes, entries }) => bytes >= UNIT_BYTES || entries >= (bytes > 0 ? UNIT_ENTRIES : IDLE_ENTRIES),
})
