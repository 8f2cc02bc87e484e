/** An executor over a pool of threads; Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { availableParallelism } from "node:os"
import { Executor, inline, type Job } from "../../stages/executor.ts"
import { KernelError } from "../../stages/kernel.ts"
import type { Planned, Steps } from "../../stages/plan.ts"
import { bare, type Stored } from "../../stages/unit.ts"
import type { ReaderContent } from "../../stages/walk/entry.ts"
import { keepFreedMemory } from "./allocator.ts"
import { toMessage } from "./messages.ts"
import { Thread } from "./thread_handle.ts"

/** How many threads. */
export interface WorkersOptions {
  /** As many as the machine has processors, by default. */
  readonly threads?: number
}

/** Below so many bytes to read, this thread does it: a pool takes some 100 ms to start. */
const WORTH_BYTES = 4 << 20

/**
 * Runs units on threads: each reads files by itself. Content that only this thread can read (streams, bytes in memory) and plans with
 * kernels that only this thread can make run inline. The threads start when there is something for them to do, and end with the scope.
 */
export const makeWorkers = (options: WorkersOptions = {}): Effect.Effect<Executor, never, Scope.Scope> =>
  Effect.gen(function* () {
    const threads = options.threads ?? availableParallelism()
    if (threads < 2) return inline
    keepFreedMemory()
    const pool = new Set<Thread>()
    const idle = yield* Queue.unbounded<Thread>()
    const addThread = Effect.suspend(() => {
      const thread = new Thread()
      pool.add(thread)
      return Queue.offer(idle, thread)
    })
    for (let n = 0; n < threads; n++) yield* addThread
    let jobs = 0
    yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all([...pool].map((thread) => thread.stop()))))

    // A thread that failed or was interrupted within a unit is of no more use: another takes its place, so that nobody waits forever.
    const replace = (thread: Thread) =>
      Effect.suspend(() => {
        pool.delete(thread)
        return Effect.andThen(Effect.promise(() => thread.stop()), addThread)
      })
    const running = (): boolean => [...pool].some(({ started }) => started)

    const start: Executor["start"] = <E>(job: Job<E>) =>
      Effect.gen(function* () {
        const runInline = yield* inline.start(job)
        const lock = yield* Semaphore.make(1)
        const plan = toMessage(job.plan)
        if (plan === undefined || job.index === undefined) return (unit) => lock.withPermits(1)(runInline(unit))
        const { index } = job
        const number = jobs++
        const knows = new Set<Thread>()
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            for (const thread of knows) thread.send({ type: "end", job: number })
          })
        )

        const onThread = Effect.fnUntraced(function* (thread: Thread, files: ReadonlyArray<Planned<Steps>>) {
          if (!knows.has(thread)) {
            knows.add(thread)
            thread.send({ type: "job", job: number, plan, blockBytes: job.blockBytes, index: index.buffer })
          }
          thread.send({
            type: "unit",
            job: number,
            files: files.map(({ content, path }) => ({ path, locator: (content as ReaderContent).locator })),
          })
          for (;;) {
            const reply = yield* thread.receive
            if (reply.type === "ready") continue
            if (reply.type === "failed") return yield* new KernelError(reply)
            job.onRead(reply.type === "blocks" ? reply.path : files.at(-1)!.path, reply.read)
            yield* job.emit(reply.blocks)
            if (reply.type === "stored") {
              return reply.files.map((stored, i): Stored => {
                const entry = bare(files[i]!)
                const metadata = { ...entry.metadata, ...stored.metadata }
                return stored.problem === undefined
                  ? { ...entry, ...stored, metadata, reused: false }
                  : { ...entry, ...stored, metadata, kind: "unreadable", reused: false }
              })
            }
            thread.send({ type: "more" })
          }
        })

        return Effect.fnUntraced(function* (unit: ReadonlyArray<Planned<Steps>>) {
          const remote = unit.filter(isRemote)
          const bytes = remote.reduce((sum, { size }) => sum + (size ?? 0), 0)
          if (remote.length === 0 || bytes < WORTH_BYTES && !running()) {
            return yield* lock.withPermits(1)(runInline(unit))
          }
          // Waiting for a thread can be interrupted; one that was taken always goes back.
          const stored = yield* Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(restore(Queue.take(idle)), (thread) =>
              Effect.onExit(restore(onThread(thread, remote)), (exit) =>
                exit._tag === "Success" ? Queue.offer(idle, thread) : replace(thread)))
          )
          if (remote.length === unit.length) {
            return stored
          }
          const others = yield* lock.withPermits(1)(runInline(unit.filter((entry) =>
            !isRemote(entry)
          )))
          let i = 0
          let j = 0
          return unit.map((entry) => isRemote(entry) ? stored[i++]! : others[j++]!)
        })
      })
    // One unit more than threads, so that none waits for this one to prepare it.
    return { size: threads + 1, start }
  })

/** Whether a thread can read the content by itself. */
const isRemote = (entry: Planned<Steps>): boolean =>
  entry.kind === "file" && entry.known === undefined && entry.content !== undefined && "locator" in entry.content

/** The pool as the executor of a program. */
export const workers = (options: WorkersOptions = {}): Layer.Layer<never> =>
  Layer.effect(Executor, makeWorkers(options))
