import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { readDataOf } from "../../../cli/selection/read_data.ts"

test("what to read is given as a part, a percentage or a size", () => {
  const read = (text: string | undefined, all = false) => Effect.runSync(readDataOf(all, text))
  assert.deepEqual([read(undefined), read(undefined, true), read("2.5%"), read("100%")], [0, 100, 2.5, 100])
  assert.deepEqual([read("1/1"), read("3/30")], [{ part: 1, of: 1 }, { part: 3, of: 30 }])
  assert.deepEqual([read("50G"), read("1k")], [{ bytes: 50 * 1024 ** 3 }, { bytes: 1024 }])
  const refused = (text: string, all = false) => Effect.runSync(Effect.flip(readDataOf(all, text))).message
  // A bare number could be percent as well as bytes.
  for (const text of ["", "10", "0%", "101%", "0G", "1/2/3", "-1/2", "many", "1e3%", "5%%", "1.5/2"]) {
    assert.match(refused(text), /is not a part of the data/, text)
  }
  assert.match(refused("0/2"), /from 1\/2 to 2\/2/)
  assert.match(refused("3/2"), /from 1\/2 to 2\/2/)
  assert.match(refused("1/0"), /from 1\/1 to 1\/1/)
  assert.match(refused("10%", true), /give only one of them/)
})
