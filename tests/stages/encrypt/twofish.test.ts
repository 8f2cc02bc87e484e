import assert from "node:assert/strict"
import { createHash, createHmac } from "node:crypto"
import { test } from "node:test"
import { Redacted } from "effect"
import { nativeSha256 } from "../../../adapters/kernels/hash.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { encryptBlocks, TwofishCounter, twofishKey } from "../../../stages/encrypt/twofish.ts"
import { twofish256ctr, twofishSecret } from "../../../stages/encrypt/twofish256ctr.ts"
import { hmac } from "../../../stages/hash/hmac.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { cipherSuite, reasonOf } from "../../suites/kernels.ts"
import { noise } from "../../suites/noise.ts"
import vectors from "../../vectors/twofish_256.json" with { type: "json" }

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
const bytes = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits, "hex"))
const sha = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex")

const encrypted = (key: Uint8Array, block: Uint8Array): Uint8Array => {
  const words = new Int32Array(block.slice().buffer)
  encryptBlocks(twofishKey(key), words)
  return new Uint8Array(words.buffer)
}

test("Twofish-256 gives the tables of its paper", () => {
  let key = new Uint8Array(32)
  let block = new Uint8Array(16)
  for (const [i, answer] of vectors.table.entries()) {
    const out = encrypted(key, block)
    assert.equal(hex(out), answer, `I=${i + 1}`)
    key = new Uint8Array([...block, ...key.subarray(0, 16)])
    block = new Uint8Array(out)
  }
  // The last one is printed in the paper.
  assert.equal(vectors.table[48], "37fe26ff1cf66175f5ddf4c33b97a205")
})

test("Twofish-256 gives the Monte Carlo answers", () => {
  const key = new Uint8Array(32)
  const words = new Int32Array(4)
  for (const answer of vectors.monteCarlo) {
    const ready = twofishKey(key)
    let before = words.slice()
    for (let i = 0; i < 10_000; i++) {
      before = words.slice()
      encryptBlocks(ready, words)
    }
    assert.equal(hex(new Uint8Array(words.buffer)), answer)
    const both = new Uint8Array([...new Uint8Array(before.buffer), ...new Uint8Array(words.buffer)])
    for (let i = 0; i < 32; i++) key[i]! ^= both[i]!
  }
})

test("Twofish-256 agrees with libgcrypt when any bit of key or text changes", () => {
  const bit = (length: number, i: number): Uint8Array => {
    const out = new Uint8Array(length)
    out[i >> 3] = 0x80 >> (i & 7)
    return out
  }
  const all = (count: number, one: (i: number) => Uint8Array): string =>
    sha(Buffer.concat(Array.from({ length: count }, (_, i) => one(i))))
  assert.equal(all(256, (i) => encrypted(bit(32, i), new Uint8Array(16))), vectors.variableKey)
  assert.equal(all(128, (i) => encrypted(new Uint8Array(32), bit(16, i))), vectors.variableText)
})

test("counter mode agrees with libgcrypt, across carries and in pieces of any size", () => {
  const key = twofishKey(Uint8Array.from({ length: 32 }, (_, i) => i))
  for (const { first, sha256Of5000, start } of vectors.counter) {
    for (const size of [5000, 1, 15, 16, 17, 1023, 1024, 1025]) {
      const stream = new Uint8Array(5000)
      const counter = new TwofishCounter(key, bytes(start))
      for (let at = 0; at < stream.length; at += size) counter.apply(stream.subarray(at, at + size))
      assert.equal(hex(stream.subarray(0, 64)), first)
      assert.equal(sha(stream), sha256Of5000, `pieces of ${size}`)
    }
  }
})

test("HMAC agrees with node:crypto", () => {
  for (const hasher of [makeKernel(sha256), nativeSha256()]) {
    for (const length of [0, 1, 32, 63, 64, 65, 200]) {
      const start = hmac(hasher, noise(length))
      for (const data of [noise(0), noise(1000)]) {
        const state = start()
        state.update(data.subarray(0, 7))
        state.update(data.subarray(7))
        assert.equal(hex(state.digest()), createHmac("sha256", noise(length)).update(data).digest("hex"))
      }
    }
  }
})

for (const [name, table] of [["portable", {}], ["native", nativeKernels]] as const) {
  const key = Redacted.make(noise(32, 1))
  cipherSuite(`twofish256ctr, ${name}`, twofish256ctr(key), twofish256ctr(Redacted.make(noise(32, 2))), table)
}
cipherSuite("twofish256ctr, two keys", twofish256ctr(Redacted.make(noise(64))), twofish256ctr(Redacted.make(noise(32))))

test("two keys are derived from a share key", () => {
  const key = noise(32)
  const secret = twofishSecret({ key: Redacted.make(key) }, nativeSha256())
  assert.equal(hex(secret.mac), sha(Buffer.concat([key, Buffer.from("hmac")])))
  assert.deepEqual(secret.cipher, twofishKey(bytes(sha(Buffer.concat([key, Buffer.from("cipher")])))))
  for (const length of [0, 16, 31, 33, 63, 65]) {
    assert.equal(reasonOf(() => twofish256ctr(Redacted.make(new Uint8Array(length)))), "unsupported")
  }
})

test("additional data cannot be passed off as content", () => {
  const cipher = makeKernel(twofish256ctr(Redacted.make(noise(32))))
  const aad = Uint8Array.of(1, 2, 3)
  const sealed = cipher.seal(noise(10), aad)
  const spliced = new Uint8Array([...sealed.subarray(0, 34), ...aad, ...sealed.subarray(34)])
  assert.equal(reasonOf(() => cipher.open(spliced)), "forged")
})
