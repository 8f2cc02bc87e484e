/** The encoder of blocks and the decoder of blocks are inverse, on this thread and beside it. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Redacted } from "effect"
import { besideKernels } from "../../../adapters/kernels/beside.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { adaptive } from "../../../stages/compress/adaptive.ts"
import { zstd } from "../../../stages/compress/zstd.ts"
import { aes256gcm } from "../../../stages/encrypt/aes256gcm.ts"
import { fixed } from "../../../stages/chunk/fixed.ts"
import { makeBlockDecoder, makeBlockEncoder, makeEncoder, makeSeal } from "../../../stages/kernel/codec.ts"
import { type KernelTable, makeKernel, trusted } from "../../../stages/kernel/kernel.ts"

const noise = Uint8Array.from({ length: 100_000 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24)
const repetitive = new Uint8Array(300_000).map((_, i) => i % 251)
const contents = [new Uint8Array(0), noise.subarray(0, 10), noise, repetitive]

const encrypt = aes256gcm(Redacted.make(noise.slice(0, 32)))
const specs = [adaptive(zstd({ level: 3 })), encrypt]
const inverses = specs.toReversed()
const cipher = makeKernel(encrypt, nativeKernels)

/** The native kernels, with a cipher that seals later on every runtime. */
const sealingLater: KernelTable = {
  ...nativeKernels,
  "encrypt:xaes-256-gcm": () =>
    trusted({
      ...cipher,
      seal: () => assert.fail("seals at once"),
      sealLater: (bytes: Uint8Array) => Promise.resolve(cipher.seal(bytes)),
    }),
}

/** Decoders beside this thread, also where the runtime has none. */
const beside = Object.keys(besideKernels).length > 0
  ? besideKernels
  : { "encrypt:xaes-256-gcm": () => (bytes: Uint8Array) => Promise.resolve().then(() => cipher.open(bytes)) }

describe("blocks", () => {
  it("decode to what was encoded, on this thread and beside it", async () => {
    const { encode, seal } = makeBlockEncoder(specs, nativeKernels, false)
    assert.equal(seal, undefined)
    const here = makeBlockDecoder(inverses, nativeKernels, {})
    const there = makeBlockDecoder(inverses, nativeKernels, beside)
    for (const content of contents) {
      assert.deepEqual(here(encode(content), content.length), content)
      assert.deepEqual(await there(encode(content), content.length), content)
    }
  })

  it("leave the last cipher to a seal of its own, when asked for it and the cipher has one", async () => {
    const { encode, seal } = makeBlockEncoder(specs, sealingLater, true)
    const decode = makeBlockDecoder(inverses, nativeKernels, {})
    for (const content of contents) {
      assert.deepEqual(await decode(await seal!(encode(content)), content.length), content)
    }
    const table = {
      "encrypt:xaes-256-gcm": () => ({ overhead: cipher.overhead, seal: cipher.seal, open: cipher.open }),
    }
    assert.equal(makeBlockEncoder(specs, { ...nativeKernels, ...table }, true).seal, undefined)
  })

  it("can be sealed without being encoded", async () => {
    for (const table of [nativeKernels, sealingLater]) {
      assert.deepEqual(cipher.open(await makeSeal(specs, table)!(noise)), noise)
    }
    assert.equal(makeSeal(specs.slice(0, 1), nativeKernels), undefined)
  })

  it("that are altered, or longer than they should be, are refused, on this thread and beside it", async () => {
    const { encode } = makeBlockEncoder(specs, nativeKernels, false)
    const altered = encode(noise)
    altered[altered.length - 1]! ^= 1
    for (const table of [{}, beside]) {
      const decode = makeBlockDecoder(inverses, nativeKernels, table)
      await assert.rejects(async () => await decode(altered, noise.length), { reason: "forged" })
      await assert.rejects(async () => await decode(encode(noise), noise.length - 1), { reason: "limit" })
    }
  })

  it("do not change what they are decoded from, and free nothing that the caller has", async () => {
    const content = repetitive.slice()
    const { encode } = makeBlockEncoder(specs, nativeKernels, false)
    const stored = encode(content)
    const copy = stored.slice()
    for (const table of [{}, beside]) await makeBlockDecoder(inverses, nativeKernels, table)(stored, content.length)
    assert.deepEqual(stored, copy)
    assert.deepEqual(content, repetitive)
  })

  it("are not encoded by a chunker", () => {
    assert.throws(() => makeEncoder(fixed({ size: 512 }), {}), { reason: "unsupported" })
  })
})
