import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { SourceError } from "./errors.ts"
import { plan, type Planned } from "../plan/plan.ts"
import { Source, type WalkOptions } from "./source.ts"

/**
 * The first stage: walks a root of the {@link Source}, and gives its entries to the other stages.
 *
 * @example Walk a tree in memory
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { memorySourceLayer, walk } from "@penstock/penstock"
 *
 * const source = memorySourceLayer({ "a.txt": { content: "Hello" }, "b.tmp": { content: "" } })
 * const entries = await Effect.runPromise(
 *   Stream.runCollect(walk("", { ignore: ["*.tmp"] })).pipe(Effect.provide(source)),
 * )
 * assert.deepEqual(entries.map(({ path }) => path), ["", "a.txt"])
 * ```
 */
export const walk = (
  root: string,
  options: WalkOptions = {},
): Stream.Stream<Planned<readonly ["walk"]>, SourceError, Source> =>
  plan(Stream.unwrap(Effect.map(Source, (source) => source.entries(root, options))))
