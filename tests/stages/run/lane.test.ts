import assert from "node:assert/strict"
import { describe, it, test } from "node:test"
import { Redacted } from "effect"
import fc from "fast-check"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { fastcdc } from "../../../stages/chunk/fastcdc.ts"
import { extentsOr } from "../../../stages/chunk/extents.ts"
import { fixed } from "../../../stages/chunk/fixed.ts"
import { whole } from "../../../stages/chunk/whole.ts"
import { gzip } from "../../../stages/compress/gzip.ts"
import { noCompression } from "../../../stages/compress/none.ts"
import { aes256gcm } from "../../../stages/encrypt/aes256gcm.ts"
import { blake3 } from "../../../stages/hash/blake3.ts"
import { chunkCount, chunkId, chunkLength, contentLength } from "../../../stages/hash/chunk_list.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { type KernelSpec, type KernelTable, makeKernel, trusted } from "../../../stages/kernel/kernel.ts"
import { unframes } from "../../../stages/kernel/frames.ts"
import type { Block } from "../../../stages/run/block.ts"
import { Lane } from "../../../stages/run/lane.ts"
import { noise } from "../../suites/noise.ts"

const small = fastcdc({ average: 1 << 10 })
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** A lane, and the chunks that it claimed. */
const make = (plan: ReadonlyArray<KernelSpec>, blockBytes = 4096, table: KernelTable = {}) => {
  const claimed: Array<string> = []
  const lane = new Lane(plan, table, {
    blockBytes,
    claim: (id) => claimed.includes(hex(id)) ? false : (claimed.push(hex(id)), true),
  })
  return { claimed, lane }
}

/** Pushes a content in slices that end at the cuts. */
const run = (lane: Lane, content: Uint8Array, cuts: ReadonlyArray<number> = []): Uint8Array => {
  lane.begin()
  let from = 0
  for (const to of [...[...cuts].sort((a, b) => a - b).filter((cut) => cut < content.length), content.length]) {
    const slice = content.slice(from, to)
    lane.push(slice)
    slice.fill(0xee)
    from = to
  }
  return lane.end()
}

/** The chunks in some blocks by ID, decoded by `decode`. */
const chunksOf = (blocks: ReadonlyArray<Block>, decode: (bytes: Uint8Array, limit: number) => Uint8Array) => {
  const chunks = new Map<string, Uint8Array>()
  for (const block of blocks) {
    const raw = decode(block.bytes, block.rawLength)
    assert.equal(raw.length, block.rawLength)
    assert.equal(contentLength(block.chunks), block.rawLength)
    let at = 0
    for (let i = 0; i < chunkCount(block.chunks); i++) {
      const id = hex(chunkId(block.chunks, i))
      assert.ok(!chunks.has(id), "a chunk is in the blocks twice")
      chunks.set(id, raw.slice(at, at += chunkLength(block.chunks, i)))
    }
  }
  return chunks
}

const assemble = (list: Uint8Array, chunks: ReadonlyMap<string, Uint8Array>): Buffer =>
  Buffer.concat(Array.from({ length: chunkCount(list) }, (_, i) => {
    const chunk = chunks.get(hex(chunkId(list, i)))
    assert.equal(chunk?.length, chunkLength(list, i))
    return chunk!
  }))

