/**
 * How stages compose. A stage is a function from stream to stream that does no work itself: it adds a kernel to the
 * plan that every entry carries. The plan runs, fused and over megabytes at a time, where `pack` needs the bytes.
 * Between any two stages any operator of Effect's Stream fits.
 *
 * The steps taken so far are in the type of the stream, so an order that makes no sense does not compile.
 */
import * as Stream from "effect/Stream"
import type { KernelSpec, KernelStage } from "../kernel/kernel.ts"
import type { Entry } from "../walk/entry.ts"

/** The kernels that an entry's content is to go through, in order. */
export type Plan = ReadonlyArray<KernelSpec>

/** Names of the stages that a stream went through. */
export type Steps = ReadonlyArray<string>

/** An entry, and what is planned for its content. */
export interface Planned<out S extends Steps> extends Entry {
  /** The kernels that the content is to go through, in order. */
  readonly plan: Plan
  /**
   * The chunks of this content when they are known without reading it: see `reuse`. A chunk list, see
   * `hash/chunk_list.ts`.
   */
  readonly known?: Uint8Array
  /** For the type checker only; never there at run time. */
  readonly steps?: S
}

/** Shown by the compiler when a stage is where it cannot be. */
export interface Misplaced<Why extends string> {
  /** Why the stage may not stand here, as a type that the compiler shows. */
  readonly misplaced: Why
}

/** `unknown` (which allows anything) when step X may follow the steps S, else the reason why not. */
export type Order<S extends Steps, X extends string> = X extends S[number] ? Misplaced<`${X} comes twice`>
  : X extends "digest" ? ("chunk" extends S[number] ? Misplaced<"digest comes before chunk"> : unknown)
  : X extends "compress" | "encrypt" ? AfterDigest<S, X>
  : X extends "hash" ? ("chunk" extends S[number] ? unknown : Misplaced<"hash comes after chunk">)
  : X extends "pack" ? ("hash" extends S[number] ? unknown : Misplaced<"pack comes after hash">)
  : unknown

/** The order of codecs; between `digest` and `chunk` there is none. */
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

/** Starts a pipeline from any stream of entries: what `walk` does with those of a Source. */
export const plan = <E, R>(entries: Stream.Stream<Entry, E, R>): Stream.Stream<Planned<readonly ["walk"]>, E, R> => {
  const empty: Plan = []
  return Stream.map(entries, (entry) => ({ ...entry, plan: empty }))
}

/**
 * The stage that adds a kernel. One plan object is made for each plan that comes in, so that executors recognise it.
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
