/** Tries failed operations again. */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { alreadyExists } from "../../../stages/store/errors.ts"
import { absent } from "../../../stages/store/absent.ts"
import type { ObjectInfo, ObjectStore, ObjectWriter, StoreError, WriteOptions } from "../../../stages/store/store.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { equalsParts, sizeOfParts } from "../../../stages/store/parts.ts"
import { makeRetrier, type Retrier, retryingWith, type RetryOptions, StepRetrier } from "./retrier.ts"

/** Bytes of an object that are read at once to compare it. */
const COMPARE_BYTES = 8 << 20

/**
 * The same store, which repeats an operation that fails with `unavailable`, if that does no harm. The waits double from
 * try to try, and are at least as long as the store asks for (`retryAfter`). When the total time is over, the error
 * says how long the operation was tried.
 *
 * - A create-only `put` may have succeeded although it failed. So if a later try says `exists`, the object is read: the
 *   `put` succeeds if the object holds exactly these bytes, and fails with `exists` otherwise. Two writers of the same
 *   bytes under one name may then both succeed, which is right for objects that are named by their content or at
 *   random.
 * - A `commit` is not repeated here, because its writer may be gone. It too may have succeeded although it failed. It
 *   counts as a success if the object has the size of the appended bytes and either nobody else writes that name
 *   (`unique`), or the object has the same SHA-256 when it is read back.
 * - `append` is not repeated, `create` is. Stores repeat the steps of an append or a commit themselves, by `retrying`.
 * - `list` starts again, and leaves out the objects that it has already given.
 * - A server may still carry out a failed `put` with `replace`, or a failed `remove`, even after the next one of that
 *   name. So the repository must stay correct if such an object has an old content.
 *
 * @example Try for up to an hour
 * ```ts
 * import assert from "node:assert/strict"
 * import * as Effect from "effect/Effect"
 * import { fault, memoryStore, retry } from "@penstock/penstock/adapters"
 *
 * await Effect.runPromise(Effect.gen(function* () {
 *   const flaky = fault(yield* memoryStore.make(), { nth: 1, effect: "fail", reason: "unavailable" })
 *   const store = retry(flaky, { base: "1 millis", within: "1 hour" })
 *   yield* store.put("DATA/a", [Uint8Array.of(1)]) // fails at first
 *   assert.equal((yield* store.stat("DATA/a")).size, 1)
 * }))
 * ```
 */
export const retry: Decorator<[options?: RetryOptions]> = decorator((store, options) =>
  retryBy(store, makeRetrier(options))
)

/** The same with a retrier that is also used elsewhere. */
export const retryBy = (store: ObjectStore, retrier: Retrier): ObjectStore => {
  const provide = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
    Effect.provideService(effect, StepRetrier, retrier)
  const again = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<A, StoreError, R> =>
    retryingWith(retrier, provide(effect))

  const holds = Effect.fnUntraced(function* (name: string, parts: ReadonlyArray<Uint8Array>) {
    const { size } = yield* store.stat(name)
    return size === sizeOfParts(parts) && equalsParts(yield* store.get(name, { atMost: size }), parts)
  })
  const putNew: ObjectStore["put"] = (name, parts, how) =>
    Effect.suspend(() => {
      let first = true
      return again(Effect.suspend(() => {
        const put = store.put(name, parts, how)
        if (first) {
          first = false
          return put
        }
        return Effect.catch(put, (error) =>
          error.reason !== "exists"
            ? Effect.fail(error)
            : Effect.flatMap(holds(name, parts), (same) =>
              same ? Effect.void : Effect.fail(error)))
      }))
    })

  /** Compares the object with the bytes of a writer, of which only size and hash are known. */
  const committed = Effect.fnUntraced(function* (
    name: string,
    size: number,
    hash: string | undefined,
  ): Effect.fn.Return<"yes" | "other" | "none", StoreError> {
    const found = yield* absent(again(store.stat(name)))
    if (found === undefined) return "none"
    if (found.size !== size) return "other"
    if (hash === undefined) return "yes"
    const state = createHash("sha256")
    for (let offset = 0; offset < size; offset += COMPARE_BYTES) {
      state.update(yield* again(store.get(name, { offset, length: Math.min(COMPARE_BYTES, size - offset) })))
    }
    return state.digest("hex") === hash ? "yes" : "other"
  })
  const watch = (name: string, options: WriteOptions | undefined, writer: ObjectWriter): ObjectWriter => {
    let size = 0
    const state = options?.unique === true ? undefined : createHash("sha256")
    return {
      append: (bytes) =>
        Effect.suspend(() => {
          size += bytes.length
          state?.update(bytes)
          return provide(writer.append(bytes))
        }),
      commit: Effect.catch(
        provide(writer.commit),
        (error) =>
          error.reason !== "unavailable"
            ? Effect.fail(error)
            : Effect.flatMap(committed(name, size, state?.digest("hex")), (outcome) =>
              outcome === "yes" ? Effect.void : Effect.fail(
                outcome === "other" && options?.replace !== true
                  ? alreadyExists(name, store.properties.location, error)
                  : error,
              )),
      ),
    }
  }

  return {
    properties: store.properties,
    put: (name, parts, how) => how?.replace ? again(store.put(name, parts, how)) : putNew(name, parts, how),
    create: (name, options) => Effect.map(again(store.create(name, options)), (writer) => watch(name, options, writer)),
    get: (name, part) => again(store.get(name, part)),
    stat: (name) => again(store.stat(name)),
    list: (directory) =>
      Stream.unwrap(Effect.map(retrier.start, (tries) => {
        const given = new Set<string>()
        const fresh = ({ name }: ObjectInfo): boolean => !given.has(name) && given.add(name) !== undefined
        const listed: Stream.Stream<ObjectInfo, StoreError> = Stream.suspend(() =>
          store.list(directory).pipe(
            Stream.provideService(StepRetrier, retrier),
            Stream.filter(fresh),
            Stream.mapArrayEffect((objects) => Effect.as(tries.progressed, objects)),
            Stream.catch((error) => Stream.unwrap(Effect.as(tries.failed(error), listed))),
          )
        )
        return listed
      })),
    remove: (name) => again(store.remove(name)),
  }
}
