/** Blocks on their way back: what is fetched together, and what counts as damaged. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Exit, Redacted } from "effect"
import { besideKernels } from "../../../adapters/kernels/beside.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { eachBlock } from "../../../stages/fetch/blocks.ts"
import { adaptive } from "../../../stages/compress/adaptive.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { makeBlockDecoders } from "../../../stages/kernel/codec.ts"
import { aes256gcm } from "../../../stages/encrypt/aes256gcm.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { KernelError, makeKernel } from "../../../stages/kernel/kernel.ts"
import { decodeHere, DecoderStopped } from "../../../stages/fetch/decoding.ts"
import type { BlockPlace } from "../../../stages/pack/packing.ts"
import { StoreError } from "../../../stages/store/store.ts"

const noise = Uint8Array.from({ length: 100_000 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24)
const encrypt = aes256gcm(Redacted.make(noise.slice(0, 32)))
const compress = adaptive(zstd({ level: 3 }))
const specs = [encrypt, compress]
const cipher = makeKernel(encrypt, nativeKernels)
const compressor = makeKernel(compress, nativeKernels)
const seal = (bytes: Uint8Array) => cipher.seal(compressor.encode(bytes))

test("adjacent blocks are fetched together; only one that is altered or unreadable counts as damaged", async () => {
  const contents = Array.from({ length: 6 }, (_, i) => noise.subarray(i, i + 50_000))
  const sealed = contents.map(seal)
  sealed[1]![60]! ^= 1
  const object = new Uint8Array(sealed.reduce((sum, { length }) => sum + length, 0))
  const places: Array<BlockPlace> = []
  let offset = 0
  for (const [i, bytes] of sealed.entries()) {
    object.set(bytes, offset)
    // The fifth block is in another object, which is gone.
    places.push({ object: i === 4 ? "gone" : "pack", offset, length: bytes.length, rawLength: 50_000 })
    offset += bytes.length
  }
  const fetched: Array<string> = []
  const found = new Map<BlockPlace, Uint8Array | string>()
  await Effect.runPromise(eachBlock(places, {
    get: ({ length, object: name, offset }) => {
      fetched.push(`${name} ${offset} ${length}`)
      return name === "pack"
        ? Effect.succeed(object.slice(offset, offset + length))
        : Effect.fail(new StoreError({ reason: "not-found", object: name, message: "it is gone" }))
    },
    decode: decodeHere(makeBlockDecoders(specs, nativeKernels, besideKernels), makeKernel(sha256, {})),
    chunks: () => [],
    use: (place, block) => Effect.sync(() => found.set(place, "damage" in block ? block.damage : block.bytes)),
  }))
  const at = places.map(({ offset }) => offset)
  assert.deepEqual(fetched, [
    `pack 0 ${at[4]}`,
    // The damaged block is fetched once more, alone.
    `pack ${at[1]} ${at[2]! - at[1]!}`,
    `gone ${at[4]} ${at[5]! - at[4]!}`,
    `pack ${at[5]} ${offset - at[5]!}`,
  ])
  assert.deepEqual(
    places.map((place) => found.get(place)),
    contents.map((content, i) => i === 1 ? "a block of pack is damaged or altered" : i === 4 ? "it is gone" : content),
  )
})

test("what a thread had that stopped is fetched once more; if the next one stops too, the run ends", async () => {
  const stopped = new DecoderStopped({
    message: "it stopped",
    cause: new KernelError({ kernel: "thread", reason: "unsupported", message: "it stopped" }),
  })
  const run = (stops: number) => {
    let gets = 0
    const here = decodeHere(makeBlockDecoders([], {}, {}), makeKernel(sha256, {}))
    const effect = eachBlock([{ object: "pack", offset: 0, length: 3, rawLength: 3 }], {
      get: () => Effect.sync(() => (gets++, Uint8Array.of(1, 2, 3))),
      decode: (stored, blocks, use) => gets <= stops ? Effect.fail(stopped) : here(stored, blocks, use),
      chunks: () => [],
      use: (_place, block) => Effect.sync(() => assert.ok("bytes" in block)),
    })
    return Effect.map(Effect.exit(effect), (exit) => ({ exit, gets }))
  }
  const once = await Effect.runPromise(run(1))
  assert.deepEqual([Exit.isSuccess(once.exit), once.gets], [true, 2])
  const twice = await Effect.runPromise(run(2))
  assert.deepEqual([Exit.hasDies(twice.exit), twice.gets], [true, 2])
})

test("an error of what takes the blocks is the error of all, and nothing is fetched again", async () => {
  let gets = 0
  const error = new KernelError({ kernel: "mine", reason: "faulty", message: "no" })
  const failed = eachBlock([{ object: "pack", offset: 0, length: 3, rawLength: 3 }], {
    get: () => Effect.sync(() => (gets++, Uint8Array.of(1, 2, 3))),
    decode: decodeHere(makeBlockDecoders([], {}, {}), makeKernel(sha256, {})),
    chunks: () => [],
    use: () => Effect.fail(error),
  })
  assert.equal(await Effect.runPromise(Effect.flip(failed)), error)
  assert.equal(gets, 1)
})
