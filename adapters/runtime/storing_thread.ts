/**
 * One thread of the pool: reads, chunks, hashes, compresses and encrypts files through its own lane, one task after the
 * other.
 */
import { type MessagePort, parentPort, workerData } from "node:worker_threads"
import { SourceError } from "../../stages/walk/errors.ts"
import { KernelError } from "../../stages/kernel/kernel.ts"
import { type Block, Lane } from "../../stages/run/lane.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import { storePart } from "../../stages/run/part.ts"
import type { Planned, Steps } from "../../stages/plan/plan.ts"
import { release } from "../../stages/memory/release.ts"
import { EMIT_BYTES, storeAll } from "../../stages/run/unit.ts"
import type { Stored } from "../../stages/plan/stored.ts"
import { holding, localContent, openPart } from "../files/source/content.ts"
import { locatorsOf, memoryOf, toStoredMessage } from "./files_message.ts"
import { collectAfter, leanMemory } from "./memory.ts"
import {
  type Failed,
  fromMessage,
  type FromThread,
  knownKernels,
  type Reply,
  type Request,
  type ThreadData,
} from "./storing_messages.ts"

/** Messages with blocks that may be under way at once. */
const UNDER_WAY = 2

type Unit = Extract<Request, { type: "unit" }>
type Part = Extract<Request, { type: "part" }>

const port: MessagePort = parentPort!
/** By job; or why there is none. */
const lanes = new Map<number, Lane | Error>()
/** What was read since the last message, and of which file of the unit. */
let read = 0
let at = 0
let underWay = 0
let taken: (() => void) | undefined

// Requests are handled one after the other. An error ends the run, by way of the main thread: not every runtime reports
// it by itself.
let handled: Promise<void> = Promise.resolve()
// Set before anything else happens: Deno drops messages that come before there is a listener.
port.on("message", (request: Request) => {
  if (request.type === "taken") {
    underWay--
    taken?.()
  } else {
    const task = "task" in request ? request.task : -1
    handled = handled.then(() => handle(request)).catch((error) => reply(task, { type: "failed", ...failure(error) }))
  }
})
if ((workerData as ThreadData).lean) leanMemory()
port.postMessage({ type: "ready" } satisfies FromThread)

function failure(error: unknown): Pick<KernelError, "kernel" | "reason" | "message"> {
  if (error instanceof KernelError) return { kernel: error.kernel, reason: error.reason, message: error.message }
  return {
    kernel: "thread",
    reason: "unsupported",
    message: `A worker thread failed: ${error instanceof Error ? error.stack : error}`,
  }
}

async function handle(request: Exclude<Request, { type: "taken" }>): Promise<void> {
  if (request.type === "end") lanes.delete(request.job)
  else if (request.type === "job") {
    const index = new ChunkIndex(0, request.index)
    const claim = (id: Uint8Array): boolean => index.claim(id)
    const options = { blockBytes: request.blockBytes, claim, sealLater: true }
    lanes.set(
      request.job,
      await fromMessage(request.plan).then((plan) => new Lane(plan, knownKernels, options)).catch((error) => error),
    )
  } else {
    read = at = 0
    const lane = lanes.get(request.job)!
    if (!(lane instanceof Lane)) throw lane
    await (request.type === "unit" ? storeUnit(lane, request) : storeOne(lane, request))
  }
}

async function storeUnit(lane: Lane, { files, task }: Unit): Promise<void> {
  const stored: Array<Stored> = []
  const onRead = (_path: string, bytes: number): void => {
    at = stored.length
    read += bytes
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
    return run(lane, task, storeAll(lane, onRead, entries, stored))
  })
  lane.flush()
  const message = toStoredMessage(stored, files)
  reply(task, { type: "stored", blocks: await take(lane), read, files: message }, memoryOf(message))
  collectAfter(stored.length)
}

async function storeOne(lane: Lane, { bytes, from, locator, task }: Part): Promise<void> {
  let problem: string | undefined
  try {
    const reader = openPart(locator, from)
    try {
      const onRead = (_path: string, bytes: number): void => {
        read += bytes
      }
      const chunks = await run(
        lane,
        task,
        storePart(lane, onRead, "", reader, bytes, (end) => reply(task, { type: "cut", ...end, state: reader.state })),
      )
      lane.flush()
      const blocks = await take(lane)
      const { changed, metadata } = reader.finish()
      reply(task, { type: "part", blocks, read, chunks, metadata, changed, state: reader.stateNow() })
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
  reply(task, { type: "unreadable", blocks: await take(lane), problem })
}

/** Drives synchronous work that pauses, and hands on what blocks there are, never many at once. */
async function run<A>(lane: Lane, task: number, work: Generator<void, A>): Promise<A> {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
    if (lane.readyBytes < EMIT_BYTES) continue
    while (underWay >= UNDER_WAY) await new Promise<void>((resolve) => taken = resolve)
    underWay++
    reply(task, { type: "blocks", blocks: await take(lane), read, at })
    read = 0
  }
}

/** The blocks that are ready, sealed. */
async function take(lane: Lane): Promise<ReadonlyArray<Block>> {
  const blocks = lane.take()
  const { sealLater } = lane
  if (sealLater === undefined) return blocks
  return await Promise.all(blocks.map(async (block) => {
    const bytes = await sealLater(block.bytes)
    release(block.bytes)
    return { ...block, bytes }
  }))
}

/** Sends a reply; the memory of blocks, and `memory`, is handed over, not copied. */
function reply(task: number, reply: Reply | Failed, memory: Array<ArrayBuffer> = []): void {
  const alone = "blocks" in reply ? { ...reply, blocks: reply.blocks.map(aloneOf) } : reply
  port.postMessage(
    { type: "reply", task, reply: alone } satisfies FromThread,
    "blocks" in alone ? [...memory, ...alone.blocks.map(({ bytes }) => bytes.buffer as ArrayBuffer)] : memory,
  )
}

/** The block with bytes that share their memory with nothing else. */
function aloneOf(block: Block): Block {
  return block.bytes.byteLength === block.bytes.buffer.byteLength ? block : { ...block, bytes: block.bytes.slice() }
}
