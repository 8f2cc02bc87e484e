/** Hybrid keys of age: what is wrapped is what `age-encryption`, the reference implementation, has in its stanzas. */
import { hkdf } from "@noble/hashes/hkdf.js"
import { hmac } from "@noble/hashes/hmac.js"
import { sha256 } from "@noble/hashes/sha2.js"
import { base64nopad, bech32 } from "@scure/base"
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption"
import { concat } from "effect/Bytes"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import assert from "node:assert/strict"
import { test } from "node:test"
import { hybridRecipient, unwrapHybrid, wrapHybrid } from "../../../stages/encrypt/age_hybrid.ts"

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text)
const fresh = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
const seed = Redacted.make(fresh(32))
const recipient = await Effect.runPromise(hybridRecipient(seed))
/** What the `age` command takes. */
const identity = bech32.encodeFromBytes("age-secret-key-pq-", Redacted.value(seed)).toUpperCase()

test("a seed is an identity of age", async () => {
  assert.equal(recipient, await identityToRecipient(identity))
})

test("age opens what was wrapped here", async () => {
  const fileKey = fresh(16)
  const wrapped = await Effect.runPromise(wrapHybrid(recipient, fileKey))
  assert.equal(wrapped.length, 1152)
  const stanza = `-> mlkem768x25519 ${base64nopad.encode(wrapped.subarray(0, 1120))}\n` +
    `${base64nopad.encode(wrapped.subarray(1120))}\n`
  const head = `age-encryption.org/v1\n${stanza}---`
  const mac = hmac(sha256, hkdf(sha256, fileKey, undefined, ascii("header"), 32), ascii(head))
  const decrypter = new Decrypter()
  decrypter.addIdentity(identity)
  assert.deepEqual(await decrypter.decryptHeader(ascii(`${head} ${base64nopad.encode(mac)}\n`)), fileKey)
})

test("what age wrapped opens here", async () => {
  const encrypter = new Encrypter()
  encrypter.addRecipient(recipient)
  const [, line = "", body = ""] = new TextDecoder().decode(await encrypter.encrypt(ascii("hello"))).split("\n")
  const wrapped = concat([base64nopad.decode(line.split(" ")[2]!), base64nopad.decode(body)])
  assert.equal((await Effect.runPromise(unwrapHybrid(seed, wrapped)))?.length, 16)
})

test("what was altered, cut or is for another does not open, and a recipient that is none is refused", async () => {
  const wrapped = await Effect.runPromise(wrapHybrid(recipient, fresh(16)))
  const open = (bytes: Uint8Array, of = seed) => Effect.runPromise(unwrapHybrid(of, bytes))
  for (const at of [0, 1087, 1088, 1119, 1120, 1151]) {
    assert.equal(await open(wrapped.map((byte, i) => i === at ? byte ^ 1 : byte)), undefined, String(at))
  }
  assert.equal(await open(wrapped.subarray(0, 1151)), undefined)
  assert.equal(await open(new Uint8Array(0)), undefined)
  assert.equal(await open(wrapped, Redacted.make(fresh(32))), undefined)
  for (
    const wrong of [
      "",
      "age1pq1",
      recipient.slice(0, -1),
      "age1ejm9j6wyl4yv8l7npl29gjw6e3sh90q8n5z0s8sqqe07ut3jg5psw8j0qu",
    ]
  ) {
    const error = await Effect.runPromise(Effect.flip(wrapHybrid(wrong, fresh(16))))
    assert.equal(error.reason, "unsupported")
  }
})
