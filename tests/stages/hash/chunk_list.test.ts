import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { chunkCount, chunkId, chunkLength, ChunkListBuilder, contentLength } from "../../../stages/hash/chunk_list.ts"

test("a chunk list has the chunks that were added, and its builder is empty again", () => {
  const builder = new ChunkListBuilder()
  const chunk = fc.tuple(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.integer({ min: 0, max: 0xffffffff }))
  fc.assert(fc.property(fc.array(chunk, { maxLength: 40 }), (chunks) => {
    const reused = new Uint8Array(32)
    for (const [id, length] of chunks) {
      reused.set(id)
      builder.add(reused, length)
    }
    assert.equal(builder.count, chunks.length)
    const list = builder.take()
    assert.equal(builder.count, 0)
    builder.add(new Uint8Array(32).fill(255), 1)
    builder.take()
    assert.equal(chunkCount(list), chunks.length)
    assert.equal(contentLength(list), chunks.reduce((sum, [, length]) => sum + length, 0))
    for (const [i, [id, length]] of chunks.entries()) {
      assert.deepEqual(chunkId(list, i), id)
      assert.equal(chunkLength(list, i), length)
    }
  }))
})
