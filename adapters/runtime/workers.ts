/** An executor that runs plans on a pool of threads, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { availableParallelism } from "node:os"
import { Executor, inline, type Job } from "../../stages/run/executor.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { isDivisible } from "../../stages/run/part.ts"
import type { Planned, Steps } from "../../stages/plan/plan.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { collectAfter } from "./memory.ts"
import { locatorOf, storedOf, toFilesMessage } from "./files_message.ts"
import { kernelMessages } from "./kernel_messages.ts"
import { type RunAlone, storeInParts } from "./parts.ts"
import { makePool } from "./pool.ts"

/** How many threads there are, and how they share the work. */
export interface WorkersOptions {
  /** The number of threads; by default that of the processors of the machine. */
  readonly threads?: number
  /** Bytes of a part of a large file, which all threads work on. 8 MiB by default. */
  readonly partBytes?: number
}

/** This thread reads this many bytes of a job before it starts the pool, which takes about 100 ms to start. */
const WORTH_BYTES = 4 << 20
/** To open and close a file takes as long as to read this many bytes. */
const FILE_BYTES = 2 << 10
const PART_BYTES = 8 << 20
/** Files with fewer parts are stored as a whole. */
const PARTS = 3

/**
 * Makes an executor that runs units on threads, which read the files themselves. Content that only this thread can read
 * (streams, bytes in memory) and plans with kernels that only this thread can make run inline. The threads start when
 * there is something for them to do, and end with the scope.
 */
export const makeWorkers = (options: WorkersOptions = {}): Effect.Effect<Executor, never, Scope.Scope> =>
  Effect.gen(function* () {
    const threads = options.threads ?? availableParallelism()
    if (threads < 2) return inline
    const pool = yield* makePool(threads)
    const partBytes = options.partBytes ?? PART_BYTES
    let jobs = 0

    const start: Executor["start"] = <E>(job: Job<E>) =>
      Effect.gen(function* () {
        const runInline = yield* inline.start(job)
        const lock = yield* Semaphore.make(1)
        const plan = kernelMessages(job.plan)
        if (plan === undefined || job.index === undefined) return (unit) => lock.withPermits(1)(runInline(unit))
        const number = jobs++
        let work = 0
        const session = yield* pool.start({
          type: "job",
          job: number,
          plan,
          blockBytes: job.blockBytes,
          index: job.index.buffer,
        })

        const storeFiles = (
          files: ReadonlyArray<Planned<Steps>>,
        ): Effect.Effect<ReadonlyArray<Stored>, E | KernelError> =>
          session(
            "shared",
            Effect.fnUntraced(function* ({ receive, send }) {
              send((task) => ({ type: "unit", task, job: number, files: toFilesMessage(files) }))
              for (;;) {
                const reply = yield* receive
                if (reply.type !== "blocks" && reply.type !== "stored") return yield* unexpected(reply.type)
                job.onRead(files[reply.type === "blocks" ? reply.at : files.length - 1]!.path, reply.read)
                yield* job.emit(reply.blocks)
                if (reply.type === "stored") return storedOf(files, reply.files)
                send(() => ({ type: "taken" }))
              }
            }),
          )
        const runAlone: RunAlone = (use) => session("alone", use)
        const runFiles = (
          files: ReadonlyArray<Planned<Steps>>,
        ): Effect.Effect<ReadonlyArray<Stored>, E | KernelError> =>
          files.length === 1 && isLarge(files[0]!) && isDivisible(job.plan)
            ? Effect.map(storeInParts(files[0]!, { job, number, partBytes, runAlone }), (stored) => [stored])
            : storeFiles(files)
        const isLarge = ({ size }: Planned<Steps>): boolean => size !== undefined && size >= PARTS * partBytes

        return Effect.fnUntraced(function* (unit: ReadonlyArray<Planned<Steps>>) {
          collectAfter(unit.length)
          const remote = unit.filter(isRemote)
          for (const { size } of remote) work += FILE_BYTES + (size ?? 0)
          if (remote.length === 0 || work < WORTH_BYTES && !pool.started()) {
            return yield* lock.withPermits(1)(runInline(unit))
          }
          const stored = yield* runFiles(remote)
          if (remote.length === unit.length) return stored
          const others = yield* lock.withPermits(1)(runInline(unit.filter((entry) => !isRemote(entry))))
          let i = 0
          let j = 0
          return unit.map((entry) => isRemote(entry) ? stored[i++]! : others[j++]!)
        })
      })
    // Each thread has its next unit at hand when it is done with one. One more unit is there so that no thread waits
    // while this one prepares a unit.
    return { size: 2 * threads + 1, start }
  })

const unexpected = (type: string): KernelError =>
  new KernelError({ kernel: "thread", reason: "unsupported", message: `A worker thread answered with "${type}"` })

/** Whether a thread can read the content by itself. */
const isRemote = (entry: Planned<Steps>): boolean =>
  entry.kind === "file" && entry.known === undefined && entry.content !== undefined && "locator" in entry.content &&
  locatorOf(entry) !== undefined

/** The {@link makeWorkers} executor as a layer. */
export const workers = (options: WorkersOptions = {}): Layer.Layer<never> =>
  Layer.effect(Executor, makeWorkers(options))
