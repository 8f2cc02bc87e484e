/**
 * The way back: the inverses of the stages, which extend a recipe as the stages extend a plan. `contents` runs it.
 *
 * `entries(snapshot).pipe(unpack(packs()), decrypt(aes256gcm(key)), decompress(zstd()), verify(blake3), unchunk, contents)`
 */
import * as Stream from "effect/Stream"
import type { Stored } from "./stored.ts"
import type { KernelSpec } from "../kernel/kernel.ts"
import type { Packing } from "../pack/packing.ts"
import type { Misplaced, Steps } from "./plan.ts"

/** What is to be done to get content back. */
export interface Recipe {
  /** The packing that stored the content. */
  readonly packing: Packing
  /** In the order of the inverses; `unchunk` is where chunks become one content again. */
  readonly kernels: ReadonlyArray<KernelSpec | "unchunk">
}

/** A stored entry, and how its content is to be got. */
export interface Fetched<out S extends Steps> extends Stored {
  /** How to get the content back. */
  readonly recipe: Recipe
  /** For the type checker only. */
  readonly steps?: S
}

/** `unknown` when the inverse X may follow the inverses S, else the reason why not. */
export type InverseOrder<S extends Steps, X extends string> = X extends S[number] ? Misplaced<`${X} comes twice`>
  : X extends "decrypt" ? ("decompress" extends S[number] ? Misplaced<"decrypt comes before decompress"> : unknown)
  : X extends "unchunk" ? ("verify" extends S[number] ? unknown : Misplaced<"unchunk comes after verify">)
  : X extends "contents" ? ("unchunk" extends S[number] ? unknown : Misplaced<"contents comes after unchunk">)
  : unknown

/** A stage that adds inverse X to the recipe. */
export interface Inverse<X extends string> {
  <S extends Steps, E, R>(
    self: Stream.Stream<Fetched<S>, E, R> & InverseOrder<S, X>,
  ): Stream.Stream<Fetched<readonly [...S, X]>, E, R>
}

/** The inverse of `pack`: says where the chunks of the entries are. */
export const unpack = (
  packing: Packing,
): <E, R>(self: Stream.Stream<Stored, E, R>) => Stream.Stream<Fetched<readonly ["unpack"]>, E, R> =>
(self) => {
  const recipe: Recipe = { packing, kernels: [] }
  return Stream.map(self, (entry) => ({ ...entry, recipe }))
}

/** The inverse of `encrypt`. */
export const decrypt = (kernel: KernelSpec<"encrypt">): Inverse<"decrypt"> => inverse(kernel)

/** The inverse of `compress`. */
export const decompress = (kernel: KernelSpec<"compress">): Inverse<"decompress"> => inverse(kernel)

/** The inverse of `hash`: checks that every chunk is what its ID says. */
export const verify = (kernel: KernelSpec<"hash">): Inverse<"verify"> => inverse(kernel)

/** The inverse of `chunk`. */
export const unchunk: Inverse<"unchunk"> = ((self: never): never => inverse("unchunk")(self) as never) as never

const inverse = <X extends string>(kernel: KernelSpec | "unchunk"): Inverse<X> => {
  const extended = new Map<Recipe, Recipe>()
  const extend = (before: Recipe): Recipe => {
    let after = extended.get(before)
    if (after === undefined) extended.set(before, after = { ...before, kernels: [...before.kernels, kernel] })
    return after
  }
  const stage = <E, R>(self: Stream.Stream<Fetched<Steps>, E, R>): Stream.Stream<Fetched<Steps>, E, R> =>
    Stream.map(self, (entry) => ({ ...entry, recipe: extend(entry.recipe) }))
  return stage as never
}
