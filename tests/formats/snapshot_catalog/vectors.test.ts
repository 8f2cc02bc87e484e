/** Known answers, computed with other programs. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { decodeMap, encodeMap } from "../../../formats/snapshot_catalog/blob_map.ts"
import { blobs, catalogName, catalogs, extents } from "../../../formats/snapshot_catalog/layout.ts"
import type { SnapshotCatalogOptions } from "../../../formats/snapshot_catalog/mod.ts"
import { blake3 } from "../../../stages/hash/blake3.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import { alterDatabase, catalogOf, hex, inRepository, names, options, text, unhex, walk } from "./harness.ts"

const HELLO = "8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99"
const EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
const HELLO_MAP = `0120 0600000000000000 0100000000000000 0000000000000000 ${HELLO}`
const EMPTY_MAP = "0120 0000000000000000 0000000000000000"
const TREE = "f2e556d52fee605647705ae6d15ebd7031022e9e296e542a9868886ce574f834"

const tree = { "a.txt": { content: "hello\n" }, "b/empty": { content: "" }, "zz": { content: "hello\n" } }
const stored: SnapshotCatalogOptions = { compress: false }

describe("snapshot catalog: known answers", () => {
  it("stores extents, maps and catalogs under their names", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(tree), options)
        const { id } = summary.snapshot!
        assert.deepEqual(yield* names(store), [
          `blobs/8e/4c/${HELLO.slice(4)}`,
          `blobs/af/13/${EMPTY.slice(4)}`,
          "catalog.idx",
          `catalogs/${id.slice(0, 2)}/${id.slice(2, 4)}/${id.slice(4)}`,
          `extents/8e/4c/${HELLO.slice(4)}`,
        ])
        assert.deepEqual(yield* store.get(`extents/8e/4c/${HELLO.slice(4)}`, { atMost: Infinity }), text("hello\n"))
        assert.equal(
          hex(yield* store.get(`blobs/8e/4c/${HELLO.slice(4)}`, { atMost: Infinity })),
          hex(unhex(HELLO_MAP)),
        )
        assert.equal(
          hex(yield* store.get(`blobs/af/13/${EMPTY.slice(4)}`, { atMost: Infinity })),
          hex(unhex(EMPTY_MAP)),
        )
      }), stored))

  it("hashes a tree", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(walk(tree), options)
        const db = yield* (yield* SqliteEngine).open(
          Stream.fromEffect(store.get(catalogOf(summary), { atMost: Infinity })),
        )
        assert.deepEqual(
          db.prepare("SELECT value FROM metadata WHERE key = 'tree'").get(),
          [JSON.stringify(TREE)],
        )
        const { findings } = yield* repository.check({ readData: 100 })
        assert.deepEqual(findings, [])
        yield* alterDatabase(
          store,
          catalogOf(summary),
          `UPDATE metadata SET value = replace(value, 'f2e5', 'f2e6') WHERE key = 'tree'`,
        )
        const [finding] = (yield* repository.check({ readData: 0 })).findings
        assert.equal(finding!.object, catalogOf(summary))
        assert.match(finding!.message, /tree hash/)
      }), stored))

  it("sorts the entries of a tree hash by their bytes, so first by the low byte of the length", () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        // Lengths 2, 1, 256, 257: in this order 256, 1, 257, 2.
        const paths = ["aa", "b", "c".repeat(256), "d".repeat(257)]
        const summary = yield* repository.backup(
          walk(Object.fromEntries(paths.map((path) => [path, { content: "hello\n" }]))),
          options,
        )
        const header = new Uint8Array(34)
        header.set([1, 32])
        const view = new DataView(header.buffer)
        for (const [i, value] of [24n, 6n, 4n, 1n].entries()) view.setBigUint64(2 + 8 * i, value, true)
        const entries = paths.map((path) => {
          const length = Buffer.alloc(4)
          length.writeUInt32LE(path.length)
          return Buffer.concat([length, text(path), unhex(HELLO)])
        }).sort(Buffer.compare)
        assert.deepEqual(entries.map((entry) => entry.readUInt32LE(0)), [256, 1, 257, 2])
        const expected = makeKernel(blake3, nativeKernels).digest(Buffer.concat([header, ...entries]))
        const db = yield* (yield* SqliteEngine).open(
          Stream.fromEffect(store.get(catalogOf(summary), { atMost: Infinity })),
        )
        assert.deepEqual(db.prepare("SELECT value FROM metadata WHERE key = 'tree'").get(), [
          JSON.stringify(hex(expected)),
        ])
      }), stored))

  it("encodes and decodes maps, and decodes the later form", () => {
    const id = unhex(HELLO)
    const map = { total: 6, entries: [{ offset: 0, length: 6, id }] }
    assert.equal(hex(encodeMap(map)), hex(unhex(HELLO_MAP)))
    assert.deepEqual(decodeMap("x", unhex(HELLO_MAP)), map)
    assert.deepEqual(decodeMap("x", unhex(EMPTY_MAP)), { total: 0, entries: [] })
    const later = unhex(
      `0120 1400000000000000 0200000000000000
       0200000000000000 0600000000000000 ${HELLO} 0a00000000000000 0600000000000000 ${HELLO}`,
    )
    const holes = { total: 20, entries: [{ offset: 2, length: 6, id }, { offset: 10, length: 6, id }] }
    assert.deepEqual(decodeMap("x", later), holes)
    assert.equal(hex(encodeMap(holes)), hex(later))
  })

  it("names objects with two directories of one byte each", () => {
    const id = "10b66bbfeb4e4a3bbe02986ff6c5e28f"
    assert.equal(catalogName(id), "catalogs/10/b6/6bbfeb4e4a3bbe02986ff6c5e28f")
    assert.deepEqual(catalogs.idOf(catalogName(id)), unhex(id))
    for (const kind of [extents, blobs]) {
      const name = kind.nameOf(unhex(HELLO))
      assert.equal(name, `${kind.directory}8e/4c/${HELLO.slice(4)}`)
      assert.deepEqual(kind.idOf(name), unhex(HELLO))
      for (const other of [name.slice(0, -1), `${name}0`, name.toUpperCase(), `x${name}`, `${name}/x`]) {
        assert.equal(kind.idOf(other), undefined)
      }
    }
  })
})