describe("Lane", () => {
  it("cuts and names the same however content is sliced, read or pushed", () => {
    const content = noise(200_000, 1)
    const expected = run(make([small, blake3]).lane, content)
    fc.assert(
      fc.property(fc.array(fc.nat(200_000), { maxLength: 20 }), (cuts) => {
        assert.deepEqual(run(make([small, blake3]).lane, content, cuts), expected)
      }),
      { numRuns: 20 },
    )
    const { lane } = make([small, blake3])
    lane.begin()
    for (let at = 0; at < content.length;) {
      const space = lane.space()
      assert.ok(space.length >= 64 << 10 && space.length <= 4 << 20)
      const part = content.subarray(at, at + Math.min(space.length, 70_001))
      space.set(part)
      lane.wrote(part.length)
      at += part.length
    }
    assert.deepEqual(lane.end(), expected)
  })

  it("puts exactly the claimed chunks into blocks, across contents and blocks taken in between", () => {
    for (const blockBytes of [0, 1, 1000, 4096, 1 << 20]) {
      const { claimed, lane } = make([small, blake3], blockBytes)
      const contents = [noise(50_000, 1), noise(20, 2), noise(50_000, 1), new Uint8Array(30_000), noise(70_000, 3)]
      const blocks: Array<Block> = []
      const lists = contents.map((content, i) => {
        const list = run(lane, content, [10_000])
        if (i % 2 === 0) blocks.push(...lane.take())
        return list
      })
      lane.flush()
      blocks.push(...lane.take())
      lane.flush()
      assert.deepEqual(lane.take(), [])
      assert.equal(lane.readyBytes, 0)
      const chunks = chunksOf(blocks, (bytes) => bytes)
      assert.deepEqual([...chunks.keys()], claimed)
      for (const [i, list] of lists.entries()) assert.deepEqual(assemble(list, chunks), Buffer.from(contents[i]!))
      assert.ok(blocks.every(({ chunks, rawLength }) => rawLength <= blockBytes || chunkCount(chunks) === 1))
    }
  })

  it("forgets a content that was left unfinished, except for the chunks that it claimed", () => {
    const { claimed, lane } = make([small, blake3])
    const content = noise(100_000, 4)
    lane.begin()
    lane.push(content)
    const before = claimed.length
    assert.ok(before > 0)
    const other = noise(5_000, 5)
    const list = run(lane, other)
    lane.flush()
    const chunks = chunksOf(lane.take(), (bytes) => bytes)
    assert.deepEqual([...chunks.keys()], claimed)
    assert.deepEqual(assemble(list, chunks), Buffer.from(other))
  })

  it("takes contents of many MiB that are one chunk", () => {
    const { lane } = make([whole(), sha256], 1 << 20)
    const content = noise(11 << 20, 6)
    const list = run(lane, content, [1, 5 << 20, (5 << 20) + 1])
    assert.equal(chunkCount(list), 1)
    const empty = run(lane, new Uint8Array(0))
    assert.equal(chunkCount(empty), 0)
    lane.flush()
    assert.deepEqual(assemble(list, chunksOf(lane.take(), (bytes) => bytes)), Buffer.from(content))
  })

  it("runs compress and encrypt on blocks when they come after hash", () => {
    const compress = gzip()
    const encrypt = aes256gcm(Redacted.make(new Uint8Array(32).fill(1)))
    const { lane } = make([small, blake3, compress, encrypt], 4096, nativeKernels)
    const content = new TextEncoder().encode("all work and no play ".repeat(5_000))
    const list = run(lane, content)
    lane.flush()
    const gunzip = makeKernel(compress)
    const cipher = makeKernel(encrypt)
    const blocks = lane.take()
    assert.ok(blocks.reduce((sum, { bytes }) => sum + bytes.length, 0) < content.length / 4)
    const chunks = chunksOf(blocks, (bytes, limit) => gunzip.decode(cipher.open(bytes), limit))
    assert.deepEqual(assemble(list, chunks), Buffer.from(content))
  })

  it("runs compress and encrypt on frames of the content when they come before chunk", () => {
    const compress = gzip()
    const encrypt = aes256gcm(Redacted.make(new Uint8Array(32).fill(2)))
    const { lane } = make([compress, encrypt, fixed({ size: 5000 }), sha256])
    assert.equal(lane.direct, false)
    const content = noise(2_500_000, 7)
    const list = run(lane, content, [17, 1 << 20])
    lane.flush()
    const stored = assemble(list, chunksOf(lane.take(), (bytes) => bytes))
    const gunzip = makeKernel(compress)
    const cipher = makeKernel(encrypt)
    const outer = unframes("outer", (frame) => cipher.open(frame))
    const inner = unframes("inner", (frame) => gunzip.decode(frame, 1 << 20))
    const compressed = Buffer.concat([...outer.push(stored), ...outer.end()])
    assert.deepEqual(Buffer.concat([...inner.push(compressed), ...inner.end()]), Buffer.from(content))
  })

  it("never hands out memory that it still uses", () => {
    const { lane } = make([small, blake3, noCompression], 1)
    const content = noise(20_000, 8)
    run(lane, content)
    const blocks = lane.take()
    const before = blocks.map(({ bytes }) => hex(bytes))
    run(lane, noise(20_000, 9))
    assert.deepEqual(blocks.map(({ bytes }) => hex(bytes)), before)
  })

  it("seals blocks when they are taken, where the cipher can and the caller waits", async () => {
    const cipher = aes256gcm(Redacted.make(new Uint8Array(32).fill(3)))
    const later: KernelTable = {
      "encrypt:xaes-256-gcm": () => {
        const kernel = makeKernel(cipher)
        return {
          ...kernel,
          seal: () => assert.fail(),
          sealLater: (bytes: Uint8Array) => Promise.resolve(kernel.seal(bytes)),
        }
      },
    }
    const options = { blockBytes: 4096, claim: () => true }
    const content = noise(60_000, 10)
    const sealed = async (table: KernelTable, sealLater: boolean) => {
      const lane = new Lane([small, blake3, noCompression, cipher], table, { ...options, sealLater })
      const list = run(lane, content)
      lane.flush()
      const blocks = lane.takeSealed()
      run(lane, noise(60_000, 11))
      const chunks = chunksOf(await blocks, (bytes) => makeKernel(cipher).open(bytes))
      assert.deepEqual(assemble(list, chunks), Buffer.from(content))
    }
    await sealed(later, true)
    await sealed({}, true)
    await sealed({}, false)
    await assert.rejects(sealed(later, false), { reason: "faulty" })
  })

  it("refuses a plan that has no chunker, or no hasher after it", () => {
    for (const plan of [[], [blake3], [small], [blake3, small]]) {
      assert.throws(() => new Lane(plan, {}, { blockBytes: 1, claim: () => true }), { reason: "unsupported" })
    }
  })
})

