// On one runtime: it changes text.
import assert from "node:assert/strict"
import { test } from "node:test"
import { changed, changesOf, randomOf } from "./changes.ts"

const source = `import { a } from "./a1.ts"

/** A comment with 1 + 1. */
export interface Shape {
  readonly size: 1 | 2
}

export type Either = 3 & 4

/** Another. */
export const f = (x: number, y: Array<number>): number => {
  // if (x < 2)
  if (x < 12 && y.length !== 0) {
    y.push(x + 1)
    x += 0x0f
  }
  const text = /a < 1/.source + "1 + 1"
  const long = f(
    x,
    y,
  ) - f(x, y)
  return x & 0xff ? text.length : long
}
`

const shown = changesOf(source).map((change) => {
  const after = changed(source, change).split("\n")
  const at = source.slice(0, change.offset).split("\n").length
  return `${change.kind}: ${after[at - 1]!.trim()}`
})

test("every change of the code is found, and none in comments, strings, imports and types", () => {
  assert.deepEqual([...shown].sort(), [
    "comparison: if (x <= 12 && y.length !== 0) {",
    "condition: if (!(x < 12 && y.length !== 0)) {",
    "constant: if (x < 12 && y.length !== 1) {",
    "constant: if (x < 13 && y.length !== 0) {",
    "constant: return x & 0x100 ? text.length : long",
    "constant: x += 0x10",
    "constant: y.push(x + 2)",
    "operator: ) + f(x, y)",
    'operator: const text = /a < 1/.source - "1 + 1"',
    "operator: if (x < 12 && y.length === 0) {",
    "operator: if (x < 12 || y.length !== 0) {",
    "operator: return x | 0xff ? text.length : long",
    "operator: x -= 0x0f",
    "operator: y.push(x - 1)",
    "statement: ;",
    "statement: ;",
  ])
})

test("a seed always gives the same numbers, and another one others", () => {
  const some = (...seed: ReadonlyArray<number>) => Array.from({ length: 5 }, randomOf(...seed))
  assert.deepEqual(some(1, 2), some(1, 2))
  assert.notDeepEqual(some(1, 2), some(2, 1))
  assert.notDeepEqual(some(1, 2), some(1, 3))
  const mean = Array.from({ length: 1000 }, (_, n) => randomOf(7, n)()).reduce((sum, x) => sum + x, 0) / 1000
  assert.ok(Math.abs(mean - 0.5) < 0.05, `the mean of first numbers is ${mean}`)
})
