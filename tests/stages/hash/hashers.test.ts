import assert from "node:assert/strict"
import { describe, it, test } from "node:test"
import { Redacted } from "effect"
import { napiBlake3, nativeSha256, wasmBlake3 } from "../../../adapters/kernels/hash.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { blake2b256 } from "../../../stages/hash/blake2b.ts"
import { blake3, blake3Keyed } from "../../../stages/hash/blake3.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { sha512_256 } from "../../../stages/hash/sha512_256.ts"
import { type Hasher, type KernelTable, makeKernel } from "../../../stages/kernel/kernel.ts"
import vectors from "../../vectors/hash.json" with { type: "json" }
import { hasherSuite, reasonOf } from "../../suites/kernels.ts"

const key = new Uint8Array(Buffer.from(vectors.key, "hex"))
const keyed = blake3Keyed(Redacted.make(key))
const napi = napiBlake3()
const wasm = wasmBlake3()

const tableOf = (maker: typeof wasm): KernelTable =>
  maker === undefined ? {} : { "hash:blake3": () => maker(), "hash:blake3-keyed": () => maker(key) }
const tables: ReadonlyArray<readonly [string, KernelTable, string | false]> = [
  ["portable", {}, false],
  ["native", nativeKernels, false],
  ["@napi-rs/blake-hash", tableOf(napi), napi === undefined && "@napi-rs/blake-hash is not installed for this machine"],
  ["blake3-wasm", tableOf(wasm), wasm === undefined && "blake3-wasm does not load here"],
]

for (const [name, table, skip] of tables) {
  describe(name, { skip }, () => {
    it("gives known answers", () => {
      const check = (hasher: Hasher, length: number, expected: string): void => {
        const content = Uint8Array.from({ length }, (_, i) => i % 251)
        assert.equal(Buffer.from(hasher.digest(content)).toString("hex"), expected, `${length} bytes`)
      }
      for (const vector of vectors.cases) {
        check(makeKernel(blake3, table), vector.length, vector.blake3)
        check(makeKernel(keyed, table), vector.length, vector.keyed)
        check(makeKernel(sha256, table), vector.length, vector.sha256)
        check(makeKernel(sha512_256, table), vector.length, vector.sha512_256)
        check(makeKernel(blake2b256, table), vector.length, vector.blake2b)
      }
    })
    hasherSuite("blake3", blake3, table)
    hasherSuite("blake3-keyed", keyed, table)
    hasherSuite("sha256", sha256, table)
    hasherSuite("sha512-256", sha512_256, table)
    hasherSuite("blake2b-256", blake2b256, table)
  })
}

test("blake3-wasm loads on every runtime", () => assert.ok(wasm !== undefined))

test("SHA-256 gives the answers of the examples of FIPS 180-4", () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
  const abc = new TextEncoder().encode("abc")
  for (const hasher of [makeKernel(sha256), nativeSha256()]) {
    assert.equal(hex(hasher.digest(abc)), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
})

test("a key that does not have 32 bytes is refused", () => {
  assert.equal(reasonOf(() => blake3Keyed(Redacted.make(new Uint8Array(31)))), "unsupported")
  const params = { key: Redacted.make(new Uint8Array(33)) }
  for (const table of [{}, nativeKernels]) {
    assert.equal(reasonOf(() => makeKernel({ ...keyed, params }, table)), "unsupported")
  }
})
