import assert from "node:assert/strict"
import { test } from "node:test"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { nativeGzip } from "../../../adapters/kernels/compress.ts"
import { nativeSha256 } from "../../../adapters/kernels/hash.ts"
import { hashBlock } from "../../../formats/fogsync/block_write.ts"
import { decodeEnvelope, encodeEnvelope, startDecoder } from "../../../formats/fogsync/envelope.ts"
import { isKind, makeNonce } from "../../../formats/fogsync/kinds.ts"
import { concat } from "effect/Bytes"
import { reasonOf } from "../../suites/kernels.ts"
import { noise } from "../../suites/noise.ts"
import { hex, keysFrom } from "./harness.ts"

const zeroKeys = keysFrom(new Uint8Array(64))
const keys = keysFrom(noise(32))
const gzip = { kernel: nativeGzip({ level: 6 }), adaptive: true }
const fox = new TextEncoder().encode("The quick brown fox jumps over the lazy dog.")

/** The envelope with its MAC first, as the earliest programs wrote it. */
const macFirst = (envelope: Uint8Array): Uint8Array => concat([envelope.subarray(-32), envelope.subarray(0, -32)])

/** Decodes an envelope in pieces of a size. */
const opened = (envelope: Uint8Array, size: number, limit?: number): Uint8Array => {
  const transform = startDecoder(keys, limit)
  const out: Array<Uint8Array> = []
  for (let at = 0; at < envelope.length; at += size) out.push(...transform.push(envelope.subarray(at, at + size)))
  return concat([...out, ...transform.end()])
}

test("an envelope has the bytes of the known answer", () => {
  const nonce = Uint8Array.from({ length: 24 }, (_, i) => i)
  const envelope = encodeEnvelope(zeroKeys, fox, { nonce })
  assert.equal(hex(envelope.subarray(0, 24)), hex(nonce))
  assert.equal(hex(envelope.subarray(24, 32)), "669b3ff0cc8a038b")
  assert.equal(
    hex(envelope.subarray(32, -32)),
    "27ab1dd07b9074c3588ef5465dd61f38fcc6c42988b8979aeefcdf261c25356dd5ffa9628e6558c50bcc186e",
  )
  assert.equal(hex(envelope.subarray(-32)), "332e67feb70b287064228ee7c5487b5e5388ee3875746d0f0ae9d37457ca9694")
  assert.equal(
    hex(hashBlock(nativeSha256(), envelope)),
    "59dff3378dd8b44862fb7b72230467adce520291ed126ebe334623a9887f5684",
  )
  for (const form of [envelope, macFirst(envelope)]) assert.deepEqual(decodeEnvelope(zeroKeys, form, 100), fox)
})

test("gives back the data, wherever the MAC is, in pieces of any size", () => {
  const prose = new TextEncoder().encode("some text ".repeat(150_000))
  for (
    const data of [new Uint8Array(0), Uint8Array.of(1), fox, noise(70_000), prose, noise(1 << 20)]
  ) {
    for (const options of [{}, { gzip }, { gzip: { ...gzip, adaptive: false } }]) {
      const envelope = encodeEnvelope(keys, data, options)
      assert.ok(options.gzip === undefined || data !== prose || envelope.length < data.length / 50)
      for (const form of [envelope, macFirst(envelope)]) {
        const size = form.length > 100_000 ? 65_536 : form.length > 1000 ? 997 : 1
        assert.ok(Buffer.from(data).equals(opened(form, size)))
        assert.ok(Buffer.from(data).equals(decodeEnvelope(keys, form, data.length)))
        if (data.length > 0) assert.equal(reasonOf(() => opened(form, size, data.length - 1)), "limit")
      }
    }
  }
})

test("the first MiB decides whether compression pays", () => {
  const mixed = concat([noise(1 << 20), new Uint8Array(3 << 20)])
  assert.equal(encodeEnvelope(keys, mixed, { gzip }).length, mixed.length + 64)
})

test("refuses an envelope with any flipped bit or cut", () => {
  for (const form of [encodeEnvelope(keys, fox), encodeEnvelope(keys, fox, { gzip: { ...gzip, adaptive: false } })]) {
    for (const envelope of [form, macFirst(form)]) {
      for (let bit = 0; bit < envelope.length * 8; bit++) {
        const altered = envelope.slice()
        altered[bit >> 3]! ^= 1 << (bit & 7)
        assert.equal(reasonOf(() => decodeEnvelope(keys, altered, 1000)), "forged", `bit ${bit}`)
        assert.notEqual(reasonOf(() => opened(altered, 10)), "none", `bit ${bit}`)
      }
      for (let length = 0; length < envelope.length; length++) {
        assert.equal(reasonOf(() => decodeEnvelope(keys, envelope.subarray(0, length), 1000)), "forged")
        assert.notEqual(reasonOf(() => opened(envelope.subarray(0, length), 10)), "none")
      }
      assert.equal(reasonOf(() => decodeEnvelope(zeroKeys, envelope, 1000)), "forged")
    }
  }
})

test("a decompression bomb is refused before it is decompressed", () => {
  const bomb = encodeEnvelope(keys, gzipSync(new Uint8Array(20 << 20)))
  // The header says that the data are compressed, as in an envelope of another program.
  const transform = { kernel: { encode: () => gzipSync(new Uint8Array(20 << 20)), decode: () => assert.fail() } }
  const envelope = encodeEnvelope(keys, fox, { gzip: { ...transform, adaptive: false } })
  assert.equal(reasonOf(() => opened(envelope, 8192, 44)), "limit")
  assert.ok(opened(bomb, 8192).length < 100_000)
})

test("throws no other exception for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    reasonOf(() => decodeEnvelope(keys, bytes, 1000))
    reasonOf(() => opened(bytes, 50))
  }))
})

test("an envelope of a kind is not taken for another kind, nor any other envelope for it", () => {
  const root = makeNonce(keys, "root")
  assert.ok(isKind(keys, "root", root))
  assert.ok(!isKind(keys, "share", root) && !isKind(zeroKeys, "root", root) && !isKind(keys, "root", makeNonce(keys)))
  assert.ok(!isKind(keys, "root", root.subarray(0, 23)))
  assert.notDeepEqual(makeNonce(keys, "root").subarray(16), root.subarray(16))
  assert.deepEqual(decodeEnvelope(keys, encodeEnvelope(keys, fox, { nonce: root }), 44), fox)
})
