import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { concat } from "effect/Bytes"
import { SourceError } from "../walk/errors.ts"
import { type Assembler, decodingSpec, makeAssembler, type Pieces, splitList } from "./assembler.ts"
import type { Stored } from "../plan/stored.ts"
import { groupedInUnits } from "../run/group.ts"
import { contentLength } from "../hash/chunk_list.ts"
import { KernelError, Kernels } from "../kernel/kernel.ts"
import { giveBack, Lender, PiecesLent } from "../memory/lent.ts"
import { Decoding } from "./decoding.ts"
import { ObjectStore, StoreError } from "../store/store.ts"
import { concernsObject } from "../store/unreadable.ts"
import type { Steps } from "../plan/plan.ts"
import type { Fetched, InverseOrder, Recipe } from "../plan/recipe.ts"
import type { Content, Entry } from "../walk/entry.ts"

/** Contents that are read together, in bytes; a larger one is a stream, read as much at once. */
const UNIT_BYTES = 4 << 20
/** The same from a remote store, where fewer requests are better. */
const REMOTE_UNIT_BYTES = 8 << 20
/** So many of them are fetched and decoded while another is used. */
const AHEAD = 2
/** Entries in a unit at most. */
const UNIT_ENTRIES = 1024

/** How contents are read. */
export interface ContentsOptions {
  /** Whether a chunk is wanted more than once, as far as is known: then it is kept for a while, up to 8 MiB in all. */
  readonly repeated?: (id: Uint8Array) => boolean
  /** All contents are streams, and nothing is fetched before it is asked for. */
  readonly lazy?: boolean | undefined
}

/**
 * Runs the recipe: entries with their content, in order. Small files have it as bytes, which are not to be changed;
 * large ones as a stream, to be read before the whole stream of entries ends. The content of an entry that is lost or
 * altered is a stream that fails with SourceError `damaged`. Who is done with contents may give them back: see
 * `lent.ts`.
 *
 * What comes next is fetched and decoded while what came is used: up to 3 units of 4 MiB, and as much of a large file,
 * are in memory, up to twice that where the chunks wanted are small parts of their blocks, and 16 MiB of blocks stored
 * and decoded. From a remote store units have 8 MiB.
 */
export const contents = <S extends Steps, E, R>(
  self: Stream.Stream<Fetched<S>, E, R> & InverseOrder<S, "contents">,
  options: ContentsOptions = {},
): Stream.Stream<Entry, E | StoreError, R | ObjectStore> => {
  const run = (entries: Stream.Stream<Fetched<S>, E, R>) =>
    Stream.unwrap(Effect.gen(function* () {
      const table = yield* Kernels
      const decoding = yield* Decoding
      const context = yield* Effect.context<ObjectStore>()
      const scope = yield* Effect.scope
      const unitBytes = Context.get(context, ObjectStore).properties.remote === true ? REMOTE_UNIT_BYTES : UNIT_BYTES
      const assemblers = new Map<Recipe, Assembler>()
      const one = Semaphore.makeUnsafe(1)
      const assembler = Effect.fnUntraced(function* (recipe: Recipe) {
        let made = assemblers.get(recipe)
        if (made === undefined) {
          const unpacker = yield* Effect.provideService(
            Effect.provide(recipe.packing.read, context),
            Scope.Scope,
            scope,
          )
          const open = yield* Effect.provideService(decoding.start(decodingSpec(recipe, unpacker)), Scope.Scope, scope)
          assemblers.set(recipe, made = makeAssembler(recipe, unpacker, table, { open, ...options }))
        }
        return made
        // Units that come at the same time share one.
      }, Semaphore.withPermit(one))
      return unitsToRead(unitBytes)(entries).pipe(
        Stream.mapEffect(
          Effect.fnUntraced(function* (unit: ReadonlyArray<Fetched<S>>) {
            return yield* withContents(yield* assembler(unit[0]!.recipe), unit, {
              unitBytes,
              lazy: options.lazy === true,
            })
          }),
          { concurrency: AHEAD },
        ),
        Stream.flattenIterable,
      )
    }))
  return run(self)
}

const withContents = Effect.fnUntraced(
  function* (
    assembler: Assembler,
    unit: ReadonlyArray<Fetched<Steps>>,
    { lazy, unitBytes }: { readonly lazy: boolean; readonly unitBytes: number },
  ) {
    const small = unit.filter((entry) => !lazy && entry.kind === "file" && contentLength(entry.chunks) <= unitBytes)
    const read = yield* assembler.read(small.map(({ chunks }) => chunks))
    const found = new Map(small.map((entry, i) => [entry, read[i]!]))
    return unit.map((entry): Entry => {
      const { recipe: _recipe, steps: _steps, chunks, reused: _reused, warning: _warning, ...rest } = entry
      if (entry.kind !== "file") return rest
      const pieces = found.get(entry)
      if (pieces === undefined) {
        return { ...rest, content: decoded(assembler, entry, large(assembler, entry, splitList(chunks, unitBytes))) }
      }
      if ("damage" in pieces) return { ...rest, content: Stream.fail(damaged(entry, pieces.damage, pieces.cause)) }
      return { ...rest, content: decoded(assembler, entry, whole(pieces)) }
    })
  },
)

