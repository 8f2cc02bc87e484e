/** A thread that decodes blocks and verifies chunks in them, one request after the other. */
import { badChunks } from "../../stages/fetch/decoding.ts"
import { type BlockDecoder, type BlockDecoders, makeBlockDecoders } from "../../stages/kernel/codec.ts"
import { type Hasher, KernelError, type KernelSpec, makeKernel } from "../../stages/kernel/kernel.ts"
import { Recent } from "../../stages/memory/recent.ts"
import { fillsBuffer, release } from "../../stages/memory/release.ts"
import { besideKernels } from "../kernels/beside.ts"
import { blocksOf, type CipherMessage, type DecodedReply, type DecodingRequest } from "./decoding_messages.ts"
import { knownKernels, planOf } from "./kernel_messages.ts"
import { type Send, serve, type ThreadService } from "./serve.ts"

/** Ciphers that a thread keeps. */
const KEPT_CIPHERS = 256

interface Decoder {
  readonly decoders: BlockDecoders
  readonly hasher: Hasher
  /** Whether replies carry the content of blocks. */
  readonly bytes: boolean
}

type BlocksRequest = Extract<DecodingRequest, { type: "blocks" }>

class DecodingService implements ThreadService<DecodingRequest> {
  readonly #send: Send<DecodedReply>
  readonly #decoders = new Map<number, Decoder>()
  /** By their numbers. Their kernels are kept for as long as they are. */
  readonly #ciphers = new Recent<number, KernelSpec<"encrypt">>({ limit: KEPT_CIPHERS, bytesOf: () => 1 })

  constructor(send: Send<DecodedReply>) {
    this.#send = send
  }

  readonly handle = async (request: DecodingRequest): Promise<void> => {
    if (request.type === "end") this.#decoders.delete(request.decoder)
    else if (request.type === "decoder") {
      const [hasher, ...decoders] = await planOf([request.hasher, ...request.decoders])
      this.#decoders.set(request.decoder, {
        decoders: makeBlockDecoders(decoders, knownKernels, besideKernels),
        hasher: makeKernel(hasher as KernelSpec<"hash">, knownKernels),
        bytes: request.bytes,
      })
    } else await this.#decodeBlocks(request, this.#decoders.get(request.decoder)!)
  }

  async #cipherOf({ kernel, number }: CipherMessage): Promise<KernelSpec<"encrypt">> {
    const known = this.#ciphers.get(number)
    if (known !== undefined) return known
    const [cipher] = await planOf([kernel])
    this.#ciphers.set(number, cipher as KernelSpec<"encrypt">)
    return cipher as KernelSpec<"encrypt">
  }

  async #decodeBlocks(request: BlocksRequest, { bytes, decoders, hasher }: Decoder): Promise<void> {
    const stored = new Uint8Array(request.stored)
    const decode = decoders(request.cipher && (await this.#cipherOf(request.cipher)))
    const bad: Array<readonly [number, number]> = []
    const decoded: Array<Uint8Array | undefined> = []
    const memory = new Set<ArrayBuffer>()
    for (const [i, { chunks, from, limit, to }] of blocksOf(request.blocks).entries()) {
      const block = await tryToDecode(decode, stored.subarray(from, to), limit)
      if (block === undefined) {
        decoded.push(undefined)
        continue
      }
      for (const chunk of badChunks(hasher, block, chunks)) bad.push([i, chunk])
      if (bytes) {
        const own = block.buffer !== request.stored && fillsBuffer(block)
        const alone = own ? block : block.slice()
        decoded.push(alone)
        memory.add(alone.buffer as ArrayBuffer)
      } else {
        decoded.push(new Uint8Array(0))
        if (block.buffer !== request.stored) release(block)
      }
    }
    release(stored)
    this.#send(request.task, { type: "decoded", blocks: decoded, bad }, [...memory])
  }
}

/** The content of a block; undefined when it is damaged. A faulty kernel throws: the main thread tries again. */
const tryToDecode = async (
  decode: BlockDecoder,
  stored: Uint8Array,
  limit: number,
): Promise<Uint8Array | undefined> => {
  try {
    return await decode(stored, limit)
  } catch (error) {
    if (error instanceof KernelError && error.reason !== "faulty") return undefined
    throw error
  }
}

serve<DecodingRequest, DecodedReply>((send) => new DecodingService(send))
