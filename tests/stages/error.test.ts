/** Errors are Errors: what tools read of any (`name`, `message`, `stack`, `cause`) is what it says. */
import assert from "node:assert/strict"
import { test } from "node:test"
import * as Effect from "effect/Effect"
import { memoryStore } from "../../adapters/mod.ts"
import * as library from "../../mod.ts"
import type { TaggedErrorInstance } from "../../stages/kernel/tagged_error.ts"

/** All fields that any error has. */
const FIELDS = { kernel: "k", object: "o", path: "p", reason: "io", retryAfter: 1, message: "It broke" }

const classes = Object.entries(library).filter(([name]) => /^[A-Z]\w*Error$/.test(name)) as ReadonlyArray<
  readonly [string, new (fields: typeof FIELDS & { readonly cause: unknown }) => Error]
>

test("every error that is exported has the name of its class", () => {
  assert.ok(classes.length >= 7)
  for (const [name, Class] of classes) {
    const cause = new TypeError("why")
    const error = new Class({ ...FIELDS, cause })
    assert.equal(error.name, name)
    assert.equal((error as unknown as { readonly _tag: string })._tag, name)
    assert.equal(error.message, "It broke")
    assert.equal(error.cause, cause)
    assert.match(String(error), new RegExp(`^${name}: It broke`))
    assert.match(error.stack!, /error\.test/)
  }
})

test("the error of a store names the object beside itself", async () => {
  const error = await Effect.runPromise(
    Effect.flatMap(memoryStore.make(), (store) => Effect.flip(Effect.scoped(store.get("a/b", { atMost: Infinity })))),
  )
  assert.equal(error.name, "StoreError")
  assert.equal(error.object, "a/b")
})

test("a field that hides what an Error has does not compile", () => {
  // @ts-expect-error name is an Error's own
  type Named = TaggedErrorInstance<"E", { readonly message: string; readonly name: string }>
  // @ts-expect-error so is stack
  type Traced = TaggedErrorInstance<"E", { readonly message: string; readonly stack: string }>
  assert.ok(true as Named | Traced | true)
})