/** The pieces of a small content as one. */
const whole = (pieces: Pieces): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!
  const bytes = concat(pieces)
  giveBack(pieces)
  return bytes.length === 0 ? bytes : new Lender(bytes, true).lend(bytes)
}

/** The content of a large file, some MiB at a time, the next while the last are used. */
const large = (
  assembler: Assembler,
  entry: Stored,
  lists: ReadonlyArray<Uint8Array>,
): Stream.Stream<Uint8Array, SourceError> => {
  const pieces = Stream.fromIterable(lists).pipe(
    Stream.rechunk(1),
    Stream.mapEffect(
      (list) =>
        assembler.read([list]).pipe(
          Effect.mapError((error) => contentError(entry.path, error)),
          Effect.flatMap(([pieces]): Effect.Effect<Pieces, SourceError> =>
            "damage" in pieces! ? Effect.fail(damaged(entry, pieces.damage, pieces.cause)) : Effect.succeed(pieces!)
          ),
        ),
      { concurrency: AHEAD },
    ),
  )
  return Stream.unwrap(Effect.map(PiecesLent, (lent) => {
    let last: Pieces = []
    return Stream.flattenIterable(
      !lent ? pieces : Stream.map(pieces, (now) => {
        giveBack(last)
        return last = now
      }),
    )
  }))
}

/** Applies the decoders of the whole content, and checks the length. */
const decoded = (
  assembler: Assembler,
  entry: Stored,
  content: Uint8Array | Stream.Stream<Uint8Array, SourceError>,
): Content => {
  const wrong = (length: number) => damaged(entry, `it has ${length} bytes instead of ${entry.size}`)
  if (content instanceof Uint8Array && assembler.transforms().length === 0) {
    return content.length === entry.size ? content : Stream.fail(wrong(content.length))
  }
  const pieces = content instanceof Uint8Array ? Stream.succeed(content) : content
  return Stream.suspend(() => {
    const transforms = assembler.transforms()
    let length = 0
    const through = (from: number, bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
      from === transforms.length ? [bytes] : transforms[from]!.push(bytes).flatMap((piece) => through(from + 1, piece))
    const attempt = (run: () => ReadonlyArray<Uint8Array>) =>
      Effect.suspend(() => {
        try {
          const out = run()
          for (const piece of out) length += piece.length
          return Effect.succeed(out)
        } catch (error) {
          return error instanceof KernelError ? Effect.fail(damaged(entry, error.message)) : Effect.die(error)
        }
      })
    return Stream.flattenIterable(Stream.mapEffect(pieces, (bytes) => attempt(() => through(0, bytes)))).pipe(
      Stream.concat(
        Stream.flattenIterable(
          Stream.fromEffect(
            Effect.suspend(() =>
              attempt(() =>
                transforms.flatMap((transform, i) => transform.end().flatMap((piece) => through(i + 1, piece)))
              )
            ),
          ),
        ),
      ),
      Stream.concat(
        Stream.fromEffectDrain(Effect.suspend(() => length === entry.size ? Effect.void : Effect.fail(wrong(length)))),
      ),
    )
  })
}

const damaged = ({ path }: Stored, message: string, cause?: unknown): SourceError =>
  new SourceError({ reason: "damaged", path, message: `Its content is lost: ${message}`, cause })

/** Why the content of a file cannot be had: an object of it is lost, or else, with `io`, all of the store. */
export const contentError = (path: string, error: { readonly message: string }): SourceError =>
  error instanceof StoreError && !concernsObject(error)
    ? new SourceError({ reason: "io", path, message: `Its content cannot be read: ${error.message}`, cause: error })
    : new SourceError({ reason: "damaged", path, message: `Its content is lost: ${error.message}`, cause: error })

const unitsToRead = (unitBytes: number) =>
  groupedInUnits<Fetched<Steps>>({
    key: ({ recipe }) => recipe,
    // A larger content is a stream: nothing of it is read with its unit.
    bytesOf: ({ chunks, kind }) => {
      const bytes = kind === "file" ? contentLength(chunks) : 0
      return bytes <= unitBytes ? bytes : 0
    },
    startsAnew: (unit, bytes) => unit.bytes + bytes > unitBytes,
    isFull: ({ entries }) => entries >= UNIT_ENTRIES,
  })
