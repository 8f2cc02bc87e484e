/** The decoders of packs and indexes, with altered bytes. Without encryption, nothing filters the bytes before them. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { noEncryption } from "../../../stages/encrypt/none.ts"
import { chunkCount, ChunkListBuilder } from "../../../stages/hash/chunk_list.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"
import {
  decodeFooter,
  encodeTail,
  type FooterBlock,
  tailLengths,
  TRAILER_BYTES,
} from "../../../stages/pack/pack_file.ts"
import { PackDirectory } from "../../../stages/pack/pack_directory.ts"
import { decodePackList, encodePackList } from "../../../stages/pack/index_file.ts"
import { FOOTER_BYTES } from "../../../stages/pack/pack_layout.ts"
import { PackError } from "../../../stages/pack/packing.ts"

const cipher = makeKernel(noEncryption)
const header = new Uint8Array(41).fill(1)

const listOf = (lengths: ReadonlyArray<number>, seed: number): Uint8Array => {
  const builder = new ChunkListBuilder()
  for (const [i, length] of lengths.entries()) builder.add(new Uint8Array(32).fill(seed * 16 + i), length)
  return builder.take()
}
const blocks: ReadonlyArray<FooterBlock> = [
  { length: 100, chunks: listOf([10, 20, 30], 1) },
  { length: 50, chunks: listOf([5], 2) },
  { length: 1, chunks: listOf([], 3) },
]
const parts = { headerBytes: header.length, context: header, tag: new Uint8Array(7).fill(2) }
const tail = encodeTail(blocks, parts, cipher)
const size = header.length + 151 + tail.length

const decode = (bytes: Uint8Array, packSize: number): ReadonlyArray<FooterBlock> => {
  const { footer, tag } = tailLengths({ object: "x", size: packSize }, FOOTER_BYTES, bytes)
  const from = Math.max(0, bytes.length - TRAILER_BYTES - tag - footer)
  return decodeFooter(
    { object: "x", size: packSize },
    { ...parts, tag: bytes.subarray(from + footer, from + footer + tag) },
    bytes.subarray(from, from + footer),
    cipher,
  )
}

/** The result of a decoder; undefined when it throws PackError. Any other error fails the test. */
const typed = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch (error) {
    if (error instanceof PackError) return undefined
    throw error
  }
}

/** Bytes with some of them changed, or cut off and followed by others. */
const mutated = (bytes: Uint8Array) =>
  fc.tuple(
    fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }),
    fc.nat(bytes.length),
    fc.uint8Array({ maxLength: 50 }),
    fc.boolean(),
  ).map(([changes, cut, more, append]) => {
    const copy = bytes.slice()
    for (const [at, value] of changes) copy[at] = value
    return append ? Uint8Array.from([...copy.subarray(0, cut), ...more]) : copy
  })

describe("footers", () => {
  it("are decoded as they were encoded", () => {
    assert.deepEqual(decode(tail, size).map(({ length, chunks }) => ({ length, chunks: chunks.slice() })), blocks)
    const directory = new PackDirectory("x", { headerBytes: header.length }, blocks)
    const place = directory.find(new Uint8Array(32).fill(17))!
    assert.deepEqual([place.from, place.to, place.block.offset, place.block.length], [10, 30, 41, 100])
    assert.equal(directory.find(new Uint8Array(32).fill(32))!.block.offset, 141)
    // The first 16 bytes agree, the ID does not.
    const other = new Uint8Array(32).fill(17)
    other[31] = 0
    assert.equal(directory.find(other), undefined)
  })

  it("are refused when they do not fit the size of the pack", () => {
    for (const wrong of [0, 1, size - 1, size + 1, 2 ** 32]) assert.equal(typed(() => decode(tail, wrong)), undefined)
  })

  it("that were altered give a PackError, or blocks that fit the pack", () => {
    fc.assert(
      fc.property(mutated(tail), fc.constantFrom(size, size + 1, 2 ** 31), (bytes, packSize) => {
        const found = typed(() => decode(bytes, packSize))
        if (found === undefined) return
        assert.ok(found.every(({ chunks }) => Number.isInteger(chunkCount(chunks))))
        assert.equal(header.length + found.reduce((sum, { length }) => sum + length, 0) + bytes.length, packSize)
      }),
      { numRuns: 2000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      typed(() => decode(bytes, bytes.length + 41))
      typed(() => decodeFooter({ object: "x", size: bytes.length + 62 }, parts, bytes, cipher))
    }))
  })

  it("that claim billions of blocks or chunks allocate nothing", () => {
    for (const at of [0, 8]) {
      for (const count of [0xffffffff, 0x80000000, 0x0fffffff]) {
        const bytes = tail.slice()
        new DataView(bytes.buffer).setUint32(at, count, true)
        assert.equal(typed(() => decode(bytes, size)), undefined)
      }
    }
  })
})

describe("lists of packs", () => {
  const packs = [0, 3, 1].map((count, i) => ({
    id: new Uint8Array(32).fill(i),
    size: 1000 + i,
    footerLength: 100 + i,
    tag: new Uint8Array(5).fill(i % 2),
    prefixes: new Uint8Array(count * 16).fill(i + 10),
  }))
  const bytes = encodePackList(packs)

  it("are decoded as they were encoded, from memory at any offset", () => {
    const shifted = new Uint8Array(bytes.length + 3)
    shifted.set(bytes, 3)
    const found = decodePackList("x", shifted.subarray(3))
    assert.deepEqual(found.map((pack) => ({ ...pack, id: pack.id.slice(), prefixes: pack.prefixes.slice() })), packs)
  })

  it("that were altered give a PackError, or what the altered bytes encode", () => {
    fc.assert(
      fc.property(mutated(bytes), (altered) => {
        const found = typed(() => decodePackList("x", altered))
        if (found !== undefined) assert.deepEqual(encodePackList(found), altered)
      }),
      { numRuns: 2000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (any) => void typed(() => decodePackList("x", any))))
  })

  it("have each tag once, in the order of the packs, and none that no pack has", () => {
    const table = 4 + 2 * 7
    // Two tags of five bytes: the second is made the first, the first pack gets the second, and no pack has the second.
    const wrongs = [[13, 0], [table + 4 + 32, 1], [table + 4 + 48 + 32, 0]] as const
    for (const [at, value] of wrongs) {
      const altered = bytes.slice()
      if (at === 13) altered.fill(value, at, at + 5)
      else altered[at] = value
      assert.notDeepEqual(altered, bytes)
      assert.equal(typed(() => decodePackList("x", altered)), undefined, String(at))
    }
  })

  it("that claim billions of tags, packs or chunks allocate nothing", () => {
    for (const at of [0, 18, 22 + 32 + 12]) {
      for (const count of [0xffffffff, 0x10000000]) {
        const altered = bytes.slice()
        new DataView(altered.buffer).setUint32(at, count, true)
        assert.equal(typed(() => decodePackList("x", altered)), undefined)
      }
    }
  })
})
