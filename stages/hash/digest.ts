import type { KernelSpec } from "../kernel/kernel.ts"
import { kernelStage, type Stage } from "../plan/plan.ts"

/**
 * Plans that `pack` hashes each content as a whole, too: `Stored.digest` is the result. Comes directly before `chunk`.
 * When `hash` has the same kernel, content of a single chunk is hashed only once.
 *
 * @example Find files that are the same
 * ```ts
 * import assert from "node:assert"
 * import { blake3, chunk, digest, fixed, hash, memorySourceLayer, pack, packs, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 * import { Effect, Stream } from "effect"
 *
 * const stored = walk("").pipe(digest(blake3), chunk(fixed({ size: 4 })), hash(blake3), pack(packs()))
 * const tree = memorySourceLayer({ "a": { content: "the same" }, "b": { content: "the same" } })
 * const program = Effect.provide(Effect.scoped(Stream.runCollect(stored)), [tree, memoryStore.layer])
 * const [, a, b] = await Effect.runPromise(program)
 * assert.deepEqual(a!.digest, b!.digest)
 * ```
 */
export const digest = (kernel: KernelSpec<"hash">): Stage<"digest"> => kernelStage(kernel) as unknown as Stage<"digest">
