/** Hands new files to another thread, which writes them while this one goes on. */
import { availableParallelism } from "node:os"
import type { URL as NodeURL } from "node:url"
import { Worker } from "node:worker_threads"
import type { Batch, BatchStart, FileFacts } from "./batch.ts"

/** Bytes of memory for contents that wait to be written. */
const SHARED_BYTES = 4 << 20
/** Longer contents, in bytes, are written by this thread. */
const LARGEST_BYTES = 1 << 20
/** A batch is sent when it has this many files or bytes. */
const BATCH_FILES = 128
const BATCH_BYTES = 512 << 10
/** After this many files, the thread is worth its start, which takes 30 to 80 ms and 10 to 30 MB. */
const WORTH_FILES = 500

/** Thrown when something must wait until all files under way are written. Try again after `settle`. */
export class Busy extends Error {}

/**
 * The files under way of one session. Before the session looks at, replaces or leaves something that is under way, or a
 * directory that files under way may be in, it waits. So the outcome is the same as without a thread, and no file is
 * written where its directory was before.
 */
export class Batches {
  readonly #start: BatchStart
  readonly #shared: Uint8Array
  readonly #after: number
  #worker: Worker | undefined
  #state: "none" | "starting" | "ready" | "gone" = "none"
  #seen = 0

  /** The paths of entries under way: of the batches that were sent, and of the next batch. */
  readonly #paths = new Set<string>()
  #sent: Array<ReadonlyArray<string>> = []
  #next: { paths: Array<string>; names: Array<string>; facts: Array<number>; bytes: number } = fresh()
  #used = 0
  #failed: Array<string> = []
  #waiting: (() => void) | undefined
  /** Directories to leave, in this order, when the files in them are written. */
  readonly #leaving = new Map<string, () => void>()

  /** `after`: how many files are written without the thread. With 0, no file that the thread could write is. */
  constructor(prefix: string, after: number = availableParallelism() > 1 ? WORTH_FILES : Infinity) {
    this.#after = after
    this.#start = { prefix, shared: new SharedArrayBuffer(after === Infinity ? 0 : SHARED_BYTES) }
    this.#shared = new Uint8Array(this.#start.shared)
  }

  /** Whether any file is under way. */
  get any(): boolean {
    return this.#paths.size > 0
  }

  /** Throws {@link Busy} when the path is under way. */
  check(path: string): void {
    if (this.#paths.has(path) || this.#leaving.has(path)) throw new Busy()
  }

  /** Whether a file with this many bytes can be added. Throws {@link Busy} when there is no room at the moment. */
  takes(length: number): boolean {
    if (this.#state === "gone" || length > LARGEST_BYTES) return false
    if (this.#state === "none" && this.#seen++ >= this.#after) this.#run()
    if (this.#state !== "ready") {
      if (this.#after > 0) return false
      throw new Busy()
    }
    if (this.#used + length > SHARED_BYTES) throw new Busy()
    return true
  }

  /** Adds a file. Its content is copied. */
  add(path: string, name: string, content: Uint8Array, facts: Omit<FileFacts, "offset" | "length">): void {
    const next = this.#next
    this.#shared.set(content, this.#used)
    next.paths.push(path)
    next.names.push(name)
    next.facts.push(
      this.#used,
      content.length,
      facts.temporary,
      facts.made,
      facts.uid,
      facts.gid,
      facts.mode,
      facts.time,
    )
    next.bytes += content.length
    this.#paths.add(path)
    this.#used += content.length
    if (next.names.length >= BATCH_FILES || next.bytes >= BATCH_BYTES) this.#send()
  }

  /** Calls `leave` for a directory: now, or when the files in it are written. */
  leave(path: string, leave: () => void): void {
    if (this.any) this.#leaving.set(path, leave)
    else leave()
  }

  /**
   * Waits until nothing is under way. Gives the paths of files that the thread could not write. Nothing of those files
   * is left behind.
   */
  async settle(): Promise<ReadonlyArray<string>> {
    this.#send()
    if (this.#sent.length > 0 || this.#state === "starting" && this.#after === 0) {
      await new Promise<void>((resolve) => this.#waiting = resolve)
    }
    this.#paths.clear()
    this.#used = 0
    for (const leave of this.#leaving.values()) leave()
    this.#leaving.clear()
    const failed = this.#failed
    this.#failed = []
    return failed
  }

  /** Waits until the thread has written its files, and ends it. */
  async stop(): Promise<void> {
    await this.settle()
    this.#state = "gone"
    await this.#worker?.terminate()
  }

  #send(): void {
    const { facts, names, paths } = this.#next
    if (names.length === 0) return
    this.#next = fresh()
    if (this.#state !== "ready") {
      this.#failed.push(...paths)
      return
    }
    this.#sent.push(paths)
    const batch: Batch = { names, facts: Float64Array.from(facts) }
    this.#worker!.postMessage(batch)
  }

  #run(): void {
    // The class has two names, and Deno's types do not know that they are one.
    const worker = new Worker(new URL("./batch_thread.ts", import.meta.url) as NodeURL)
    this.#worker = worker
    this.#state = "starting"
    worker.on("message", (message: "ready" | ReadonlyArray<number>) => {
      if (message === "ready") {
        worker.postMessage(this.#start)
        this.#state = "ready"
        this.#settled()
        return
      }
      const paths = this.#sent.shift()!
      for (const i of message) this.#failed.push(paths[i]!)
      this.#settled()
    })
    // This thread then writes the files that it had, and all later ones.
    const gone = (): void => {
      this.#state = "gone"
      for (const paths of this.#sent.splice(0)) this.#failed.push(...paths)
      this.#settled()
    }
    worker.on("error", gone)
    worker.on("exit", gone)
  }

  #settled(): void {
    if (this.#sent.length > 0) return
    this.#waiting?.()
    this.#waiting = undefined
  }
}

const fresh = (): { paths: Array<string>; names: Array<string>; facts: Array<number>; bytes: number } => ({
  paths: [],
  names: [],
  facts: [],
  bytes: 0,
})
