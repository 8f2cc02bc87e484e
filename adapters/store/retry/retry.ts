/** Tries again what may pass. */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { absent } from "../../../stages/store/absent.ts"
import type { ObjectInfo, ObjectStore, ObjectWriter, StoreError, WriteOptions } from "../../../stages/store/store.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { alreadyExists } from "../../../stages/store/name.ts"
import { equalsParts, sizeOfParts } from "../../../stages/store/parts.ts"
import { makeRetrier, type Retrier, retryingWith, type RetryOptions, StepRetrier } from "./retrier.ts"

/** Bytes of an object that are compared at once. */
const COMPARED = 8 << 20

/**
 * The same store, where an operation that fails with `unavailable` is tried again, when a repetition does no harm.
 * Waits double from try to try, are never shorter than what the store asks for (`retryAfter`), and end with the total
 * time: then the error says how long was tried.
 *
 * - A create-only `put` may have succeeded although it failed. So when a later try says `exists`, the object is read:
 *   the `put` succeeds when it holds exactly these bytes, and fails with `exists` otherwise. Two writers of the same
 *   bytes under one name may then both succeed; that is right for objects named by their content, or by a random name.
 * - A `commit` is not repeated here, as its writer may be gone. It may have succeeded although it failed, too, so then
 *   the object is looked at. It is taken for committed when it has the size of what was appended and nobody else writes
 *   that name (`unique`), or, read back, the same SHA-256.
 * - `append` is not tried again, `create` is. Stores repeat what makes up an append or a commit themselves, by
 *   `retrying`.
 * - `list` starts again where it stopped: what it has given already is left out.
 * - A `put` with `replace` and a `remove` that failed may still be carried out by the server, even after the next one
 *   of that name: what is written like that must not matter when it is old.
 */
export const retry: Decorator<[options?: RetryOptions]> = decorator((store, options) =>
  retryBy(store, makeRetrier(options))
)

/** The same with a retrier that is used for more than this. */
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

  /** Whether an object is there that a writer has made of bytes of that size and hash. */
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
    for (let offset = 0; offset < size; offset += COMPARED) {
      state.update(yield* again(store.get(name, { offset, length: Math.min(COMPARED, size - offset) })))
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
