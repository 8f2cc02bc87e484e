import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Recent } from "../../../stages/memory/recent.ts"

/** A cache of texts up to 10 characters, and what was dropped from it. */
const made = (): { readonly cache: Recent<string, string>; readonly dropped: Array<string> } => {
  const dropped: Array<string> = []
  const cache = new Recent<string, string>({
    limit: 10,
    bytesOf: (value) => value.length,
    dropped: (value, key) => dropped.push(`${key}=${value}`),
  })
  return { cache, dropped }
}

describe("Recent", () => {
  it("drops what was not used for the longest time", () => {
    const { cache, dropped } = made()
    cache.set("a", "aaaa")
    cache.set("b", "bbbb")
    assert.equal(cache.get("a"), "aaaa")
    cache.set("c", "cccc")
    assert.deepEqual(dropped, ["b=bbbb"])
    assert.deepEqual([...cache.keys()], ["a", "c"])
    assert.equal(cache.bytes, 8)
    assert.equal(cache.get("b"), undefined)
  })

  it("keeps values that have exactly as many bytes as the limit, all together", () => {
    const { cache, dropped } = made()
    cache.set("a", "aaaaa")
    cache.set("b", "bbbbb")
    assert.deepEqual(dropped, [])
    cache.set("c", "c")
    assert.deepEqual(dropped, ["a=aaaaa"])
  })

  it("drops several values for a large one", () => {
    const { cache, dropped } = made()
    for (const key of ["a", "b", "c"]) cache.set(key, `${key}${key}${key}`)
    cache.set("d", "ddddddd")
    assert.deepEqual(dropped, ["a=aaa", "b=bbb"])
    assert.equal(cache.bytes, 10)
  })

  it("keeps the newest value, even when it alone is larger than the limit", () => {
    const { cache, dropped } = made()
    cache.set("a", "aaaa")
    cache.set("large", "x".repeat(11))
    assert.deepEqual(dropped, ["a=aaaa"])
    assert.equal(cache.get("large")?.length, 11)
    cache.set("b", "b")
    assert.equal(cache.get("large"), undefined)
    assert.deepEqual([cache.size, cache.bytes], [1, 1])
  })

  it("drops a value that another one replaces, but not one that is set again", () => {
    const { cache, dropped } = made()
    cache.set("a", "aaaa")
    cache.set("a", "aaaa")
    assert.deepEqual(dropped, [])
    cache.set("a", "b")
    assert.deepEqual(dropped, ["a=aaaa"])
    assert.deepEqual([cache.size, cache.bytes], [1, 1])
  })

  it("returns what is deleted, and does not drop it", () => {
    const { cache, dropped } = made()
    cache.set("a", "aaaa")
    assert.equal(cache.delete("a"), "aaaa")
    assert.equal(cache.delete("a"), undefined)
    assert.deepEqual(dropped, [])
    assert.deepEqual([cache.size, cache.bytes], [0, 0])
  })

  it("shrinks to a number of bytes, also to none", () => {
    const { cache, dropped } = made()
    for (const key of ["a", "b", "c"]) cache.set(key, `${key}${key}${key}`)
    cache.shrinkTo(6)
    assert.deepEqual(dropped, ["a=aaa"])
    cache.shrinkTo(0)
    assert.deepEqual([cache.size, cache.bytes], [0, 0])
  })

  it("drops all when it is cleared, values of no bytes too", () => {
    const { cache, dropped } = made()
    cache.set("a", "a")
    cache.set("empty", "")
    assert.equal(cache.has("empty"), true)
    cache.clear()
    assert.deepEqual(dropped, ["a=a", "empty="])
    assert.deepEqual([...cache.keys()], [])
  })
})
