import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { describe, it } from "node:test"
import fc from "fast-check"
import { toAttributes, toMetadata } from "../../../formats/bkp/attributes.ts"
import {
  decodeObject,
  encodeNode,
  encodeSnapshot,
  FILE,
  type NodeObject,
  SNAPSHOT,
  type SnapshotObject,
  SYMLINK,
  TREE,
} from "../../../formats/bkp/objects.ts"
import { RepositoryError } from "../../../formats/error.ts"

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"))
const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex")
const idOf = (data: Uint8Array): string => createHash("sha256").update(data).digest("hex")
const encode = (object: SnapshotObject | NodeObject): Uint8Array =>
  object.type === SNAPSHOT ? encodeSnapshot(object) : encodeNode(object)

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const chunk = createHash("sha256").update("hello\n").digest("hex")

/** The first one is from the program of the document; the others were made with Python's `struct` and `hashlib`. */
const fileId = "982b600b04119bd3e6e9228ba43cd9648041706af6c94de58c922af4ec54e6d6"
const linkId = "288e464f92821162b8cb1ccef3b7962a52b6a3ba2e7b4d4e48895bc66e74ac98"
const treeId = "bfddee4549bf6d6281e26a9f49542bb5ec9c77fb39dbba21249f3cb0c4ae47f5"
const snapshotId = "e27b84126b917e43ab8edf89609b7561af6d6bb10707ecb642ad67df99951c39"
const vectors: ReadonlyArray<readonly [string, SnapshotObject | NodeObject, string, string]> = [
  [
    "file",
    {
      type: FILE,
      createTime: 1499157720n,
      name: text("a.txt"),
      attributes: { mtime: 100n, atime: 200n, ctime: 300n, mode: 0o644 },
      body: bytes(chunk),
    },
    "d8545b5900000000030500612e7478746400000000000000c8000000000000002c01000000000000a40101000000" + chunk,
    fileId,
  ],
  [
    "symlink",
    {
      type: SYMLINK,
      createTime: 1499157721n,
      name: Uint8Array.of(0x6c, 0xff),
      attributes: { mtime: 1n, atime: 2n, ctime: 3n, mode: 0o777 },
      body: Uint8Array.of(0x2e, 0x2e, 0x2f, 0x78, 0xfe),
    },
    "d9545b59000000000202006cff010000000000000002000000000000000300000000000000ff01050000002e2e2f78fe",
    linkId,
  ],
  [
    "tree",
    {
      type: TREE,
      createTime: 1499157722n,
      name: text(""),
      attributes: { mtime: 4n, atime: 5n, ctime: 6n, mode: 0o1755 },
      body: bytes(fileId + linkId),
    },
    `da545b5900000000010000040000000000000005000000000000000600000000000000ed0302000000${fileId}${linkId}`,
    treeId,
  ],
  [
    "first snapshot",
    { type: SNAPSHOT, createTime: 1499157723n, root: bytes(treeId) },
    `db545b590000000000${treeId}00`,
    snapshotId,
  ],
  [
    "later snapshot",
    { type: SNAPSHOT, createTime: 1499157724n, root: bytes(treeId), parent: bytes(snapshotId) },
    `dc545b590000000000${treeId}01${snapshotId}`,
    "60e7d423260985dbd836a72b3d2667049dae33934c1c4fabf8d8b46d2eb007f7",
  ],
]

describe("bkp objects", () => {
  for (const [name, object, encoded, id] of vectors) {
    it(`match known answers: ${name}`, () => {
      assert.equal(hex(encode(object)), encoded)
      assert.equal(idOf(bytes(encoded)), id)
      assert.deepEqual(decodeObject("x", bytes(encoded)), object)
    })

    it(`are refused if cut, extended or with impossible lengths: ${name}`, () => {
      const whole = bytes(encoded)
      const refused = (data: Uint8Array) =>
        assert.throws(
          () => decodeObject("x", data),
          (error) => error instanceof RepositoryError && error.reason === "corrupt" && error.object === "x",
        )
      for (let length = 0; length < whole.length; length++) refused(whole.subarray(0, length))
      refused(Uint8Array.of(...whole, 0))
      refused(whole.map((byte, at) => at === 8 ? 4 : byte))
      // An object with a changed byte is refused, or decodes to something that encodes to the same bytes.
      for (let at = 0; at < whole.length; at++) {
        for (const change of [1, 0x80, 0xff]) {
          const changed = whole.map((byte, i) => i === at ? byte ^ change : byte)
          try {
            assert.equal(hex(encode(decodeObject("x", changed))), hex(changed))
          } catch (error) {
            assert.ok(error instanceof RepositoryError, String(error))
          }
        }
      }
    })
  }

  it("decode to what was encoded, and noise is refused", () => {
    const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
    const node = fc.record({
      type: fc.constantFrom<NodeObject["type"]>(TREE, SYMLINK, FILE),
      createTime: u64,
      name: fc.uint8Array({ maxLength: 300 }),
      attributes: fc.record({ mtime: u64, atime: u64, ctime: u64, mode: fc.nat(0xffff) }, { noNullPrototype: true }),
      body: fc.nat(5).chain((n) => fc.uint8Array({ minLength: n * 32, maxLength: n * 32 })),
    }, { noNullPrototype: true })
    fc.assert(fc.property(node, (object) => assert.deepEqual(decodeObject("x", encodeNode(object)), object)))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      try {
        decodeObject("x", noise)
      } catch (error) {
        assert.ok(error instanceof RepositoryError)
      }
    }))
  })

  it("mark unknown attributes, without touching the bits that the document has", () => {
    for (
      const metadata of [{}, { mode: 0o7777 }, { mtime: 5_000_000_000n }, { mode: 0, mtime: 0n, ctime: 1_000_000_000n }]
    ) {
      for (const implied of [false, true]) {
        const attributes = toAttributes(metadata, 0o644, implied)
        assert.deepEqual(toMetadata(attributes), metadata)
        assert.equal(attributes.mode & 0o7777, "mode" in metadata ? metadata.mode : 0o644)
      }
    }
    assert.equal(toAttributes({ mode: 0o644, mtime: 1n }, 0).mode, 0o644)
    // Another program may have put the file type there.
    for (const type of [0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o120000, 0o140000]) {
      const attributes = { mtime: 7n, atime: 0n, ctime: 0n, mode: type | 0o640 }
      assert.deepEqual(toMetadata(attributes), { mode: 0o640, mtime: 7_000_000_000n })
    }
  })

  it("round times down to whole seconds that are not before 1970", () => {
    assert.deepEqual(toMetadata(toAttributes({ mode: 0, mtime: 1_999_999_999n }, 0)).mtime, 1_000_000_000n)
    assert.deepEqual(toMetadata(toAttributes({ mode: 0, mtime: -1n }, 0)).mtime, 0n)
  })
})
