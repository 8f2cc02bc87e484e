import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { decodeEntry, encodeEntry, EntryFormatError } from "../../../../stages/catalog/tree/codec.ts"
import type { StoredEntry } from "../../../../stages/catalog/tree/row.ts"
import { entries } from "../../../suites/tree.ts"

const FILE: StoredEntry = { path: "a", kind: "file", metadata: {}, size: 0, chunks: new Uint8Array(0) }

describe("the binary form of entries", () => {
  it("decodes the entries that were encoded, one after the other", () => {
    fc.assert(fc.property(fc.array(entries, { maxLength: 5 }), (list) => {
      const reader = { bytes: new Uint8Array(Buffer.concat(list.map(encodeEntry))), at: 0 }
      for (const entry of list) assert.deepEqual(decodeEntry(reader), entry)
      assert.equal(reader.at, reader.bytes.length)
    }))
  })

  it("is as documented", () => {
    const entry: StoredEntry = { ...FILE, path: "d/é", metadata: { mode: 0o644, mtime: -1n }, size: 2 ** 40 + 5 }
    assert.equal(
      Buffer.from(encodeEntry(entry)).toString("hex"),
      "00" + "2100" + "04000000" + "642fc3a9" + "0500000000010000" + "a4010000" + "ffffffffffffffff" + "00000000",
    )
  })

  it("is as documented for a symlink with several names", () => {
    const entry: StoredEntry = { ...FILE, path: "d/l", kind: "symlink", target: "to", linkTo: "k" }
    const hex = "02" + "000c" + "03000000" + "642f6c" + "0000000000000000" + "02000000" + "746f" + "01000000" + "6b" +
      "00000000"
    assert.equal(Buffer.from(encodeEntry(entry)).toString("hex"), hex)
    const socket = Buffer.from(hex.replace(/^02000c/, "040008").replace("02000000746f", ""), "hex")
    assert.throws(() => decodeEntry({ bytes: new Uint8Array(socket), at: 0 }), EntryFormatError)
  })

  it("refuses every truncation, and turns any other change into an error or another entry", () => {
    fc.assert(fc.property(entries, fc.infiniteStream(fc.nat()), (entry, random) => {
      const bytes = encodeEntry(entry)
      const next = (): number => random.next().value as number
      const cut = next() % bytes.length
      assert.throws(() => decodeEntry({ bytes: bytes.subarray(0, cut), at: 0 }), EntryFormatError)
      for (let i = 0; i < 20; i++) {
        const bad = bytes.slice()
        bad[next() % Math.min(bad.length, 80)] = next()
        const reader = { bytes: bad, at: 0 }
        try {
          // Bytes that decode are canonical, except for names that are not UTF-8.
          assert.deepEqual(
            decodeEntry({ bytes: encodeEntry(decodeEntry(reader)), at: 0 }).kind,
            decodeEntry({ bytes: bad, at: 0 }).kind,
          )
          assert.ok(reader.at <= bad.length)
        } catch (error) {
          assert.ok(error instanceof EntryFormatError, String(error))
        }
      }
    }))
  })

  it("survives random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeEntry({ bytes, at: 0 })
      } catch (error) {
        assert.ok(error instanceof EntryFormatError, String(error))
      }
    }))
  })

  it("refuses hostile paths and fields out of bounds", () => {
    for (const path of ["..", "a/../b", "/a", "a//b", "a\0"]) {
      assert.throws(() => decodeEntry({ bytes: encodeEntry({ ...FILE, path }), at: 0 }), EntryFormatError)
    }
    for (
      const bad of [
        { size: -1 },
        { size: 1.5 },
        { chunks: new Uint8Array(35) },
        { metadata: { uid: 2 ** 32 } },
        { metadata: { mode: NaN } },
        { metadata: { user: "x".repeat(2000) } },
        { kind: "directory", size: 1 },
      ] as ReadonlyArray<Partial<StoredEntry>>
    ) assert.throws(() => encodeEntry({ ...FILE, ...bad }), EntryFormatError)
  })
})
