import assert from "node:assert/strict"
import { test } from "node:test"
import fc from "fast-check"
import { compareNames, sortNames } from "../../../stages/walk/order.ts"
import { pathFromBytes } from "../../../stages/walk/path.ts"

test("names sort as their bytes do", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.string({ unit: "binary", maxLength: 4 }).map((text) => new TextEncoder().encode(text)),
  )
  fc.assert(fc.property(fc.array(bytes), (all) => {
    const wanted = all.toSorted(Buffer.compare).map(pathFromBytes)
    assert.deepEqual(sortNames(all.map(pathFromBytes)), wanted)
    assert.deepEqual(all.map(pathFromBytes).sort(compareNames), wanted)
  }))
})
