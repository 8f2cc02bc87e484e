import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { blake3 } from "@noble/hashes/blake3.js"
import { decodeIndex, encodeIndex, type Index, IndexError } from "../../../formats/zprt/index.ts"
import { list, MAGIC, numbers, path } from "./harness.ts"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")
/** `hello\n`, stored at (8, 200), as a.txt and d/b.txt, and an empty directory e. */
const VECTOR = Buffer.from(
  "1d9b817c860495a901000000000000000800000000000000c80000000000000001000000000000008e4c7c1b99dbfd50e7a95185fead5ee1448fa9" +
    "04a2fdd778eaf5f2dbfd629a990100000000000000060000000000000002000000000000000800000000000000c80000000000000008000000000000" +
    "00c800000000000000020000000000000001000000000000000500000000000000612e747874020000000000000001000000000000006405000000" +
    "00000000622e74787401000000000000000100000000000000010000000000000065",
  "hex",
)
const hash = blake3(new TextEncoder().encode("hello\n"))
const content = { offset: 8, length: 200, hash, size: 6 }
const index: Index = {
  contents: [content],
  files: [{ path: "a.txt", content }, { path: "d/b.txt", content }],
  directories: ["e"],
}
const decode = (bytes: Uint8Array) => decodeIndex(bytes, 208)
const bad = (bytes: Uint8Array, message?: RegExp) =>
  assert.throws(() => decode(bytes), (error) => {
    assert.ok(error instanceof IndexError, String(error))
    if (message !== undefined) assert.match(error.message, message)
    return true
  })

/** A plain index in the document's layout, made of its lists. */
const documentOrder = (
  { unique = list(numbers(8, 200)), positions = list(numbers(8, 200)), paths, empty = list() }: {
    readonly unique?: Uint8Array
    readonly positions?: Uint8Array
    readonly paths: Uint8Array
    readonly empty?: Uint8Array
  },
): Uint8Array => Buffer.concat([MAGIC, unique, list(hash), list(numbers(6)), positions, paths, empty])

