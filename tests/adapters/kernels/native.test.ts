/** The table of native kernels is true. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { versions } from "node:process"
import { Redacted } from "effect"
import { hasNodeChacha } from "../../../adapters/kernels/chacha.ts"
import { kernelTable, nativeKernels } from "../../../adapters/kernels/native.ts"
import { aes256gcm } from "../../../stages/encrypt/aes256gcm.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"

test("the table lists all native kernels, and what each runs by", () => {
  const table = new Map(kernelTable().map(({ stage, name, implementation }) => [`${stage}:${name}`, implementation]))
  assert.deepEqual([...table.keys()], Object.keys(nativeKernels))
  const cipher = makeKernel(aes256gcm(Redacted.make(new Uint8Array(32))), nativeKernels)
  assert.equal(table.get("encrypt:xaes-256-gcm")?.includes("WebCrypto"), cipher.sealLater !== undefined)
  assert.equal(cipher.sealLater !== undefined, versions["deno"] !== undefined)
  assert.equal(table.get("encrypt:xchacha20-poly1305"), hasNodeChacha() ? "node:crypto" : "plain")
  assert.match(table.get("hash:blake3-keyed")!, /^@napi-rs|^blake3-wasm|^plain$/)
  assert.equal(table.get("chunk:fastcdc"), "WebAssembly")
})
