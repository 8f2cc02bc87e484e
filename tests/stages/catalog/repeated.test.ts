/** Chunks that occur several times in a tree. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { repeatedChunks } from "../../../stages/catalog/repeated.ts"
import { ChunkListBuilder } from "../../../stages/hash/chunk_list.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { makeKernel } from "../../../stages/kernel/kernel.ts"

test("chunks that occur twice are found, and hardly any others", () => {
  const hasher = makeKernel(sha256, {})
  const idOf = (n: number): Uint8Array => hasher.digest(Uint8Array.of(n, n >>> 8, n >>> 16))
  const listOf = (...chunks: ReadonlyArray<number>): Uint8Array => {
    const list = new ChunkListBuilder()
    for (const n of chunks) list.add(idOf(n), 1000)
    return list.take()
  }
  const lists = Array.from({ length: 4000 }, (_, n) => listOf(2 * n, 2 * n + 1))
  lists.push(listOf(17, 7999), listOf(), listOf(20_000, 20_000))
  const repeated = repeatedChunks(lists, 8000 * 130)
  for (const n of [17, 7999, 20_000]) assert.ok(repeated(idOf(n)), String(n))
  let wrong = 0
  for (let n = 0; n < 8000; n++) if (repeated(idOf(n))) wrong++
  assert.ok(wrong < 8000 / 15 * 1.5, `${wrong} of 8,000`)
  assert.equal(repeatedChunks([], 0)(idOf(1)), false)
})
