/** The last stage of the way back: it runs the recipes, so that entries get their content. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { contentLength } from "../hash/chunk_list.ts"
import { Kernels } from "../kernel/kernel.ts"
import type { Steps } from "../plan/plan.ts"
import type { Fetched, InverseOrder, Recipe } from "../plan/recipe.ts"
import { groupInUnits } from "../run/group.ts"
import { ObjectStore, type StoreError } from "../store/store.ts"
import type { Entry } from "../walk/entry.ts"
import { type Assembler, decodingSpec, makeAssembler } from "./assembler.ts"
import { largeContent, smallContent } from "./content.ts"
import { Decoding } from "./decoding.ts"

/** Contents that are read together, in bytes. A larger content is a stream, which reads as much at once. */
const UNIT_BYTES = 4 << 20
/** The same from a remote store, where fewer requests are better. */
const REMOTE_UNIT_BYTES = 8 << 20
/** Units that are fetched and decoded while another is used. */
const AHEAD = 2
/** Entries in a unit at most. */
const UNIT_ENTRIES = 1024

/** How contents are read. */
export interface ContentsOptions {
  /** Whether a chunk is wanted more than once, as far as is known. Such chunks are kept for a while, up to 8 MiB. */
  readonly repeated?: (id: Uint8Array) => boolean
  /** All contents, or those of these entries, are streams, of which nothing is fetched before it is asked for. */
  readonly lazy?: boolean | ((entry: Entry) => boolean) | undefined
}

/**
 * Runs the recipes: gives entries with their content, in order. A small file has its content as bytes; a large file has
 * a stream, to be read before the stream of entries ends. The content of an entry that is lost or altered is a stream
 * that fails with SourceError `damaged`.
 *
 * Content is lent: its bytes must not be changed. `write` gives them back when an entry is written, so that their
 * memory is freed at once. Otherwise the garbage collector frees them.
 *
 * The next units are fetched and decoded while one is used. Up to 3 units of 4 MiB, and as much of a large file, are in
 * memory (twice that where the chunks wanted are small parts of their blocks), and 16 MiB of blocks, stored and
 * decoded. From a remote store units have 8 MiB.
 *
 * @example Read one file of a snapshot
 * ```ts
 * import assert from "node:assert/strict"
 * import { Effect, Option, Stream } from "effect"
 * import { blake3, catalog, chunk, contents, entries, fastcdc, hash, memorySourceLayer } from "@penstock/penstock"
 * import { pack, packs, sqlite, sqliteWasm, unchunk, unpack, verify, walk } from "@penstock/penstock"
 * import { memoryStore } from "@penstock/penstock/adapters"
 *
 * const notes = new TextEncoder().encode("buy milk")
 * const program = Effect.gen(function* () {
 *   const snapshot = yield* walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sqlite()))
 *   return yield* entries(snapshot).pipe(
 *     Stream.filter(({ path }) => path === "notes"),
 *     unpack(packs()),
 *     verify(blake3),
 *     unchunk,
 *     contents,
 *     Stream.runHead,
 *   )
 * })
 * const source = memorySourceLayer({ notes: { content: notes } })
 * const found = await Effect.runPromise(Effect.provide(program, [memoryStore.layer, sqliteWasm, source]))
 * assert.deepEqual(Option.getOrThrow(found).content, notes)
 * ```
 */
export const contents = <S extends Steps, E, R>(
  self: Stream.Stream<Fetched<S>, E, R> & InverseOrder<S, "contents">,
  options: ContentsOptions = {},
): Stream.Stream<Entry, E | StoreError, R | ObjectStore> => {
  const entries: Stream.Stream<Fetched<S>, E, R> = self
  return Stream.unwrap(Effect.gen(function* () {
    const { properties } = yield* ObjectStore
    const unitBytes = properties.remote === true ? REMOTE_UNIT_BYTES : UNIT_BYTES
    const { lazy = false } = options
    const isLazy = typeof lazy === "function" ? lazy : () => lazy
    const assemblerOf = yield* makeAssemblers(options)
    return unitsToRead(unitBytes)(entries).pipe(
      Stream.mapEffect(
        Effect.fnUntraced(function* (unit: ReadonlyArray<Fetched<Steps>>) {
          return yield* withContents(yield* assemblerOf(unit[0]!.recipe), unit, { isLazy, unitBytes })
        }),
        { concurrency: AHEAD },
      ),
      Stream.flattenIterable,
    )
  }))
}

/** Makes a function that gives the assembler of a recipe. Each assembler is made once. */
const makeAssemblers = Effect.fnUntraced(function* ({ repeated }: ContentsOptions) {
  const table = yield* Kernels
  const decoding = yield* Decoding
  const context = Context.add(yield* Effect.context<ObjectStore>(), Scope.Scope, yield* Effect.scope)
  const made = new Map<Recipe, Assembler>()
  const lock = Semaphore.makeUnsafe(1)
  return Effect.fnUntraced(
    function* (recipe: Recipe) {
      let assembler = made.get(recipe)
      if (assembler === undefined) {
        const unpacker = yield* recipe.packing.read
        const decode = yield* decoding.startDecoder(decodingSpec(recipe, unpacker))
        made.set(recipe, assembler = makeAssembler(recipe, { unpacker, table, decode, repeated }))
      }
      return assembler
    },
    Effect.provide(context),
    // Units that come at the same time share one.
    Semaphore.withPermit(lock),
  )
})

const withContents = Effect.fnUntraced(function* (
  assembler: Assembler,
  unit: ReadonlyArray<Fetched<Steps>>,
  { isLazy, unitBytes }: { readonly isLazy: (entry: Entry) => boolean; readonly unitBytes: number },
) {
  const small = unit.filter((entry) =>
    entry.kind === "file" && contentLength(entry.chunks) <= unitBytes && !isLazy(entry)
  )
  const read = yield* assembler.read(small.map(({ chunks }) => chunks))
  const found = new Map(small.map((entry, i) => [entry, read[i]!]))
  return unit.map((entry): Entry => {
    const { recipe: _recipe, steps: _steps, chunks: _chunks, reused: _reused, warning: _warning, ...rest } = entry
    if (entry.kind !== "file") return rest
    const pieces = found.get(entry)
    return {
      ...rest,
      content: pieces === undefined
        ? largeContent(assembler, entry, unitBytes)
        : smallContent(assembler, entry, pieces),
    }
  })
})

const unitsToRead = (unitBytes: number) =>
  groupInUnits<Fetched<Steps>>({
    key: ({ recipe }) => recipe,
    // A larger content is a stream: nothing of it is read with its unit.
    bytesOf: ({ chunks, kind }) => {
      const bytes = kind === "file" ? contentLength(chunks) : 0
      return bytes <= unitBytes ? bytes : 0
    },
    startsAnew: (unit, bytes) => unit.bytes + bytes > unitBytes,
    isFull: ({ entries }) => entries >= UNIT_ENTRIES,
  })
