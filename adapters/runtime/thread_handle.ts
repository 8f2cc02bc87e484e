/** A thread of the pool as the main thread sees it. */
import * as Effect from "effect/Effect"
import type { URL as NodeURL } from "node:url"
import { Worker } from "node:worker_threads"
import { KernelError } from "../../stages/kernel.ts"
import type { Reply, Request } from "./messages.ts"

/** Sends and receives. Starts at the first request; once it stops, by itself or not, whoever waits for it fails, now or later. */
export class Thread {
  #worker: Worker | undefined
  readonly #replies: Array<Reply> = []
  #ready = false
  #held: Array<Request> = []
  #waiting: (() => void) | undefined
  #stopped: string | undefined

  /** Whether it was asked for anything yet. */
  get started(): boolean {
    return this.#worker !== undefined
  }

  /** Sends a request; before the thread listens, it is kept. */
  send(request: Request): void {
    this.#worker ??= this.#start()
    if (this.#ready) this.#worker.postMessage(request)
    else this.#held.push(request)
  }

  #start(): Worker {
    // The same class under two names: Deno's types do not know that.
    const worker = new Worker(new URL("./thread.ts", import.meta.url) as NodeURL)
    worker.on("message", (reply: Reply) => {
      if (reply.type === "ready") {
        this.#ready = true
        for (const request of this.#held) worker.postMessage(request)
        this.#held = []
        return
      }
      this.#replies.push(reply)
      this.#waiting?.()
    })
    worker.on("error", (error) => this.#stop(String(error)))
    worker.on("exit", (code) => this.#stop(`it exited with ${code}`))
    return worker
  }

  /** The next reply. Fails with KernelError when the thread has stopped. */
  readonly receive: Effect.Effect<Reply, KernelError> = Effect.callback((resume) => {
    const look = (): void => {
      const reply = this.#replies.shift()
      if (reply === undefined && this.#stopped === undefined) return
      this.#waiting = undefined
      resume(
        reply === undefined
          ? Effect.fail(
            new KernelError({
              kernel: "thread",
              reason: "unsupported",
              message: `A worker thread stopped: ${this.#stopped}`,
            }),
          )
          : Effect.succeed(reply),
      )
    }
    this.#waiting = look
    look()
    return Effect.sync(() => this.#waiting = undefined)
  })

  /** Ends the thread, whatever it does. */
  async stop(): Promise<void> {
    this.#stop("it was told to")
    await this.#worker?.terminate()
  }

  #stop(why: string): void {
    this.#stopped ??= why
    this.#waiting?.()
  }
}
