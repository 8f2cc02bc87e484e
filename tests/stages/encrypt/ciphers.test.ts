import { skipIf } from "../../skip.ts"
import assert from "node:assert/strict"
import { test } from "node:test"
import { Redacted } from "effect"
import { hasNodeChacha, nodeChacha, nodeXchacha } from "../../../adapters/kernels/chacha.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { nodeXaes } from "../../../adapters/kernels/xaes.ts"
import { type NonceCipher, randomNonces, sealWith } from "../../../stages/encrypt/aead.ts"
import { aes256gcm, portableXaes } from "../../../stages/encrypt/aes256gcm.ts"
import { aes256gcmsiv, portableAesGcmSiv } from "../../../stages/encrypt/aes256gcmsiv.ts"
import { chacha20poly1305, portableChacha } from "../../../stages/encrypt/chacha20poly1305.ts"
import { noEncryption } from "../../../stages/encrypt/none.ts"
import { portableXchacha, xchacha20poly1305 } from "../../../stages/encrypt/xchacha20poly1305.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { cipherSuite, reasonOf } from "../../suites/kernels.ts"
import { noise } from "../../suites/noise.ts"
import siv from "../../vectors/aes_256_gcm_siv.json" with { type: "json" }
import chacha from "../../vectors/chacha20_poly1305.json" with { type: "json" }
import xaes from "../../vectors/xaes_256_gcm.json" with { type: "json" }
import xchacha from "../../vectors/xchacha20_poly1305.json" with { type: "json" }

const key = Redacted.make(noise(32, 1))
const other = Redacted.make(noise(32, 2))
for (const [name, table] of [["portable", {}], ["native", nativeKernels]] as const) {
  cipherSuite(`aes256gcm, ${name}`, aes256gcm(key), aes256gcm(other), table)
  cipherSuite(`aes256gcmsiv, ${name}`, aes256gcmsiv(key), aes256gcmsiv(other), table)
  cipherSuite(`chacha20poly1305, ${name}`, chacha20poly1305(key), chacha20poly1305(other), table)
  cipherSuite(`xchacha20poly1305, ${name}`, xchacha20poly1305(key), xchacha20poly1305(other), table)
}

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"))

const noChacha = hasNodeChacha() ? false : "node:crypto has no chacha20-poly1305 here"
const vectors: ReadonlyArray<readonly [string, (key: Uint8Array) => NonceCipher, typeof xaes, string | false]> = [
  ["portable XAES-256-GCM", portableXaes, xaes, false],
  ["native XAES-256-GCM", (key) => nodeXaes(key), xaes, false],
  ["AES-256-GCM-SIV", portableAesGcmSiv, siv, false],
  ["portable ChaCha20-Poly1305", portableChacha, chacha, false],
  ["native ChaCha20-Poly1305", nodeChacha, chacha, noChacha],
  ["portable XChaCha20-Poly1305", portableXchacha, xchacha, false],
  ["native XChaCha20-Poly1305", nodeXchacha, xchacha, noChacha],
]
for (const [name, make, { cases }, skip] of vectors) {
  test(...skipIf(skip, `${name} gives the known answers`), () => {
    for (const vector of cases) {
      const cipher = make(bytes(vector.key))
      const sealed = sealWith(cipher, bytes(vector.nonce), bytes(vector.plaintext), bytes(vector.aad))
      assert.equal(Buffer.from(sealed).toString("hex"), vector.nonce + vector.sealed, vector.source)
      const opened = cipher.open(bytes(vector.nonce), bytes(vector.sealed), bytes(vector.aad))
      assert.equal(Buffer.from(opened!).toString("hex"), vector.plaintext)
    }
  })
}

test("XAES-256-GCM by WebCrypto gives the known answers, and its messages can be opened", async () => {
  for (const vector of xaes.cases) {
    const cipher = nodeXaes(bytes(vector.key), true)
    const parts = await cipher.sealLater!(bytes(vector.nonce), bytes(vector.plaintext), bytes(vector.aad))
    assert.equal(Buffer.concat(parts).toString("hex"), vector.sealed, vector.source)
  }
  const kernel = randomNonces("own", nodeXaes(noise(32, 1), true))
  for (const content of [noise(0), noise(100_001)]) {
    for (const aad of [undefined, noise(9)]) {
      const sealed = await kernel.sealLater!(content, aad)
      assert.equal(sealed.length, content.length + kernel.overhead)
      assert.deepEqual(makeKernel(aes256gcm(key)).open(sealed, aad), content)
    }
  }
})

test("keys that do not have 32 bytes are refused", () => {
  for (const cipher of [aes256gcm, aes256gcmsiv, chacha20poly1305, xchacha20poly1305]) {
    assert.equal(reasonOf(() => cipher(Redacted.make(new Uint8Array(16)))), "unsupported")
    const spec = { ...cipher(key), params: { key: Redacted.make(new Uint8Array(33)) } }
    for (const table of [{}, nativeKernels]) assert.equal(reasonOf(() => makeKernel(spec, table)), "unsupported")
  }
})

test("a spec that is printed does not show its key", () => {
  const shown = JSON.stringify(aes256gcm(Redacted.make(new Uint8Array(32).fill(171)))) +
    String(aes256gcm(key).params.key)
  assert.ok(!shown.includes("171") && shown.includes("redacted"))
})

test("no encryption leaves messages as they are", () => {
  const cipher = makeKernel(noEncryption)
  assert.equal(cipher.overhead, 0)
  assert.deepEqual(cipher.open(cipher.seal(noise(10))), noise(10))
})
