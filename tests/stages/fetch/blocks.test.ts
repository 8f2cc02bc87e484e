/** Blocks on their way back: decoders beside this thread, what is fetched together, what views keep in memory. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Exit, Redacted } from "effect"
import { besideKernels } from "../../../adapters/kernels/beside.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { eachBlock } from "../../../stages/fetch/blocks.ts"
import { adaptive } from "../../../stages/compress/adaptive.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { makeBlockDecoder } from "../../../stages/kernel/codec.ts"
import { aes256gcm } from "../../../stages/encrypt/aes256gcm.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { KernelError, makeKernel } from "../../../stages/kernel/kernel.ts"
import { decodeBlock, decodeHere } from "../../../stages/fetch/decoding.ts"
import type { BlockPlace } from "../../../stages/pack/packing.ts"
import { StoreError } from "../../../stages/store/store.ts"

const noise = Uint8Array.from({ length: 100_000 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24)
const encrypt = aes256gcm(Redacted.make(noise.slice(0, 32)))
const compress = adaptive(zstd({ level: 3 }))
const specs = [encrypt, compress]
const cipher = makeKernel(encrypt, nativeKernels)
const compressor = makeKernel(compress, nativeKernels)
const seal = (bytes: Uint8Array) => cipher.seal(compressor.encode(bytes))

test("what is decoded beside is what is decoded here, for contents of any length", async () => {
  // Where this runtime has none, one by this thread shows that the way there works.
  const here = makeKernel(encrypt, nativeKernels)
  const beside = Object.keys(besideKernels).length > 0
    ? besideKernels
    : { "encrypt:xaes-256-gcm": () => (bytes: Uint8Array) => Promise.resolve().then(() => here.open(bytes)) }
  const decoder = makeBlockDecoder(specs, nativeKernels, beside)
  const decode = (stored: Uint8Array, limit: number) => decodeBlock(decoder, stored, limit)
  const repetitive = new Uint8Array(300_000).map((_, i) => i % 251)
  for (const content of [new Uint8Array(0), noise.subarray(0, 10), noise, repetitive]) {
    assert.deepEqual(await Effect.runPromise(decode(seal(content), content.length)), content)
  }
  const altered = seal(noise)
  altered[altered.length - 1]! ^= 1
  const exit = await Effect.runPromiseExit(decode(altered, noise.length))
  assert.ok(Exit.isFailure(exit))
  const error = await Effect.runPromise(Effect.flip(decode(altered, noise.length)))
  assert.ok(error instanceof KernelError && error.reason === "forged")
  const long = await Effect.runPromise(Effect.flip(decode(seal(noise), noise.length - 1)))
  assert.ok(long instanceof KernelError && long.reason === "limit")
})

test("adjacent blocks are fetched together; a damaged one and one that cannot be read are damage, no others", async () => {
  const contents = Array.from({ length: 6 }, (_, i) => noise.subarray(i, i + 50_000))
  const sealed = contents.map(seal)
  sealed[1]![60]! ^= 1
  const object = new Uint8Array(sealed.reduce((sum, { length }) => sum + length, 0))
  const places: Array<BlockPlace> = []
  let offset = 0
  for (const [i, bytes] of sealed.entries()) {
    object.set(bytes, offset)
    // The fifth is in another object, which is gone.
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
    decode: decodeHere(makeBlockDecoder(specs, nativeKernels, besideKernels), makeKernel(sha256, {})),
    chunks: () => [],
    use: (place, block) => Effect.sync(() => found.set(place, "damage" in block ? block.damage : block.bytes)),
  }))
  const at = places.map(({ offset }) => offset)
  assert.deepEqual(fetched, [
    `pack 0 ${at[4]}`,
    // The damaged block, once more and alone.
    `pack ${at[1]} ${at[2]! - at[1]!}`,
    `gone ${at[4]} ${at[5]! - at[4]!}`,
    `pack ${at[5]} ${offset - at[5]!}`,
  ])
  assert.deepEqual(
    places.map((place) => found.get(place)),
    contents.map((content, i) => i === 1 ? "a block of pack is damaged or altered" : i === 4 ? "it is gone" : content),
  )
})
