/** Garbage that is collected where the runtime would let it grow. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { collectAfter } from "../../../adapters/runtime/memory.ts"
import { skipIf } from "../../skip.ts"

const elsewhere = "Bun" in globalThis ? false : "only Bun is told when to collect"

test(...skipIf(elsewhere, "what is dead is gone after so many entries"), async () => {
  const made: Array<WeakRef<object>> = []
  const make = (): void => {
    for (let n = 0; n < 1000; n++) made.push(new WeakRef({ n }))
  }
  make()
  // What was made into a reference lives until the end of the turn.
  await new Promise((resolve) => setTimeout(resolve, 0))
  for (let n = 0; n < 100; n++) collectAfter(512)
  const left = made.filter((reference) => reference.deref() !== undefined).length
  // Some may be taken for alive, by a number on the stack that looks like their address.
  assert.ok(left < 100, `${left} of 1000 are left`)
})