describe("the index of zprt", () => {
  it("is the published vector, in the document's layout", () => {
    assert.equal(VECTOR.length, 212)
    assert.equal(hex(encodeIndex(index, "document")), hex(VECTOR))
    assert.deepEqual(decode(VECTOR), { index, layout: "document" })
  })

  it("is read in the layout of later programs", () => {
    const paths = list(path("a.txt"), path("d", "b.txt"))
    const later = Buffer.concat(
      [
        [MAGIC, list(numbers(8, 200), numbers(8, 200)), paths, list(path("e"))],
        [list(numbers(8)), list(hash), list(numbers(6))],
      ].flat(),
    )
    assert.equal(hex(encodeIndex(index, "program")), hex(later))
    assert.deepEqual(decode(later), { index, layout: "program" })
  })

  it("comes back in either layout, whatever it holds", () => {
    const name = fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }).filter((name) =>
      !/[/\0]/.test(name) && name !== "." && name !== ".."
    )
    const tree = fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c/d", "e/f"), name), {
      selector: (p) => p.join("/"),
    })
    fc.assert(
      fc.property(tree, fc.constantFrom("document", "program"), (paths, layout) => {
        const contents = [0, 1, 2].slice(0, paths.length).map((i) => ({
          offset: 8 + 50 * i,
          length: 50,
          hash: blake3(Uint8Array.of(i)),
          size: i * 2 ** 40,
        }))
        const files = paths.map(([directory, name], i) => ({
          path: `${directory}/${name}`,
          content: contents[i % contents.length]!,
        }))
        const decoded = decodeIndex(encodeIndex({ contents, files, directories: ["z"] }, layout), 208)
        // Both layouts of an empty index are the same.
        if (files.length > 0) assert.equal(decoded.layout, layout)
        const byPath = (a: { readonly path: string }, b: { readonly path: string }) => a.path < b.path ? -1 : 1
        assert.deepEqual(decoded.index.files.toSorted(byPath), files.toSorted(byPath))
        assert.deepEqual(decoded.index.contents, contents)
      }),
      { numRuns: 100 },
    )
  })

  it("refuses unsafe paths", () => {
    const cases: ReadonlyArray<readonly [ReadonlyArray<string | Uint8Array>, RegExp]> = [
      [[], /empty/],
      [[""], /component/],
      [["a", "", "b"], /component/],
      [["."], /"\."/],
      [["a", ".."], /"\.\."/],
      [["..", "etc", "passwd"], /"\.\."/],
      [["a/b"], /component/],
      [["/etc/passwd"], /component/],
      [["a\0b"], /NUL/],
      [[Buffer.from([0xff])], /UTF-8/],
      [[Buffer.from([0xed, 0xb2, 0x80])], /UTF-8/],
      [["x".repeat(70_000)], /longer than 65,535/],
    ]
    for (const [names, message] of cases) {
      bad(documentOrder({ paths: list(path(...names)) }), message)
      bad(documentOrder({ paths: list(path("ok")), empty: list(path(...names)) }), message)
    }
  })

  it("refuses paths that come twice, and paths beneath a file", () => {
    const two = list(numbers(8, 200), numbers(8, 200))
    bad(documentOrder({ positions: two, paths: list(path("a"), path("a")) }), /"a" comes twice/)
    bad(documentOrder({ paths: list(path("a")), empty: list(path("a")) }), /"a" comes twice/)
    bad(documentOrder({ positions: two, paths: list(path("a", "b", "c"), path("a")) }), /"a" is a file/)
    bad(documentOrder({ paths: list(path("a")), empty: list(path("a", "b")) }), /"a" is a file/)
    // The directory is not empty, which does no harm.
    assert.equal(decode(documentOrder({ paths: list(path("a", "b")), empty: list(path("a")) })).index.files.length, 1)
    const near = documentOrder({ positions: two, paths: list(path("a"), path("a b")) })
    assert.deepEqual(decode(near).index.files.map(({ path }) => path), ["a", "a b"])
  })

  it("refuses contents at impossible places, and lists that do not fit together", () => {
    const paths = list(path("a"))
    for (const [offset, length] of [[7, 200], [8, 201], [208, 1], [2 ** 53, 1], [8, 2 ** 63]] as const) {
      bad(
        documentOrder({
          unique: list(numbers(offset, BigInt(length))),
          positions: list(numbers(offset, BigInt(length))),
          paths,
        }),
      )
    }
    bad(documentOrder({ unique: list(numbers(8, 100), numbers(8, 100)), paths }))
    bad(documentOrder({ positions: list(numbers(9, 100)), paths }), /does not list/)
    bad(documentOrder({ positions: list(numbers(8, 199)), paths }), /does not list/)
    bad(documentOrder({ paths: list() }))
    bad(VECTOR.subarray(0, -1), /early/)
    bad(Buffer.concat([VECTOR, Buffer.from([0])]), /after its end/)
    bad(Buffer.concat([Buffer.from([0]), VECTOR.subarray(1)]), /magic/)
    bad(new Uint8Array(0), /magic/)
  })

  it("gives no other error for damaged bytes, and does not allocate what they claim", () => {
    for (let at = 0; at < VECTOR.length; at++) {
      for (const change of [1, 0x40, 0x80, 0xff]) {
        const changed = Buffer.from(VECTOR)
        changed[at]! ^= change
        try {
          decode(changed)
        } catch (error) {
          assert.ok(error instanceof IndexError, `${at}: ${error}`)
        }
      }
      bad(VECTOR.subarray(0, at))
    }
    for (const huge of [2n ** 64n - 1n, 2n ** 53n, 2n ** 32n, 10n ** 9n]) bad(Buffer.concat([MAGIC, numbers(huge)]))
  })
})
