import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import fc from "fast-check"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { IdTable } from "../../../formats/bkp/id_table.ts"
import { compareIds, decodePack, encodePack, type Packable, prefixOf } from "../../../formats/bkp/packfile.ts"
import { RepositoryError } from "../../../formats/error.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"

const hasher = makeKernel(sha256, nativeKernels)
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex")
const packable = (content: string | Uint8Array): Packable => {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content
  return { id: new Uint8Array(createHash("sha256").update(bytes).digest()), bytes }
}
const decode = (bytes: Uint8Array, prefix: Uint8Array): Map<string, string> => {
  const found = new Map<string, string>()
  decodePack(
    "p",
    bytes,
    prefix,
    hasher,
    (id, offset, length) => found.set(hex(id), hex(bytes.subarray(offset, offset + length))),
  )
  return found
}
const refused = (bytes: Uint8Array, prefix: Uint8Array): void =>
  assert.throws(
    () => decode(bytes, prefix),
    (error) => error instanceof RepositoryError && error.reason === "corrupt" && error.object === "p",
  )

/** Made with Python's `struct` and `hashlib`. */
const first = "7f39cf870a1f49129f9c82d935665d352ffd25ea3296208f6f7b16fd654f"
const vectors: ReadonlyArray<readonly [ReadonlyArray<string>, number, string]> = [
  [
    ["1039", "886", "286"],
    1,
    `5041434b03000000010003${first}04000000313033390f21ac06aceb9cdd0575e82d0d85fc39bed0a7a1d71970ba1641666a44f530030000003838` +
    "36328ce57bbc14b33bd6695bc8eb32cdf2fb5f3a7d89ec14a42825e15d39df6003000000323836",
  ],
  [["1039"], 32, `5041434b01000000200003${first}0400000031303339`],
  [
    ["1039", "886"],
    0,
    `5041434b02000000000003${first}0400000031303339000f21ac06aceb9cdd0575e82d0d85fc39bed0a7a1d71970ba1641666a44f53003000000383836`,
  ],
]

describe("bkp packfiles", () => {
  for (const [contents, prefixLength, encoded] of vectors) {
    const objects = contents.map(packable)
    const prefix = objects[0]!.id.subarray(0, prefixLength)

    it(`match known answers, with a prefix of ${prefixLength} bytes`, () => {
      const { bytes, offsets } = encodePack(objects, prefix)
      assert.equal(hex(bytes), encoded)
      for (const [i, { bytes: content }] of objects.entries()) {
        assert.deepEqual(bytes.subarray(offsets[i]!, offsets[i]! + content.length), content)
      }
      assert.deepEqual([...decode(bytes, prefix).keys()], objects.map(({ id }) => hex(id)))
    })

    it(`are refused if any byte is changed or missing, with a prefix of ${prefixLength} bytes`, () => {
      const { bytes } = encodePack(objects, prefix)
      for (let length = 0; length < bytes.length; length++) refused(bytes.subarray(0, length), prefix)
      refused(Uint8Array.of(...bytes, 0), prefix)
      for (let at = 0; at < bytes.length; at++) {
        for (const change of [1, 0x80, 0xff]) refused(bytes.map((b, i) => i === at ? b ^ change : b), prefix)
      }
    })
  }

  it("are refused if unsorted, with an object twice, or under a name with another prefix", () => {
    const objects = vectors[0]![0].map(packable)
    const prefix = objects[0]!.id.subarray(0, 1)
    refused(encodePack(objects.toReversed(), prefix).bytes, prefix)
    refused(encodePack([objects[0]!, objects[0]!], prefix).bytes, prefix)
    refused(encodePack(objects, prefix).bytes, new Uint8Array(0))
    refused(encodePack(objects, prefix).bytes, Uint8Array.of(1))
  })

  it("give back any objects that were put in", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.uint8Array({ maxLength: 40 }), { minLength: 1, selector: hex }), (contents) => {
        const objects = contents.map(packable).sort((a, b) => compareIds(a.id, b.id))
        const prefix = prefixOf(objects)
        const expected = new Map(objects.map(({ bytes, id }) => [hex(id), hex(bytes)]))
        assert.deepEqual(decode(encodePack(objects, prefix).bytes, prefix), expected)
      }),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
      refused(Uint8Array.of(0x50, 0x41, 0x43, 0x4b, ...noise, 1), new Uint8Array(0))
    }))
  })
})

it("the table of objects tells IDs apart by all of their bytes, as it grows", () => {
  const table = new IdTable()
  const ids = Array.from({ length: 5000 }, (_, i) => packable(String(i)).id)
  const twins = ids.slice(0, 100).map((id) => id.map((byte, at) => at === 31 ? byte ^ 1 : byte))
  for (const [i, id] of [...ids, ...twins].entries()) {
    assert.equal(table.find(id), -1)
    table.set(id, i, i + 1, 0xffffffff)
  }
  table.set(ids[7]!, 1, 2, 3)
  for (const [i, id] of [...ids, ...twins].entries()) {
    const record = table.find(id)
    assert.deepEqual(table.id(record), id)
    assert.deepEqual(
      [table.pack(record), table.offset(record), table.byteLength(record)],
      i === 7 ? [1, 2, 3] : [i, i + 1, 0xffffffff],
    )
  }
  assert.equal(table.size, 5100)
})
