/** One thread of the pool: reads, chunks, hashes, compresses and encrypts the files of a unit through its own lane. */
import { type MessagePort, parentPort } from "node:worker_threads"
import { KernelError } from "../../stages/kernel.ts"
import { type Block, Lane } from "../../stages/lane.ts"
import { ChunkIndex } from "../../stages/pack/chunk_index.ts"
import type { Planned, Steps } from "../../stages/plan.ts"
import { storeAll, type Stored } from "../../stages/unit.ts"
import { localContent, type LocalLocator } from "../files/content.ts"
import { fromMessage, knownKernels, type Reply, type Request, type StoredMessage } from "./messages.ts"

const port: MessagePort = parentPort!
const lanes = new Map<number, Lane>()
let taken: (() => void) | undefined

// Requests are handled one after the other. An error ends the run, by way of the main thread: not every runtime reports it by itself.
let handled: Promise<void> = Promise.resolve()
// Set before anything else happens: Deno drops messages that come before there is a listener.
port.on("message", (request: Request) => {
  if (request.type === "more") taken?.()
  else handled = handled.then(() => handle(request)).catch((error) => reply({ type: "failed", ...failure(error) }))
})
reply({ type: "ready" })

function failure(error: unknown): Pick<KernelError, "kernel" | "reason" | "message"> {
  if (error instanceof KernelError) return { kernel: error.kernel, reason: error.reason, message: error.message }
  return {
    kernel: "thread",
    reason: "unsupported",
    message: `A worker thread failed: ${error instanceof Error ? error.stack : error}`,
  }
}

async function handle(request: Exclude<Request, { type: "more" }>): Promise<void> {
  if (request.type === "end") {
    lanes.delete(request.job)
    return
  }
  if (request.type === "job") {
    const index = new ChunkIndex(0, request.index)
    const plan = await fromMessage(request.plan)
    lanes.set(
      request.job,
      new Lane(plan, knownKernels, { blockBytes: request.blockBytes, claim: (id) => index.claim(id) }),
    )
    return
  }
  const lane = lanes.get(request.job)!
  let read = 0
  let path = ""
  const stored: Array<Stored> = []
  const entries = request.files.map(({ locator, path }): Planned<Steps> => ({
    path,
    kind: "file",
    metadata: {},
    size: undefined,
    content: localContent(locator as LocalLocator),
    plan: [],
  }))
  const work = storeAll(
    lane,
    (at, bytes) => {
      path = at
      read += bytes
    },
    entries,
    stored,
  )
  while (!work.next().done) {
    const next = new Promise<void>((resolve) => taken = resolve)
    reply({ type: "blocks", blocks: lane.take(), read, path })
    read = 0
    await next
  }
  lane.flush()
  reply({ type: "stored", blocks: lane.take(), read, files: stored.map(toMessage) })
}

const toMessage = ({ chunks, digest, metadata, problem, size, warning }: Stored): StoredMessage => ({
  chunks,
  metadata,
  size: size ?? 0,
  ...(digest === undefined ? {} : { digest }),
  ...(warning === undefined ? {} : { warning }),
  ...(problem === undefined ? {} : { problem }),
})

/** Sends a reply; the memory of blocks is handed over, not copied. */
function reply(message: Reply): void {
  const blocks = "blocks" in message ? message.blocks.map(alone) : []
  port.postMessage(
    "blocks" in message ? { ...message, blocks } : message,
    blocks.map(({ bytes }) => bytes.buffer as ArrayBuffer),
  )
}

/** A block whose bytes share their memory with nothing else. */
function alone(block: Block): Block {
  return block.bytes.byteLength === block.bytes.buffer.byteLength ? block : { ...block, bytes: block.bytes.slice() }
}
