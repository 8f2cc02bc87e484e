import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted } from "effect"
import fc from "fast-check"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { decodeConfig, isConfig } from "../../../formats/bkp/config.ts"
import { escapeNode, packName, parseName, singleName, unescapeNode } from "../../../formats/bkp/layout.ts"
import { makeObjectCipher } from "../../../formats/bkp/object_cipher.ts"
import { newConfig, passwordKey, unlock } from "../../../formats/bkp/unlock.ts"
import { RepositoryError } from "../../../formats/error.ts"
import { objectNameProblem } from "../../../stages/store/store.ts"
import { reasonOf } from "../../suites/kernels.ts"

const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex")
const password = Redacted.make("secret")
const reason = (effect: Effect.Effect<unknown, RepositoryError>): Promise<string> =>
  Effect.runPromise(Effect.map(Effect.flip(effect), (error) => error.reason))

describe("bkp config", () => {
  it("derives keys as Python's hashlib.pbkdf2_hmac does", async () => {
    const salt = Uint8Array.from({ length: 32 }, (_, i) => i)
    const cases: ReadonlyArray<readonly [string, number, string]> = [
      ["secret", 1000, "279815a2b1b2236a0ff80b851255fc227ed9052f3ede9a2192ffbd63107f5745"],
      ["", 3, "9afab2cf864ba271aa01ab89e5fe1171a0000432b13ba19c2df48b2031cba305"],
      ["e\u0301", 3, "d7cd7490c0dad3f823d154da4830bd24c0f3636cd2dde1d97214344081d99c4f"],
    ]
    for (const [text, iterations, expected] of cases) {
      const key = await Effect.runPromise(passwordKey(Redacted.make(text), salt, iterations))
      assert.equal(hex(Redacted.value(key)), expected)
    }
  })

  it("is unlocked by its password, and tells a wrong password from damage", async () => {
    for (const keys of ["per-object", "one"] as const) {
      const made = await Effect.runPromise(newConfig(password, { iterations: 2, keys }, nativeKernels))
      const config = decodeConfig(made.bytes)
      const cipher = await Effect.runPromise(unlock(config, password, "x", {}))
      const sealed = made.cipher.encrypt("blocks/00/x", Uint8Array.of(1, 2, 3))
      assert.equal(sealed.length, 3 + cipher.overhead)
      assert.deepEqual(cipher.decrypt("blocks/00/x", sealed), Uint8Array.of(1, 2, 3))
      assert.equal(reasonOf(() => cipher.decrypt("metadata/00/x", sealed)), "forged")
      assert.equal(reasonOf(() => cipher.decrypt("blocks/00/y", sealed)), keys === "one" ? "none" : "forged")
      assert.equal(await reason(unlock(config, Redacted.make("Secret"), "x", {})), "wrong-key")
      assert.match((await Effect.runPromise(Effect.flip(unlock(config, undefined, "x", {})))).message, /password/)
      for (let at = 0; at < made.bytes.length; at++) {
        for (const change of [1, 0x20]) {
          const altered = made.bytes.map((byte, i) => i === at ? byte ^ change : byte)
          assert.throws(
            () => decodeConfig(altered),
            (error) => error instanceof RepositoryError && ["corrupt", "foreign", "newer"].includes(error.reason),
          )
        }
      }
    }
  })

  it("of a later version or of something else is refused", () => {
    const of = (text: string) => {
      try {
        decodeConfig(new TextEncoder().encode(text))
        return "none"
      } catch (error) {
        return (error as RepositoryError).reason
      }
    }
    assert.equal(of('{"format":"bkp","version":2,"other":1}'), "newer")
    assert.equal(of('{"format":"bkp","version":0}'), "corrupt")
    assert.equal(of('{"version":2}'), "foreign")
    assert.equal(of("\u0000"), "corrupt")
    assert.equal(isConfig(new TextEncoder().encode('{"version":2}')), false)
  })

  it("has a key that decrypts what Python encrypted", () => {
    const master = Redacted.make(Uint8Array.from({ length: 32 }, (_, i) => i))
    const name = "metadata/98/982b600b04119bd3e6e9228ba43cd9648041706af6c94de58c922af4ec54e6d6"
    for (
      const [scheme, sealed] of [[
        "one",
        "000102030405060708090a0bfa9e696c4c738522cea36f8aec75610d9387f6da3f401a4c7ec633dbe6e847b7",
      ], [
        "per-object",
        "000102030405060708090a0b6c21ac57a671a57c98516a90a7b97656dc828e398683d333679698980071bb51",
      ]] as const
    ) {
      for (const table of [{}, nativeKernels]) {
        const opened = makeObjectCipher(master, scheme, table).decrypt(name, new Uint8Array(Buffer.from(sealed, "hex")))
        assert.equal(new TextDecoder().decode(opened), "sealed by Python")
      }
    }
  })
})

describe("bkp names", () => {
  it("keep all host names apart, even if the store ignores case", () => {
    const known: ReadonlyArray<readonly [string, string]> = [
      ["vm", "vm"],
      ["", "_"],
      [".", "_2e"],
      ["a.example", "a.example"],
      ["A_b/c", "_41_5fb_2fc"],
      ["ü\udcff", "_c3_bc_ff"],
    ]
    for (const [node, escaped] of known) {
      assert.equal(escapeNode(node), escaped)
      assert.equal(unescapeNode(escaped), node)
    }
    for (const other of ["A", "_4", "_61", "__", "a_", ".a", "é"]) assert.equal(unescapeNode(other), undefined, other)
    assert.equal(escapeNode("x".repeat(201)), undefined)
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 30 }), (node) => {
      const escaped = escapeNode(node)!
      assert.equal(unescapeNode(escaped), node)
      assert.equal(objectNameProblem(`heads/${escaped}`), undefined)
      assert.equal(escaped, escaped.toLowerCase())
    }))
  })

  it("tell objects, packfiles and other things apart", () => {
    const id = Uint8Array.from({ length: 32 }, (_, i) => 255 - i)
    assert.deepEqual(parseName("blocks", singleName("blocks", id)), { id })
    for (const length of [0, 1, 5, 32]) {
      const prefix = id.subarray(0, length)
      assert.deepEqual(parseName("metadata", packName("metadata", prefix)), { prefix })
    }
    assert.deepEqual(parseName("metadata", "metadata/ff/fffe.pack"), { prefix: id.subarray(0, 2) })
    const others = ["blocks/00/" + hex(id), "blocks/ff/x", "blocks/ff/fff.pack", "blocks/ff/ff-1.pack", hex(id)]
    for (const name of others) assert.equal(parseName("blocks", name), undefined, name)
  })
})
