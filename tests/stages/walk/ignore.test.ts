import assert from "node:assert/strict"
import { test } from "node:test"
import { isCacheTag, makeExcludes } from "../../../stages/walk/ignore.ts"

test("without patterns there is no function to ask", () => {
  assert.equal(makeExcludes(undefined), undefined)
  assert.equal(makeExcludes([]), undefined)
})

test("answers stay the same after very many paths", () => {
  const excludes = makeExcludes(["*.o", "!keep.o", "/a/"])!
  for (let i = 0; i < 10_000; i++) {
    assert.equal(excludes(`d/f${i}.o`, false), true)
    assert.equal(excludes(`d/f${i}`, false), false)
  }
  assert.deepEqual([excludes("keep.o", false), excludes("a", true), excludes("a", false)], [false, true, false])
})

test("names that look like paths, options or patterns are matched as names", () => {
  const excludes = makeExcludes(["[ab]", "..x", "\\!y", "é", "ÄB", "\udcff"])!
  assert.deepEqual(
    ["a", "[ab]", "..x", "!y", "é", "É", "äb", "-", "new\nline", "\udcff"].map((path) => excludes(path, false)),
    [true, false, true, true, true, false, false, false, false, true],
  )
})

test("a cache tag has the whole signature, and anything may follow it", () => {
  const text = (value: string) => new TextEncoder().encode(value)
  const signature = "Signature: 8a477f597d28d172789f06886806bc55"
  assert.equal(isCacheTag(text(signature)), true)
  assert.equal(isCacheTag(text(`${signature}\n#`)), true)
  assert.equal(isCacheTag(text(signature.slice(1))), false)
  assert.equal(isCacheTag(text(signature.slice(0, -1))), false)
})
