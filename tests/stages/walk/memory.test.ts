import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Stream } from "effect"
import { memoryTarget } from "../../../stages/walk/memory_target.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import { file, targetSuite, writeEntries } from "../../suites/target.ts"
import { sourceSuite } from "../../suites/source.ts"

sourceSuite("memory", (tree) => Effect.succeed({ source: memorySource(tree), root: "" }), memorySource({}).fidelity)

targetSuite(
  "memory",
  Effect.sync(() => {
    const target = memoryTarget()
    return { target, root: "", source: () => memorySource(target.tree) }
  }),
  memoryTarget().fidelity,
)

test("a name that every JavaScript object has as a property is a name like any other", async () => {
  const target = memoryTarget()
  const names = ["__proto__", "constructor", "hasOwnProperty"]
  await Effect.runPromise(writeEntries(target, "", names.map((name) => file(name, name))))
  const entries = await Effect.runPromise(Stream.runCollect(memorySource(target.tree).entries("", {})))
  assert.deepEqual(entries.map(({ path }) => path), ["", ...names])
})

test("targets of several roots do not mix", async () => {
  const target = memoryTarget()
  await Effect.runPromise(writeEntries(target, "/a/", [file("x", "1")]))
  await Effect.runPromise(writeEntries(target, "b", [file("x", "2")]))
  assert.deepEqual(Object.keys(target.tree), ["a/x", "b/x"])
})
