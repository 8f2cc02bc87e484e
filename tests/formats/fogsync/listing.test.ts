import assert from "node:assert/strict"
import { test } from "node:test"
import { gzipSync } from "node:zlib"
import fc from "fast-check"
import { bptrToHex, refToChunks } from "../../../formats/fogsync/bptr.ts"
import { parseExact, stringifyExact } from "../../../formats/fogsync/json.ts"
import { JsonElements } from "../../../formats/fogsync/json_elements.ts"
import { encodeEntry, startGunzipIfNeeded, startListingDecoder } from "../../../formats/fogsync/json_listing.ts"
import type { Listed } from "../../../formats/fogsync/listing.ts"
import { noise } from "../../suites/noise.ts"
import { hex, reasonOf } from "./harness.ts"

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const bptr = { hash: noise(32, 1), start: 5, end: 70, depth: 0 }
const sha256 = noise(32, 2)

/** Decodes a listing in JSON, in pieces of a size. */
const entriesOf = (text: string | Uint8Array, size = 1000, directory = "d"): ReadonlyArray<Listed> => {
  const data = typeof text === "string" ? encode(text) : text
  const reader = startListingDecoder(directory)
  const out: Array<Listed> = []
  for (let at = 0; at < data.length; at += size) out.push(...reader.push(data.subarray(at, at + size)))
  return [...out, ...reader.end()]
}

const file: Listed = {
  path: 'd/a "\\\u{1f600}\n',
  kind: "file",
  metadata: { mode: 0o755, mtime: 1_600_000_000_123_456_789n, ctime: -5n, inode: 2n ** 64n - 1n },
  size: 123_456_789_012,
  chunks: refToChunks({ bptr, sha256, size: 123_456_789_012 }),
}
const none = new Uint8Array(0)
const all: ReadonlyArray<Listed> = [
  file,
  { path: "d/b", kind: "file", metadata: { mode: 0o644 }, size: 0, chunks: none },
  {
    path: "d/c",
    kind: "directory",
    metadata: { mtime: -(2n ** 63n) },
    size: 0,
    chunks: none,
    listing: { bptr, sha256, size: 77 },
  },
  { path: "d/e", kind: "directory", metadata: {}, size: 0, chunks: none },
  { path: "d/\u{e000}", kind: "symlink", metadata: { mtime: 0n }, size: 0, chunks: none, target: "../x y" },
  { path: "d/\u{1f600}", kind: "symlink", metadata: {}, size: 0, chunks: none, target: "" },
]
const text = `[${all.map((entry) => encodeEntry(entry, entry.listing, "host")).join(",\n")}]`

test("an entry is as SPEC.md says", () => {
  assert.equal(
    encodeEntry(file, undefined, "host"),
    `{"name":"a \\"\\\\\u{1f600}\\n","type":"file","mtime":1600000000123456789,"ctime":-5,"inode":18446744073709551615,` +
      `"host":"host","size":123456789012,"bptr":"${bptrToHex(bptr)}","sha256":"${hex(sha256)}","exec":true}`,
  )
})

test("gives back the entries with exact times, in pieces of any size", () => {
  const hosted = all.map((entry) => ({ ...entry, host: "host" }))
  for (const size of [1, 2, 7, 1000]) assert.deepEqual(entriesOf(text, size), hosted)
})

test("accepts an object keyed by name, white space, and unknown keys", () => {
  const members = all.map((entry) => {
    const { name, ...rest } = JSON.parse(
      encodeEntry(entry, entry.listing, "").replace(/:(-?\d{16,})/g, ':"$1"'),
    ) as { name: string }
    return `\t${JSON.stringify(name)} :\r\n ${JSON.stringify({ ...rest, extra: [{ deep: [1.5e300, null] }] })} `
  })
  assert.deepEqual(entriesOf(` { ${members.join(" , ")} }\n`, 3), all)
  assert.deepEqual(entriesOf(" [ ] "), [])
  assert.deepEqual(entriesOf("{}"), [])
})

test("decompresses gzip around a listing, once", () => {
  for (const data of [encode(text), gzipSync(encode(text)), encode("["), Uint8Array.of(0x1f), none]) {
    for (const size of [1, 100]) {
      const transform = startGunzipIfNeeded()
      const out: Array<Uint8Array> = []
      for (let at = 0; at < data.length; at += size) {
        out.push(...transform.push(data.subarray(at, at + size)).map((piece) => piece.slice()))
      }
      out.push(...transform.end())
      assert.equal(Buffer.concat(out).toString(), data[1] === 0x8b ? text : Buffer.from(data).toString())
    }
  }
})

