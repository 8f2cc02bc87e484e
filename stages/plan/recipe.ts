/**
 * The way back: the inverses of the stages. They extend a recipe as the stages extend a plan, and `contents` runs it.
 *
 * `entries(snapshot).pipe(unpack(packs()), decrypt(cipher), decompress(zstd()), verify(blake3), unchunk, contents)`
 */
import * as Stream from "effect/Stream"
import type { Stored } from "./stored.ts"
import type { KernelSpec } from "../kernel/kernel.ts"
import type { Packing } from "../pack/packing.ts"
import type { Misplaced, Steps } from "./plan.ts"

/** How to get contents back. */
export interface Recipe {
  /** The packing that stored the content. */
  readonly packing: Packing
  /** The kernels whose inverses run, in the order in which they run. At `unchunk`, chunks become one content again. */
  readonly kernels: ReadonlyArray<KernelSpec | "unchunk">
}

/** A stored entry, and how to get its content back. */
export interface Fetched<out S extends Steps> extends Stored {
  /** How to get the content back. */
  readonly recipe: Recipe
  /** For the type checker only. */
  readonly steps?: S
}

/** `unknown` when the inverse X may follow the inverses S; else the reason why it may not. */
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

/**
 * The inverse of `pack`: starts a recipe for entries whose chunks are in a packing.
 *
 * @example Store a content and read it back
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, contents, fastcdc, hash } from "@penstock/penstock"
 * import { pack, packs, plan, unchunk, unpack, verify } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const file = { path: "a", kind: "file", metadata: {}, size: 3, content: Uint8Array.of(1, 2, 3) } as const
 * const program = Effect.gen(function* () {
 *   const stored = yield* plan(Stream.make(file)).pipe(
 *     chunk(fastcdc()),
 *     hash(blake3),
 *     pack(packs()),
 *     Stream.runCollect,
 *   )
 *   const entries = Stream.fromIterable(stored).pipe(unpack(packs()), verify(blake3), unchunk, contents)
 *   return yield* Stream.runCollect(entries)
 * })
 * const [entry] = await Effect.runPromise(Effect.provide(program, memoryStore.layer))
 * assert.deepEqual(entry?.content, file.content)
 * ```
 */
export const unpack = (
  packing: Packing,
): <E, R>(self: Stream.Stream<Stored, E, R>) => Stream.Stream<Fetched<readonly ["unpack"]>, E, R> =>
(self) => {
  const recipe: Recipe = { packing, kernels: [] }
  return Stream.map(self, (entry) => ({ ...entry, recipe }))
}

/**
 * The inverse of `encrypt`.
 *
 * @example Store an encrypted content and read it back
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Redacted, Stream } from "effect"
 * import { blake3, chacha20poly1305, chunk, contents, decrypt, encrypt, fastcdc } from "@penstock/penstock"
 * import { hash, pack, packs, plan, unchunk, unpack, verify } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const cipher = chacha20poly1305(Redacted.make(crypto.getRandomValues(new Uint8Array(32))))
 * const file = { path: "a", kind: "file", metadata: {}, size: 3, content: Uint8Array.of(1, 2, 3) } as const
 * const program = Effect.gen(function* () {
 *   const stored = yield* plan(Stream.make(file)).pipe(
 *     chunk(fastcdc()),
 *     hash(blake3),
 *     encrypt(cipher),
 *     pack(packs()),
 *     Stream.runCollect,
 *   )
 *   const entries = Stream.fromIterable(stored).pipe(
 *     unpack(packs()),
 *     decrypt(cipher),
 *     verify(blake3),
 *     unchunk,
 *     contents,
 *   )
 *   return yield* Stream.runCollect(entries)
 * })
 * const [entry] = await Effect.runPromise(Effect.provide(program, memoryStore.layer))
 * assert.deepEqual(entry?.content, file.content)
 * ```
 */
export const decrypt = (kernel: KernelSpec<"encrypt">): Inverse<"decrypt"> => inverse(kernel)

/**
 * The inverse of `compress`.
 *
 * @example Store a compressed content and read it back
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, compress, contents, decompress, fastcdc, gzip } from "@penstock/penstock"
 * import { hash, pack, packs, plan, unchunk, unpack, verify } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const file = { path: "a", kind: "file", metadata: {}, size: 3, content: Uint8Array.of(1, 2, 3) } as const
 * const program = Effect.gen(function* () {
 *   const stored = yield* plan(Stream.make(file)).pipe(
 *     chunk(fastcdc()),
 *     hash(blake3),
 *     compress(gzip()),
 *     pack(packs()),
 *     Stream.runCollect,
 *   )
 *   const entries = Stream.fromIterable(stored).pipe(
 *     unpack(packs()),
 *     decompress(gzip()),
 *     verify(blake3),
 *     unchunk,
 *     contents,
 *   )
 *   return yield* Stream.runCollect(entries)
 * })
 * const [entry] = await Effect.runPromise(Effect.provide(program, memoryStore.layer))
 * assert.deepEqual(entry?.content, file.content)
 * ```
 */
export const decompress = (kernel: KernelSpec<"compress">): Inverse<"decompress"> => inverse(kernel)

/**
 * The inverse of `hash`: checks that every chunk has its ID.
 *
 * @example Content that does not have its ID is not given out
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, contents, fastcdc, hash, pack } from "@penstock/penstock"
 * import { packs, plan, sha256, unchunk, unpack, verify } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const file = { path: "a", kind: "file", metadata: {}, size: 3, content: Uint8Array.of(1, 2, 3) } as const
 * const program = Effect.gen(function* () {
 *   const stored = yield* plan(Stream.make(file)).pipe(
 *     chunk(fastcdc()),
 *     hash(sha256),
 *     pack(packs()),
 *     Stream.runCollect,
 *   )
 *   const entries = Stream.fromIterable(stored).pipe(unpack(packs()), verify(blake3), unchunk, contents)
 *   return yield* Stream.runCollect(entries)
 * })
 * const [entry] = await Effect.runPromise(Effect.provide(program, memoryStore.layer))
 * assert.ok(Stream.isStream(entry?.content))
 * const error = await Effect.runPromise(Effect.flip(Stream.runDrain(entry.content)))
 * assert.equal(error.reason, "damaged")
 * ```
 */
export const verify = (kernel: KernelSpec<"hash">): Inverse<"verify"> => inverse(kernel)

/**
 * The inverse of `chunk`: puts the chunks of a content together.
 *
 * @example Content of many chunks comes back as one
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Stream } from "effect"
 * import { blake3, chunk, contents, fixed, hash } from "@penstock/penstock"
 * import { pack, packs, plan, unchunk, unpack, verify } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const file = { path: "a", kind: "file", metadata: {}, size: 2000, content: new Uint8Array(2000).fill(7) } as const
 * const program = Effect.gen(function* () {
 *   const stored = yield* plan(Stream.make(file)).pipe(
 *     chunk(fixed({ size: 512 })),
 *     hash(blake3),
 *     pack(packs()),
 *     Stream.runCollect,
 *   )
 *   const entries = Stream.fromIterable(stored).pipe(unpack(packs()), verify(blake3), unchunk, contents)
 *   return yield* Stream.runCollect(entries)
 * })
 * const [entry] = await Effect.runPromise(Effect.provide(program, memoryStore.layer))
 * assert.deepEqual(entry?.content, file.content)
 * ```
 */
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
