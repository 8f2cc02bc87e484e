/**
 * How stages compose. A stage is a function from stream to stream that does no work itself: it adds a kernel to the
 * plan that every entry carries. `pack` needs the bytes, so there the plan runs, over megabytes at a time. Any operator
 * of Effect's Stream fits between two stages.
 *
 * The type of the stream holds the steps that were taken, so an order that makes no sense does not compile.
 */
import * as Stream from "effect/Stream"
import type { KernelSpec, KernelStage } from "../kernel/kernel.ts"
import type { Entry } from "../walk/entry.ts"

/** The kernels that a content goes through, in order. */
export type Plan = ReadonlyArray<KernelSpec>

/** The names of the stages that a stream went through. */
export type Steps = ReadonlyArray<string>

/** An entry, and the plan for its content. */
export interface Planned<out S extends Steps> extends Entry {
  /** The kernels that the content goes through, in order. */
  readonly plan: Plan
  /**
   * The chunk list of the content, when it is known without reading it: `reuse` sets it. See `hash/chunk_list.ts`.
   */
  readonly known?: Uint8Array
  /** For the type checker only. It is never there at run time. */
  readonly steps?: S
}

/** The type that the compiler shows when a stage is in the wrong place. */
export interface Misplaced<Why extends string> {
  /** Why the stage cannot be here. */
  readonly misplaced: Why
}

/** `unknown`, which allows anything, when step X may follow the steps S; else the reason why it may not. */
export type Order<S extends Steps, X extends string> = X extends S[number] ? Misplaced<`${X} comes twice`>
  : X extends "digest" ? ("chunk" extends S[number] ? Misplaced<"digest comes before chunk"> : unknown)
  : X extends "compress" | "encrypt" ? AfterDigest<S, X>
  : X extends "hash" ? ("chunk" extends S[number] ? unknown : Misplaced<"hash comes after chunk">)
  : X extends "pack" ? ("hash" extends S[number] ? unknown : Misplaced<"pack comes after hash">)
  : unknown

/** The order of codecs. There is none between `digest` and `chunk`. */
export type AfterDigest<S extends Steps, X extends string> = S extends readonly [...Steps, "digest"]
  ? Misplaced<"chunk comes after digest">
  : X extends "compress" ? ("encrypt" extends S[number] ? Misplaced<"compress comes before encrypt"> : unknown)
  : unknown

/** A stage that adds step X to the plan. */
export interface Stage<X extends string> {
  <S extends Steps, E, R>(
    self: Stream.Stream<Planned<S>, E, R> & Order<S, X>,
  ): Stream.Stream<Planned<readonly [...S, X]>, E, R>
}

/**
 * Starts a pipeline from any stream of entries. `walk` does this with the entries of a Source.
 *
 * @example Back up what a program made, without files
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, type Entry, fastcdc, hash, pack, packs, plan } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const content = new TextEncoder().encode("Dear Ada")
 * const letter: Entry = { path: "letter", kind: "file", metadata: {}, size: content.length, content }
 * const stored = plan(Stream.make(letter)).pipe(chunk(fastcdc()), hash(blake3), pack(packs()), Stream.runCollect)
 * const [entry] = await Effect.runPromise(Effect.provide(stored, memoryStore.layer))
 * assert.equal(entry?.size, 8)
 * ```
 */
export const plan = <E, R>(entries: Stream.Stream<Entry, E, R>): Stream.Stream<Planned<readonly ["walk"]>, E, R> => {
  const empty: Plan = []
  return Stream.map(entries, (entry) => ({ ...entry, plan: empty }))
}

/**
 * Makes a stage that adds a kernel. One plan object is made for each plan that comes in: executors compare plans by
 * identity.
 *
 * @example Make a stage for a kernel of your own
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { chunk, fastcdc, type KernelSpec, plan } from "@penstock/penstock"
 * import { kernelStage } from "@penstock/penstock/format"
 *
 * const invert = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)
 * const inverted: KernelSpec<"compress"> = {
 *   stage: "compress",
 *   name: "inverted",
 *   params: {},
 *   make: () => ({ encode: invert, decode: invert }),
 * }
 * const entry = { path: "a", kind: "file", metadata: {}, size: 0 } as const
 * const planned = plan(Stream.make(entry)).pipe(chunk(fastcdc()), kernelStage(inverted), Stream.runCollect)
 * const [{ plan: kernels } = { plan: [] }] = await Effect.runPromise(planned)
 * assert.deepEqual(kernels.map(({ name }) => name), ["fastcdc", "inverted"])
 * ```
 */
export const kernelStage = <X extends KernelStage>(spec: KernelSpec<X>): Stage<X> => {
  const extended = new Map<Plan, Plan>()
  const extend = (before: Plan): Plan => {
    let after = extended.get(before)
    if (after === undefined) extended.set(before, after = [...before, spec])
    return after
  }
  const stage = <E, R>(self: Stream.Stream<Planned<Steps>, E, R>): Stream.Stream<Planned<Steps>, E, R> =>
    Stream.map(self, (entry) => ({ ...entry, plan: extend(entry.plan) }))
  return stage as never
}
