/** A pool of threads: it gives tasks to threads, and replaces threads that stop. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { KernelError } from "../../stages/kernel/kernel.ts"
import type { StoringReply, StoringRequest } from "./storing_messages.ts"
import { type Task, Thread } from "./thread.ts"

/** A task on a thread, as the code sees it that runs the task. */
export interface ThreadTask {
  readonly receive: Task<StoringReply>["receive"]
  /** Sends the request that is made from the number of the task. */
  readonly send: (request: (task: number) => StoringRequest) => void
}

/**
 * Runs a task on the thread that has the least to do. A `shared` task may wait there behind another. There are never
 * more tasks that run `alone` than threads. When a task fails or is interrupted, its thread is replaced, and the other
 * tasks of that thread fail after it.
 */
export type Session = <A, E>(
  how: "shared" | "alone",
  use: (thread: ThreadTask) => Effect.Effect<A, E>,
) => Effect.Effect<A, E | KernelError>

/** A pool of threads. */
export interface Pool {
  /** Whether a thread of the pool was started. */
  readonly started: () => boolean
  /** Begins a job. Each thread gets the request before its first task of the job, and learns when the scope ends. */
  readonly start: (job: Extract<StoringRequest, { type: "job" }>) => Effect.Effect<Session, never, Scope.Scope>
}

type StoringThread = Thread<StoringRequest, StoringReply>

const newThread = (): StoringThread => new Thread(new URL("./storing_thread.ts", import.meta.url))

/** Tasks that a thread may have, so that the next is there when one is done. */
const TASKS = 2

/** Makes a pool. Its threads end with the scope. */
export const makePool = (threads: number): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const pool = new Set<StoringThread>()
    for (let n = 0; n < threads; n++) pool.add(newThread())
    const shared = yield* Semaphore.make(TASKS * threads)
    const alone = yield* Semaphore.make(threads)
    const ending = new Set<Promise<void>>()
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => Promise.all([...ending, ...[...pool].map((thread) => thread.stop())]))
    )

    /** The thread ends a moment later, so that the task which failed is the first to tell its error. */
    const replace = (thread: StoringThread): Effect.Effect<void> =>
      Effect.sync(() => {
        if (!pool.delete(thread)) return
        pool.add(newThread())
        const end = new Promise((resolve) => setTimeout(resolve, 0)).then(() => thread.stop())
        ending.add(end)
        void end.then(() => ending.delete(end))
      })
    const leastBusy = (): StoringThread => {
      let best: StoringThread | undefined
      for (const thread of pool) if (best === undefined || thread.load < best.load) best = thread
      return best!
    }

    return {
      started: () => [...pool].some(({ started }) => started),
      start: (job) =>
        Effect.gen(function* () {
          const knows = new Set<StoringThread>()
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              for (const thread of knows) thread.send({ type: "end", job: job.job })
            })
          )
          const session: Session = (how, use) => {
            const running = Effect.uninterruptibleMask((restore) => {
              const thread = leastBusy()
              if (!knows.has(thread)) {
                knows.add(thread)
                thread.send(job)
              }
              const task = thread.begin()
              const handle: ThreadTask = {
                receive: task.receive,
                send: (request) => thread.send(request(task.number)),
              }
              return Effect.onExit(restore(use(handle)), (exit) => {
                thread.end(task)
                return exit._tag === "Success" ? Effect.void : replace(thread)
              })
            })
            return shared.withPermits(1)(how === "alone" ? alone.withPermits(1)(running) : running)
          }
          return session
        }),
    }
  })
