/**
 * A thread of the pool: reads, chunks, hashes, compresses and encrypts files through a lane of its own, one task after
 * the other.
 */
import { workerData } from "node:worker_threads"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { Planned, Steps } from "../../stages/plan/plan.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import type { Block } from "../../stages/run/block.ts"
import { Lane } from "../../stages/run/lane.ts"
import { storePart } from "../../stages/run/part.ts"
import { EMIT_BYTES, storeAll } from "../../stages/run/unit.ts"
import { SourceError } from "../../stages/walk/errors.ts"
import { holding, localContent, openPart } from "../files/source/content.ts"
import { locatorsOf, memoryOf, toStoredMessage } from "./files_message.ts"
import { knownKernels, planOf } from "./kernel_messages.ts"
import { collectAfter, leanMemory } from "./memory.ts"
import { type Send, serve, type ThreadService } from "./serve.ts"
import type { StoringReply, StoringRequest } from "./storing_messages.ts"
import type { ThreadData } from "./thread.ts"

/** Messages with blocks that may be under way at once. */
const UNDER_WAY = 2

type Job = Extract<StoringRequest, { type: "job" }>
type Unit = Extract<StoringRequest, { type: "unit" }>
type Part = Extract<StoringRequest, { type: "part" }>

class StoringService implements ThreadService<StoringRequest> {
  readonly #send: Send<StoringReply>
  /** By job. An error says why a job has no lane: its tasks fail with it. */
  readonly #lanes = new Map<number, Lane | Error>()
  /** Bytes read since the last message, and of which file of the unit. */
  #read = 0
  #at = 0
  /** Messages with blocks that the main thread has not taken yet. */
  #underWay = 0
  #taken: (() => void) | undefined

  constructor(send: Send<StoringReply>) {
    this.#send = send
  }

  readonly handleNow = ({ type }: StoringRequest): boolean => {
    if (type !== "taken") return false
    this.#underWay--
    this.#taken?.()
    return true
  }

  readonly handle = async (request: StoringRequest): Promise<void> => {
    if (request.type === "end") this.#lanes.delete(request.job)
    else if (request.type === "job") this.#lanes.set(request.job, await this.#makeLane(request).catch((error) => error))
    else if (request.type !== "taken") {
      this.#read = this.#at = 0
      const lane = this.#lanes.get(request.job)!
      if (!(lane instanceof Lane)) throw lane
      await (request.type === "unit" ? this.#storeUnit(lane, request) : this.#storePart(lane, request))
    }
  }

  async #makeLane({ blockBytes, index, plan }: Job): Promise<Lane> {
    const shared = new ChunkIndex(0, index)
    const claim = (id: Uint8Array): boolean => shared.claim(id)
    return new Lane(await planOf(plan), knownKernels, { blockBytes, claim, sealLater: true })
  }

  async #storeUnit(lane: Lane, { files, task }: Unit): Promise<void> {
    const stored: Array<Stored> = []
    const onRead = (_path: string, bytes: number): void => {
      this.#at = stored.length
      this.#read += bytes
    }
    await holding((heldOf) => {
      const entries = locatorsOf(files).map((locator): Planned<Steps> => ({
        path: "",
        kind: "file",
        metadata: {},
        size: undefined,
        content: localContent(locator, heldOf),
        plan: [],
      }))
      return this.#drive(lane, task, storeAll(lane, onRead, entries, stored))
    })
    lane.flush()
    const message = toStoredMessage(stored, files)
    const blocks = await lane.takeSealed()
    this.#sendBlocks(task, { type: "stored", blocks, read: this.#read, files: message }, memoryOf(message))
    collectAfter(stored.length)
  }

  async #storePart(lane: Lane, { bytes, from, locator, task }: Part): Promise<void> {
    let problem: string
    try {
      const reader = openPart(locator, from)
      try {
        const onRead = (_path: string, bytes: number): void => {
          this.#read += bytes
        }
        const work = storePart(
          lane,
          onRead,
          "",
          reader,
          bytes,
          (end) => this.#send(task, { type: "cut", ...end, state: reader.state }),
        )
        const chunks = await this.#drive(lane, task, work)
        lane.flush()
        const blocks = await lane.takeSealed()
        const { changed, metadata } = reader.finish()
        const state = reader.stateNow()
        this.#sendBlocks(task, { type: "part", blocks, read: this.#read, chunks, metadata, changed, state })
        return
      } finally {
        reader.close()
      }
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      problem = error.message
    }
    // Chunks that were claimed are stored all the same: others may count on them.
    lane.flush()
    this.#sendBlocks(task, { type: "unreadable", blocks: await lane.takeSealed(), problem })
  }

  /** Drives synchronous work that pauses. Sends the blocks that are ready, a few at a time. */
  async #drive<A>(lane: Lane, task: number, work: Generator<void, A>): Promise<A> {
    for (;;) {
      const { done, value } = work.next()
      if (done === true) return value
      if (lane.readyBytes < EMIT_BYTES) continue
      while (this.#underWay >= UNDER_WAY) await new Promise<void>((resolve) => this.#taken = resolve)
      this.#underWay++
      const blocks = await lane.takeSealed()
      this.#sendBlocks(task, { type: "blocks", blocks, read: this.#read, at: this.#at })
      this.#read = 0
    }
  }

  /** Sends a reply that has blocks. Their memory is handed over, not copied, and so is `memory`. */
  #sendBlocks(
    task: number,
    reply: Extract<StoringReply, { blocks: unknown }>,
    memory: ReadonlyArray<ArrayBuffer> = [],
  ): void {
    const blocks = reply.blocks.map(withOwnMemory)
    const buffers = blocks.map(({ bytes }) => bytes.buffer as ArrayBuffer)
    this.#send(task, { ...reply, blocks }, [...memory, ...buffers])
  }
}

/** The block with bytes that share their memory with nothing else. */
const withOwnMemory = (block: Block): Block =>
  block.bytes.byteLength === block.bytes.buffer.byteLength ? block : { ...block, bytes: block.bytes.slice() }

if ((workerData as ThreadData).lean) leanMemory()
serve<StoringRequest, StoringReply>((send) => new StoringService(send))