describe("a digest before the chunker", () => {
  const digest = (lane: Lane) => hex(lane.digest!)
  const naming = (table: KernelTable = {}) => make([blake3, small, blake3], 0, table)

  it("names a whole content the same, however it is cut and sliced", () => {
    const { lane } = naming()
    const whole = makeKernel(blake3)
    fc.assert(fc.property(
      fc.integer({ min: 0, max: 20_000 }),
      fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 4 }),
      (length, cuts) => {
        const content = noise(length, length)
        run(lane, content, cuts)
        assert.equal(digest(lane), hex(whole.digest(content)))
      },
    ))
    // Exactly as long as the largest chunk: it is cut before the lane knows that the content ends.
    const most = noise(4 << 10, 1)
    const { lane: fixedLane } = make([blake3, fixed({ size: 4 << 10 }), blake3])
    run(fixedLane, most)
    assert.equal(digest(fixedLane), hex(whole.digest(most)))
  })

  it("hashes a content of one chunk only once, when both hashers are the same", () => {
    let hashed = 0
    const table: KernelTable = {
      "hash:blake3": () =>
        trusted({
          digest: (bytes: Uint8Array) => {
            hashed += bytes.length
            return makeKernel(blake3).digest(bytes)
          },
          create: () => assert.fail("The content was hashed twice"),
        }),
    }
    const { lane } = naming(table)
    run(lane, noise(200, 1))
    assert.equal(hashed, 200)
    const other = make([sha256, small, blake3]).lane
    run(other, noise(200, 1))
    assert.equal(digest(other), hex(makeKernel(sha256).digest(noise(200, 1))))
  })

  it("names the output of the stages before it", () => {
    const { lane } = make([noCompression, blake3, small, blake3])
    const content = noise(3000, 3)
    const list = run(lane, content)
    assert.notEqual(digest(lane), hex(makeKernel(blake3).digest(content)))
    assert.equal(contentLength(list), 4 + 3000 + 4)
  })
})

test("content is cut where its extents end, and otherwise as usual", () => {
  const { maximum } = makeKernel(small)
  const content = noise(9000 + maximum, 5)
  const lengths = (lane: Lane, extents?: ReadonlyArray<number>): ReadonlyArray<number> => {
    lane.begin(extents)
    for (let at = 0; at < content.length; at += 777) lane.push(content.subarray(at, at + 777))
    const list = lane.end()
    return Array.from({ length: chunkCount(list) }, (_, i) => chunkLength(list, i))
  }
  const usual = lengths(make([small, blake3]).lane)
  for (const table of [{}, nativeKernels]) {
    const { lane } = make([extentsOr(small), blake3], 4096, table)
    assert.deepEqual(lengths(lane), usual)
    const rest = content.length - 3000 - maximum - 5
    assert.deepEqual(
      lengths(lane, [1, 0, 2999, maximum + 5, rest]).slice(0, 4),
      [1, 2999, maximum, 5],
      "an extent that is too long is cut, and one without bytes does not count",
    )
    const short = lengths(lane, [100])
    assert.equal(short[0], 100, "what extents do not cover is cut as usual")
    assert.equal(short.reduce((sum, length) => sum + length, 0), content.length)
  }
  assert.deepEqual(lengths(make([small, blake3]).lane, [1, 2]), usual, "other chunkers do not care")
})
