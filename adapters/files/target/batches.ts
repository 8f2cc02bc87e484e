/** Files that another thread writes while this one goes on. */
import { availableParallelism } from "node:os"
import type { URL as NodeURL } from "node:url"
import { Worker } from "node:worker_threads"
import type { Batch, BatchStart, FileFacts } from "./batch.ts"

/** Memory that content waits in, in bytes. */
const SHARED_BYTES = 4 << 20
/** Longer contents are written by this thread. */
const LARGEST_BYTES = 1 << 20
/** The thread gets files when there are so many of them, or so many bytes. */
const BATCH_FILES = 128
const BATCH_BYTES = 512 << 10
/** So many files are written before a thread is worth its start: 30 to 80 ms, and 10 to 30 MB. */
const WORTH_FILES = 500

/**
 * Thrown where something is to be done that must wait until all files under way are written; to be tried again then.
 */
export class Busy extends Error {}

/**
 * The files under way of one session. Whatever looks at, replaces or leaves something that is under way, or a directory
 * that such a file may be in, waits first; so that the outcome is the same as without a thread, and no file goes where
 * its directory was.
 */
export class Batches {
  readonly #start: BatchStart
  readonly #shared: Uint8Array
  readonly #after: number
  #worker: Worker | undefined
  #state: "none" | "starting" | "ready" | "gone" = "none"
  #seen = 0

  /** Paths of entries under way: those of the batches that were sent, and of the next. */
  readonly #paths = new Set<string>()
  #sent: Array<ReadonlyArray<string>> = []
  #next: { paths: Array<string>; names: Array<string>; facts: Array<number>; bytes: number } = fresh()
  #used = 0
  #failed: Array<string> = []
  #waiting: (() => void) | undefined
  /** Directories to be left when the files in them are written, in order. */
  readonly #leaving = new Map<string, () => void>()

  /** `after`: so many files are written without the thread; with 0, no file that it could write is. */
  constructor(prefix: string, after: number = availableParallelism() > 1 ? WORTH_FILES : Infinity) {
    this.#after = after
    this.#start = { prefix, shared: new SharedArrayBuffer(after === Infinity ? 0 : SHARED_BYTES) }
    this.#shared = new Uint8Array(this.#start.shared)
  }

  /** Whether any file is under way. */
  get any(): boolean {
    return this.#paths.size > 0
  }

  /** Throws {@link Busy} when that is under way. */
  check(path: string): void {
    if (this.#paths.has(path) || this.#leaving.has(path)) throw new Busy()
  }

  /** Whether a file of this length can be added. Throws {@link Busy} when there is no room now. */
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

  /** Adds a file; copies its content. */
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

  /** Leaves a directory now, or when the files in it are written. */
  leave(path: string, leave: () => void): void {
    if (this.any) this.#leaving.set(path, leave)
    else leave()
  }

  /**
   * Waits until nothing is under way. Gives the paths of files that the thread could not write; nothing of them
   * remains.
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

  /** Lets the thread write what it has begun, and ends it. */
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
    // The same class under two names: Deno's types do not know that.
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
    // What it had begun is written by this thread, as is all that follows.
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
