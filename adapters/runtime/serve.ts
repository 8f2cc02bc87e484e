/** The inner side of a thread: it takes requests, one after the other, and replies. */
import { type MessagePort, parentPort } from "node:worker_threads"
import { KernelError } from "../../stages/kernel/kernel.ts"
import type { Failed, FromThread } from "./thread.ts"

/** Sends a reply about a task. `memory` is handed over with it, not copied, so this thread no longer has it. */
export type Send<Answer> = (task: number, reply: Answer, memory?: ReadonlyArray<ArrayBuffer>) => void

/** What a thread does. */
export interface ThreadService<Request> {
  /** Handles one request. The next request waits until this one is done. What it throws ends the thread. */
  readonly handle: (request: Request) => Promise<void>
  /** Handles a request that must not wait for others, and returns true. Returns false for all other requests. */
  readonly handleNow?: (request: Request) => boolean
}

/**
 * Makes this thread serve requests. Call it once, while the module of the thread loads: Deno drops messages that come
 * before there is a listener.
 */
export const serve = <Request extends object, Answer>(make: (send: Send<Answer>) => ThreadService<Request>): void => {
  const port: MessagePort = parentPort!
  const post = (task: number, reply: Answer | Failed, memory: ReadonlyArray<ArrayBuffer> = []): void =>
    port.postMessage({ type: "reply", task, reply } satisfies FromThread<Answer>, [...memory])
  const { handle, handleNow } = make(post)
  let handled: Promise<void> = Promise.resolve()
  port.on("message", (request: Request) => {
    if (handleNow?.(request) === true) return
    const task = "task" in request ? request.task as number : -1
    // The main thread ends the run. It has to be told, because not every runtime reports an error of a thread.
    handled = handled.then(() => handle(request)).catch((error) => post(task, { type: "failed", ...fieldsOf(error) }))
  })
  port.postMessage({ type: "ready" } satisfies FromThread<Answer>)
}

/** The fields of the KernelError that the main thread makes of what was thrown here. */
const fieldsOf = (error: unknown): Pick<KernelError, "kernel" | "reason" | "message"> => {
  if (error instanceof KernelError) return { kernel: error.kernel, reason: error.reason, message: error.message }
  return {
    kernel: "thread",
    reason: "unsupported",
    message: `A worker thread failed: ${error instanceof Error ? error.stack : error}`,
  }
}
