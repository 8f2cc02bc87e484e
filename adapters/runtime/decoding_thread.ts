/** A thread that opens blocks: decodes them and verifies chunks, one request after the other. */
import { type MessagePort, parentPort } from "node:worker_threads"
import { decodeThen } from "../../stages/kernel/codec.ts"
import { type Hasher, KernelError, type KernelSpec, makeKernel } from "../../stages/kernel/kernel.ts"
import { SLACK_BYTES } from "../../stages/memory/lent.ts"
import { badChunks } from "../../stages/fetch/decoding.ts"
import { release } from "../../stages/memory/release.ts"
import { besideKernels } from "../kernels/beside.ts"
import { fromMessage, type FromThread, knownKernels } from "./storing_messages.ts"
import { blocksOf, type DecodedReply, type DecodingRequest } from "./decoding_messages.ts"

interface Opener {
  readonly decode: ReturnType<typeof decodeThen>
  readonly hasher: Hasher
  readonly bytes: boolean
}

const port: MessagePort = parentPort!
const openers = new Map<number, Opener>()

let handled: Promise<void> = Promise.resolve()
// Set before anything else happens: Deno drops messages that come before there is a listener.
port.on("message", (request: DecodingRequest) => {
  const task = request.type === "open" ? request.task : -1
  handled = handled.then(() => handle(request)).catch((error) => {
    const message = `A worker thread failed: ${error instanceof Error ? error.stack : error}`
    port.postMessage(
      {
        type: "reply",
        task,
        reply: { type: "failed", kernel: "thread", reason: "unsupported", message },
      } satisfies FromThread<DecodedReply>,
    )
  })
})
port.postMessage({ type: "ready" } satisfies FromThread<DecodedReply>)

async function handle(request: DecodingRequest): Promise<void> {
  if (request.type === "end") openers.delete(request.opener)
  else if (request.type === "opener") {
    const [hasher, ...decoders] = await fromMessage([request.hasher, ...request.decoders])
    openers.set(request.opener, {
      decode: decodeThen(decoders, knownKernels, besideKernels),
      hasher: makeKernel(hasher as KernelSpec<"hash">, knownKernels),
      bytes: request.bytes,
    })
  } else await open(request, openers.get(request.opener)!)
}

async function open(
  request: Extract<DecodingRequest, { type: "open" }>,
  { bytes, decode, hasher }: Opener,
): Promise<void> {
  const stored = new Uint8Array(request.stored)
  const bad: Array<readonly [number, number]> = []
  const opened: Array<Uint8Array | undefined> = []
  const memory = new Set<ArrayBuffer>()
  for (const [i, { chunks, from, limit, to }] of blocksOf(request.blocks).entries()) {
    const block = await new Promise<Uint8Array | undefined>((resolve, reject) =>
      decode(
        stored.subarray(from, to),
        limit,
        resolve,
        // What is faulty here is tried again on the main thread.
        (error) => error instanceof KernelError && error.reason !== "faulty" ? resolve(undefined) : reject(error),
      )
    )
    if (block === undefined) {
      opened.push(undefined)
      continue
    }
    for (const chunk of badChunks(hasher, block, chunks)) bad.push([i, chunk])
    if (bytes) {
      const own = block.buffer !== request.stored && block.buffer.byteLength - block.length <= SLACK_BYTES
      const alone = own ? block : block.slice()
      opened.push(alone)
      memory.add(alone.buffer as ArrayBuffer)
    } else {
      opened.push(new Uint8Array(0))
      if (block.buffer !== request.stored) release(block)
    }
  }
  release(stored)
  port.postMessage(
    {
      type: "reply",
      task: request.task,
      reply: { type: "opened", blocks: opened, bad },
    } satisfies FromThread<DecodedReply>,
    [...memory],
  )
}
