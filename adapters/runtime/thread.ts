/** A thread, as the main thread sees it. `serve.ts` is the inner side. */
import * as Effect from "effect/Effect"
import type { URL as NodeURL } from "node:url"
import { Worker } from "node:worker_threads"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { isLean } from "./memory.ts"

/** What a thread gets when it starts. */
export interface ThreadData {
  /** Whether the thread is to be lean: see `memory.ts`. */
  readonly lean: boolean
}

/** The fields of the KernelError with which a thread gives up. */
export interface Failed {
  readonly type: "failed"
  readonly kernel: string
  readonly reason: KernelError["reason"]
  readonly message: string
}

/** What a thread sends: first that it listens, then replies. */
export type FromThread<Answer> = { readonly type: "ready" } | {
  readonly type: "reply"
  readonly task: number
  readonly reply: Answer | Failed
}

/** The replies about one task, in the order in which they came. */
class Mailbox<Answer> {
  readonly #replies: Array<Answer> = []
  #waiting: (() => void) | undefined
  #stopped: KernelError | undefined

  put(reply: Answer): void {
    this.#replies.push(reply)
    this.#waiting?.()
  }

  stop(why: KernelError): void {
    this.#stopped ??= why
    this.#waiting?.()
  }

  /** The next reply. Fails with KernelError when the thread failed or stopped. */
  readonly receive: Effect.Effect<Answer, KernelError> = Effect.callback((resume) => {
    const look = (): void => {
      const reply = this.#replies.shift()
      if (reply === undefined && this.#stopped === undefined) return
      this.#waiting = undefined
      resume(reply === undefined ? Effect.fail(this.#stopped!) : Effect.succeed(reply))
    }
    this.#waiting = look
    look()
    return Effect.sync(() => this.#waiting = undefined)
  })
}

/** A task of a thread. */
export type Task<Answer> = Pick<Mailbox<Answer>, "receive"> & { readonly number: number }

/**
 * A thread that takes requests and replies. It starts at the first request. Once it has stopped, by itself or not,
 * every task that waits for it fails, and so does every later task.
 */
export class Thread<Request, Answer extends { readonly type: string }> {
  readonly #module: URL
  #worker: Worker | undefined
  #ready = false
  #held: Array<readonly [Request, ReadonlyArray<ArrayBuffer>]> = []
  readonly #mailboxes: Map<number, Mailbox<Answer>> = new Map()
  #tasks = 0
  #stopped: KernelError | undefined

  /** `module`: what the thread runs. */
  constructor(module: URL) {
    this.#module = module
  }

  /** Whether the thread listens, and has not stopped. */
  get ready(): boolean {
    return this.#ready && this.#stopped === undefined
  }

  /** Whether the thread was started. */
  get started(): boolean {
    return this.#worker !== undefined
  }

  /** The number of tasks that the thread has. */
  get load(): number {
    return this.#mailboxes.size
  }

  /** Starts the thread, unless it was started or has stopped. */
  start(): void {
    if (this.#stopped === undefined) this.#worker ??= this.#start()
  }

  /** Sends a request, and hands `memory` over with it. Keeps the request until the thread listens. */
  send(request: Request, memory: ReadonlyArray<ArrayBuffer> = []): void {
    this.start()
    if (this.#stopped !== undefined) return
    if (this.#ready) this.#worker!.postMessage(request, [...memory])
    else this.#held.push([request, memory])
  }

  /** Begins a task. Until `end`, it gets the replies that carry its number. */
  begin(): Task<Answer> {
    const mailbox = new Mailbox<Answer>()
    const number = this.#tasks++
    this.#mailboxes.set(number, mailbox)
    if (this.#stopped !== undefined) mailbox.stop(this.#stopped)
    return Object.assign(mailbox, { number })
  }

  /** Ends a task. */
  end({ number }: Task<Answer>): void {
    this.#mailboxes.delete(number)
  }

  #start(): Worker {
    // Both names are of the same class, but Deno's types do not know that.
    const worker = new Worker(this.#module as NodeURL, { workerData: { lean: isLean() } satisfies ThreadData })
    worker.on("message", (message: FromThread<Answer>) => {
      if (message.type === "reply") {
        // A thread that failed is not used again.
        if (isFailed(message.reply)) this.#stop(new KernelError(message.reply))
        else this.#mailboxes.get(message.task)?.put(message.reply)
      } else {
        this.#ready = true
        for (const [request, memory] of this.#held) worker.postMessage(request, [...memory])
        this.#held = []
      }
    })
    worker.on("error", (error) => this.#stop(stopped(String(error))))
    worker.on("exit", (code) => this.#stop(stopped(`it exited with ${code}`)))
    return worker
  }

  /** Ends the thread, even in the middle of a task. */
  async stop(): Promise<void> {
    this.#stop(stopped("it was told to"))
    await this.#worker?.terminate()
  }

  #stop(why: KernelError): void {
    this.#stopped ??= why
    for (const mailbox of this.#mailboxes.values()) mailbox.stop(this.#stopped)
  }
}

const isFailed = (reply: { readonly type: string }): reply is Failed => reply.type === "failed"

const stopped = (why: string): KernelError =>
  new KernelError({ kernel: "thread", reason: "unsupported", message: `A worker thread stopped: ${why}` })
