/**
 * Copies from or to a store that fails or lies: nothing needs repair, nothing wrong is copied, and the next copy
 * completes.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { fault, type FaultOptions } from "../../adapters/store/fault/fault.ts"
import { copy } from "../../formats/copy.ts"
import { factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { completes, create, metadata, open, tree, walk } from "./copied.ts"
import { type Objects, objectsOf, storeOf } from "../suites/format/objects.ts"

describe("copy: a store that fails or lies once", () => {
  const made = runFormat(Effect.gen(function* () {
    const source = yield* storeOf(new Map())
    const from = yield* create(source)
    yield* from.backup(walk(tree(4, 3000)), { paths: ["/d"], time: 1000 })
    const target = yield* storeOf(new Map())
    yield* Stream.runDrain(copy(from, yield* create(target)))
    yield* from.backup(walk({ ...tree(4, 3000, 1), large: { ...metadata, content: noise(40_000, 77) } }), {
      paths: ["/d"],
      time: 2000,
    })
    return { source: yield* objectsOf(source), target: yield* objectsOf(target) }
  }))

  /** One fault after the other, until there are no more. */
  const each = (side: "source" | "target", options: Omit<FaultOptions, "nth">) =>
    runFormat(Effect.gen(function* () {
      const objects: { readonly source: Objects; readonly target: Objects } = yield* Effect.promise(() => made)
      for (let nth = 1;; nth++) {
        const stores = { source: yield* storeOf(objects.source), target: yield* storeOf(objects.target) }
        const faulty = fault(stores[side], { ...options, nth })
        const used = { ...stores, [side]: faulty }
        yield* Effect.scoped(
          Effect.gen(function* () {
            const all = yield* Stream.runCollect(copy(yield* open(used.source), yield* open(used.target)))
            for (const one of all) {
              if (one.outcome !== "copied") continue
              const [from, to] = [yield* open(stores.source), yield* open(stores.target)]
              const [facts, right] = [yield* factsOf(to.entries(one.target)), yield* factsOf(from.entries(one.source))]
              const lost = one.summary.problems.map(({ path }) => path)
              assert.deepEqual(facts, new Map([...right].filter(([path]) => !lost.includes(path))), `operation ${nth}`)
            }
          }),
        ).pipe(
          Effect.catch((error) =>
            Effect.sync(() =>
              assert.match(String((error as { readonly _tag?: string })._tag), /^(Store|Repository)Error$/)
            )
          ),
        )
        if (!faulty.hit()) {
          assert.ok(nth > 5, `only ${nth - 1} operations`)
          return
        }
        yield* Effect.scoped(completes(stores.source, stores.target)).pipe(
          Effect.catchDefect((defect) => Effect.die(told(defect, nth))),
        )
      }
    }))
  const told = (error: unknown, nth: number): unknown => {
    if (error instanceof Error) error.message = `operation ${nth}: ${error.message}`
    return error
  }

  for (const effect of ["fail", "fail-after"] as const) {
    it(`the target: ${effect}`, () => each("target", { effect }))
  }
  for (const effect of ["fail", "truncate", "flip"] as const) {
    it(`the source: ${effect}`, () => each("source", { effect, operation: ["get", "list", "stat"] }))
  }
  it("the target gives wrong bytes", () => each("target", { effect: "flip", operation: "get" }))
})
