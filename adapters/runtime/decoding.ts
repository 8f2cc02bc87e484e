/** Decodes blocks on threads, on Node, Deno and Bun. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { availableParallelism } from "node:os"
import { DecoderStopped, Decoding, decodingHere } from "../../stages/fetch/decoding.ts"
import type { KernelSpec } from "../../stages/kernel/kernel.ts"
import { kernelMessages } from "./kernel_messages.ts"
import { type CipherMessage, type DecodedReply, type DecodingRequest, toBlocksMessage } from "./decoding_messages.ts"
import { Thread } from "./thread.ts"

/** How many threads there are, and when they start. */
export interface DecodingOptions {
  /** The number of threads beside this one; by default one less than the machine has processors. */
  readonly threads?: number
  /** This thread decodes this many stored bytes alone before the others start. 256 MiB by default. */
  readonly worthBytes?: number
}

/**
 * A new thread needs 30 to 80 MB, and 300 to 400 ms of a processor until it is as fast as this one. Two threads are no
 * sooner done with 200 MiB than one.
 */
const WORTH_BYTES = 256 << 20
/** Requests that a thread may have, so that the next is there when one is done. */
const TASKS = 2

/**
 * Makes a {@link Decoding} that uses threads. This thread decodes blocks until there were so many that other threads
 * are worth their start. Then it decodes only what comes when they are busy, and what needs kernels that only this
 * thread can make. The threads end with the scope. When one of them stops, what it had fails with `DecoderStopped`, and
 * no thread is used again.
 */
export const makeDecoding = (options: DecodingOptions = {}): Effect.Effect<Decoding, never, Scope.Scope> =>
  Effect.gen(function* () {
    const count = options.threads ?? availableParallelism() - 1
    if (count < 1) return decodingHere
    const worthBytes = options.worthBytes ?? WORTH_BYTES
    const threads = Array.from(
      { length: count },
      () => new Thread<DecodingRequest, DecodedReply>(new URL("./decoding_thread.ts", import.meta.url)),
    )
    yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(threads.map((thread) => thread.stop()))))
    let here = 0
    let started = 0
    let anyStopped = false

    const ciphers = new WeakMap<KernelSpec, CipherMessage>()
    let numbers = 0
    /** Undefined when only this thread can make the cipher. */
    const messageOf = (cipher: KernelSpec<"encrypt">): CipherMessage | undefined => {
      const known = ciphers.get(cipher)
      if (known !== undefined) return known
      const kernel = kernelMessages([cipher])?.[0]
      const message = kernel && { number: numbers++, kernel }
      if (message !== undefined) ciphers.set(cipher, message)
      return message
    }

    const freeThread = (): DecodingThread | undefined => {
      if (here < worthBytes || anyStopped) return undefined
      let best: DecodingThread | undefined
      for (const thread of threads) {
        thread.start()
        if (thread.ready && thread.load < TASKS && (best === undefined || thread.load < best.load)) best = thread
      }
      return best
    }

    const startDecoder: Decoding["startDecoder"] = Effect.fnUntraced(function* (spec) {
      const decodeHere = yield* decodingHere.startDecoder(spec)
      if (!spec.handOver) return decodeHere
      const decoders = kernelMessages(spec.decoders)
      const hasher = kernelMessages([spec.hasher])
      if (decoders === undefined || hasher === undefined) return decodeHere
      const decoder = started++
      const knows = new Set<DecodingThread>()
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const thread of knows) thread.send({ type: "end", decoder })
        })
      )
      return Effect.fnUntraced(function* (stored, blocks, use, cipher) {
        const { buffer, byteLength } = stored
        const whole = byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
        const message = cipher && messageOf(cipher)
        const thread = whole && (cipher === undefined || message !== undefined) ? freeThread() : undefined
        if (!whole || thread === undefined) {
          here += byteLength
          return yield* decodeHere(stored, blocks, use, cipher)
        }
        if (!knows.has(thread)) {
          knows.add(thread)
          thread.send({ type: "decoder", decoder, decoders, hasher: hasher[0]!, bytes: spec.bytes })
        }
        const task = thread.begin()
        const request = toBlocksMessage(blocks)
        const reply = yield* Effect.suspend(() => {
          thread.send(
            { type: "blocks", task: task.number, decoder, stored: buffer, cipher: message, blocks: request },
            [buffer, request.numbers, request.ids],
          )
          return task.receive
        }).pipe(
          Effect.mapError((cause) => {
            anyStopped = true
            return new DecoderStopped({ message: cause.message, cause })
          }),
          Effect.ensuring(Effect.sync(() => thread.end(task))),
        )
        const bad = Map.groupBy(reply.bad, ([block]) => block)
        for (const [i, bytes] of reply.blocks.entries()) {
          yield* use(i, bytes === undefined ? undefined : { bytes, bad: bad.get(i)?.map(([, chunk]) => chunk) ?? NONE })
        }
      })
    })
    return { startDecoder }
  })

type DecodingThread = Thread<DecodingRequest, DecodedReply>

const NONE: ReadonlyArray<number> = []

/** The {@link makeDecoding} threads as a layer. */
export const decoding = (options: DecodingOptions = {}): Layer.Layer<never> =>
  Layer.effect(Decoding, makeDecoding(options))
