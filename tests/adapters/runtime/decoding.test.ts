/** Threads that decode blocks give what this thread gives, damage included. Nothing is lost when one stops. */
import assert from "node:assert/strict"
import { rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { Effect, Fiber, Redacted, type Scope } from "effect"
import { nativeKernels } from "../../../adapters/mod.ts"
import { makeDecoding } from "../../../adapters/runtime/decoding.ts"
import { adaptive, aes256gcm, blake3Keyed, type KernelSpec, zstd } from "../../../mod.ts"
import { eachBlock } from "../../../stages/fetch/blocks.ts"
import { Kernels, makeKernel } from "../../../stages/kernel/kernel.ts"
import { type ChunkAt, type Decoding, decodingHere } from "../../../stages/fetch/decoding.ts"
import type { BlockPlace } from "../../../stages/pack/packing.ts"
import { noise } from "../../suites/noise.ts"

const key = Redacted.make(new Uint8Array(32).fill(7))
const hasher = blake3Keyed(key)
const usual = [aes256gcm(key), adaptive(zstd())]

/**
 * Blocks in one object: with content that compresses and content that does not; of one chunk, of many and of none. Two
 * of them follow one another, then comes a gap.
 */
const contents = [
  noise(300_000),
  new Uint8Array(900_000).map((_, i) => i % 251),
  noise(10),
  new Uint8Array(0),
  noise(70_000, 2),
  noise(200_000, 3),
]
const makeObject = (sealing: readonly [KernelSpec<"encrypt">, KernelSpec<"compress">]) => {
  const cipher = makeKernel(sealing[0], nativeKernels)
  const compressor = makeKernel(sealing[1], nativeKernels)
  const digest = makeKernel(hasher, nativeKernels).digest
  const sealed = contents.map((content) => cipher.seal(compressor.encode(content)))
  // The fifth block is forged.
  sealed[4]![40]! ^= 1
  const object = new Uint8Array(sealed.reduce((sum, { length }) => sum + length + 100, 0))
  const chunks = new Map<BlockPlace, ReadonlyArray<ChunkAt>>()
  let offset = 0
  for (const [i, content] of contents.entries()) {
    object.set(sealed[i]!, offset)
    const cuts = [0, ...[100, 5000, 150_000].filter((cut) => cut < content.length), content.length]
    const list = cuts.slice(1).map((to, n): ChunkAt => ({
      from: cuts[n]!,
      to,
      // A chunk of the second block has a wrong ID. A chunk of the last block lies beyond its end.
      id: i === 1 && n === 1 ? new Uint8Array(32) : digest(content.subarray(cuts[n], to)),
    }))
    if (i === 5) list.push({ from: 150_000, to: 200_001, id: digest(content.subarray(150_000)) })
    chunks.set({ object: "pack", offset, length: sealed[i]!.length, rawLength: content.length }, list)
    offset += sealed[i]!.length + (i === 2 ? 100 : 0)
  }
  return { chunks, object }
}

const decodeAll = (decoding: Decoding, bytes: boolean, decoders: ReadonlyArray<KernelSpec> = usual) =>
  Effect.gen(function* () {
    const { chunks, object } = makeObject([usual[0] as KernelSpec<"encrypt">, usual[1] as KernelSpec<"compress">])
    const decode = yield* decoding.startDecoder({ decoders, hasher, bytes, handOver: true })
    const found = new Map<BlockPlace, unknown>()
    let gets = 0
    yield* eachBlock([...chunks.keys()], {
      get: ({ length, offset }) => Effect.sync(() => (gets++, object.slice(offset, offset + length))),
      decode,
      chunks: (place) => chunks.get(place)!,
      use: (place, block) =>
        Effect.sync(() => {
          assert.ok(!found.has(place), "each block comes once")
          found.set(
            place,
            "damage" in block ? block.damage : { bad: block.bad, bytes: bytes ? Buffer.from(block.bytes) : "" },
          )
        }),
    })
    return { found: [...chunks.keys()].map((place) => found.get(place)), gets }
  })

const run = <A>(effect: Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.provideService(Effect.scoped(effect), Kernels, nativeKernels))

/** A decoder, and how often threads called it. */
interface Seen {
  readonly calls: Int32Array
  readonly decoder: KernelSpec<"compress">
}

/** A decoder that changes nothing. On a thread it counts its calls, and runs the code in `then`. */
const onThread = (name: string, then = ""): Seen => {
  const file = join(tmpdir(), `penstock-${name}-${process.pid}.mjs`)
  writeFileSync(
    file,
    `import { isMainThread } from "node:worker_threads"; import { exit } from "node:process"
    export default ({ calls }) => ({ encode: (b) => b, decode(b) {
      if (!isMainThread) { Atomics.add(new Int32Array(calls), 0, 1); ${then} }
      return b
    } })`,
  )
  after(() => rmSync(file))
  const same = (bytes: Uint8Array): Uint8Array => bytes
  const calls = new SharedArrayBuffer(4)
  const make = () => ({ encode: same, decode: same })
  const module = new URL(`file://${file}`).href
  return { calls: new Int32Array(calls), decoder: { stage: "compress", name, params: { calls }, make, module } }
}

/** Decodes all blocks again and again, until a thread decoded some: this one does it until threads listen. */
const untilThreads = (decoding: Decoding, bytes: boolean, { calls, decoder }: Seen) =>
  Effect.gen(function* () {
    for (;;) {
      const result = yield* decodeAll(decoding, bytes, [...usual, decoder])
      if (Atomics.load(calls, 0) > 0) return result
      yield* Effect.sleep(20)
    }
  })
const threads = makeDecoding({ threads: 2, worthBytes: 0 })

test("threads decode the same blocks as this thread", async () => {
  for (const bytes of [true, false]) {
    const here = await run(decodeAll(decodingHere, bytes))
    const there = await run(
      Effect.flatMap(threads, (decoding) => untilThreads(decoding, bytes, onThread(`counts-${bytes}`))),
    )
    assert.deepEqual(there, here)
    const [first, second, , , fifth, sixth] = here.found
    if (bytes) assert.deepEqual(first, { bad: [], bytes: Buffer.from(contents[0]!) })
    assert.deepEqual((second as { bad: unknown }).bad, [1])
    assert.equal(fifth, "a block of pack is damaged or altered")
    assert.deepEqual((sixth as { bad: unknown }).bad, [4])
  }
})

test("what a thread had when it stopped is fetched and decoded again", async () => {
  const here = await run(decodeAll(decodingHere, true))
  for (const [name, then] of [["throws", "throw new Error('broken')"], ["exits", "exit(3)"]] as const) {
    const there = await run(Effect.flatMap(threads, (decoding) => untilThreads(decoding, true, onThread(name, then))))
    assert.deepEqual(there.found, here.found, name)
    assert.ok(there.gets > here.gets, "a thread had something, and stopped")
  }
})

test("threads end with their scope, even in the middle of a block", async () => {
  const waits = onThread("waits", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)")
  const end = await Promise.race([
    run(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(untilThreads(yield* threads, true, waits))
        while (Atomics.load(waits.calls, 0) === 0) yield* Effect.sleep(20)
        yield* Fiber.interrupt(fiber)
        return "ended"
      }),
    ),
    new Promise((resolve) => setTimeout(resolve, 60_000, "hangs").unref?.()),
  ])
  assert.equal(end, "ended")
})