test("refuses JSON that is not a listing", () => {
  const entry = (members: string): string => `[{"name":"a","type":"file",${members}}]`
  const at = `"bptr":"${bptrToHex(bptr)}","sha256":"${hex(sha256)}"`
  assert.equal(entriesOf(entry(`"size":1,${at}`)).length, 1)
  for (
    const bad of [
      ...["", " ", "1", "null", '"x"', "[", "[[]", "{", "[]]", "[] x", "[1]", "[,]", "[{}]", "[}", "{]"],
      ...['[{"name":"a","type":"fifo"}]', '[{"name":"a","type":"file"},]', '{"a"}', '{"a":1}'],
      ...["", ".", "..", "a/b", "a\\u0000", "\\ud800", "/"].map((name) => `[{"name":"${name}","type":"directory"}]`),
      '[{"name":"b","type":"directory"},{"name":"a","type":"directory"}]',
      '[{"name":"a","type":"directory"},{"name":"a","type":"directory"}]',
      '[{"name":"a","type":"directory"} {"name":"b","type":"directory"}]',
      '[{"name":"a","type":"symlink"}]',
      '[{"name":"a","type":"symlink","link":"\\udc80"}]',
      entry(`"size":1`),
      entry(`"size":-1,${at}`),
      entry(`"size":1.5,${at}`),
      entry(`"size":9007199254740993,${at}`),
      entry(`"size":99999999999999999999999,${at}`),
      entry(`"size":1,${at.replace(/.....$/, '"')}`),
      entry(`"size":1,"bptr":"${"ff".repeat(44)}","sha256":"${hex(sha256)}"`),
      entry(`"mtime":1.25`),
      entry(`"mtime":${"9".repeat(1000)}`),
      entry(`"mtime":"1600-01-01"`),
      entry(`"x":${"[".repeat(40)}${"]".repeat(40)}`),
      entry(`"x":"${"y".repeat(70_000)}"`),
      `${"[".repeat(100_000)}`,
      `[${" ".repeat(10)}{"name":"${"a".repeat(5000)}","type":"directory"}]`,
    ]
  ) {
    assert.equal(reasonOf(() => entriesOf(bad)), "corrupt", bad.slice(0, 100))
  }
  assert.equal(reasonOf(() => entriesOf(Uint8Array.of(0x5b, 0x22, 0xff, 0x22, 0x5d))), "corrupt")
})

test("throws no other exception for damaged listings", () => {
  const good = encode(text)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(good.length),
      (changes, length) => {
        const damaged = good.slice()
        for (const [at, byte] of changes) damaged[at] = byte
        reasonOf(() => entriesOf(damaged, 50))
        reasonOf(() => entriesOf(damaged.subarray(0, length), 50))
      },
    ),
    { numRuns: 1000 },
  )
})

test("integers are exact, and other JSON is unchanged", () => {
  assert.deepEqual(
    parseExact('{"a":12345678901234567890,"b":"12345678901234567890","c":1.2345678901234567890,"d":-1e20}'),
    {
      a: "12345678901234567890",
      b: "12345678901234567890",
      c: 1.234567890123456789,
      d: -1e20,
    },
  )
  for (const bad of ["01234567890123456789", "1234567890123456789a", "[1234567890123456789 2]", ""]) {
    assert.throws(() => parseExact(bad), SyntaxError)
  }
  fc.assert(
    fc.property(
      fc.json().filter((json) => !/\d{16}/.test(json)),
      (json) => assert.deepEqual(parseExact(json), JSON.parse(json)),
    ),
    { numRuns: 300 },
  )
  assert.equal(stringifyExact({ a: 2n ** 70n, b: undefined, c: "1", d: [1] }), `{"a":${2n ** 70n},"c":"1","d":[1]}`)
})

test("a list is split without being kept in memory", () => {
  const elements = new JsonElements()
  assert.deepEqual(elements.push(encode('[{"a":"],}\\"["},[1,2],"x,')), ['{"a":"],}\\"["}', "[1,2]"])
  assert.deepEqual(elements.push(encode('y" ]')), ['"x,y" '])
  assert.deepEqual(elements.end(), [])
})
