import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import { ChunkIndex, MAXIMUM_VALUE, PENDING } from "../../../stages/pack/chunk_index.ts"

/** Different IDs, which often agree in the bytes that choose their slot. */
const id = fc.tuple(fc.constantFrom(0, 1, 0x3ff, 0xffffffff), fc.integer({ min: 0, max: 0xffffffff })).map(([a, b]) => {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, a, true)
  view.setUint32(4, b, true)
  view.setUint32(8, b ^ a, true)
  return bytes
})

describe("ChunkIndex", () => {
  it("behaves like a map", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(id, { maxLength: 3000, selector: String, size: "max" }),
        fc.array(
          fc.tuple(
            fc.nat(),
            fc.constantFrom("claim", "set", "get"),
            fc.oneof(fc.integer({ min: 0, max: MAXIMUM_VALUE }), fc.constant(PENDING)),
          ),
          {
            maxLength: 3000,
            size: "max",
          },
        ),
        (ids, operations) => {
          if (ids.length === 0) return
          const index = new ChunkIndex()
          const map = new Map<number, number>()
          for (const [n, operation, value] of operations) {
            const at = n % ids.length
            if (operation === "claim") {
              assert.equal(index.claim(ids[at]!), !map.has(at))
              if (!map.has(at)) map.set(at, PENDING)
            } else if (operation === "set") {
              index.set(ids[at]!, value)
              map.set(at, value)
            } else assert.equal(index.get(ids[at]!), map.get(at))
          }
          assert.equal(index.size, map.size)
          for (const [at, bytes] of ids.entries()) assert.equal(index.get(bytes), map.get(at))
        },
      ),
      { numRuns: 30 },
    )
  })

  it("grows, and shares its chunks with a view of its buffer", () => {
    const index = new ChunkIndex()
    const view = new ChunkIndex(0, index.buffer)
    const ids = new Uint32Array(100_000 * 3)
    for (let i = 0; i < ids.length; i++) ids[i] = Math.imul(i + 1, 2654435761)
    const bytes = new Uint8Array(ids.buffer)
    for (let i = 0; i < 100_000; i++) (i % 2 ? index : view).set(bytes.subarray(i * 12, i * 12 + 12), i)
    assert.equal(index.size, 100_000)
    assert.equal(view.size, 100_000)
    for (let i = 0; i < 100_000; i++) {
      const one = bytes.subarray(i * 12, i * 12 + 12)
      if (index.get(one) !== i || view.get(one) !== i) assert.fail(`chunk ${i} is lost`)
      if (view.claim(one)) assert.fail(`chunk ${i} is claimed twice`)
    }
  })

  it("holds any number of chunks with the same home", () => {
    const index = new ChunkIndex(100)
    const one = new Uint8Array(12).fill(0xff)
    for (let i = 0; i < 3000; i++) {
      new DataView(one.buffer).setUint16(8, i)
      assert.equal(index.claim(one), true)
    }
    for (let i = 0; i < 3000; i++) {
      new DataView(one.buffer).setUint16(8, i)
      assert.equal(index.get(one), PENDING)
    }
    assert.equal(index.get(new Uint8Array(12)), undefined)
  })

  it("takes about 16 bytes a chunk when there are many", () => {
    const index = new ChunkIndex()
    const words = new Uint32Array(3)
    const one = new Uint8Array(words.buffer)
    let largest = 0
    for (let i = 1, state = 1; i <= 600_000; i++) {
      for (let n = 0; n < 3; n++) words[n] = state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9
      index.claim(one)
      if (i > 300_000 && i % 1000 === 0) largest = Math.max(largest, index.bytes / i)
    }
    assert.equal(index.size, 600_000)
    assert.ok(largest < 18, `${largest} bytes a chunk`)
  })

  it("ignores the bytes of an ID after the twelfth, and takes views at odd offsets", () => {
    const index = new ChunkIndex(10)
    const memory = new Uint8Array(100).map((_, i) => i)
    index.set(memory.subarray(3, 35), 0)
    assert.equal(index.get(memory.slice(3, 19)), 0)
    assert.equal(index.get(memory.subarray(4, 36)), undefined)
  })
})
