/** What it means that an object cannot be read: that it is lost, or that all of the store is. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Afresh, readTwice } from "./second_read.ts"
import { type ObjectStore, StoreError } from "./store.ts"

/**
 * Whether an error of a read concerns that one object, which is then as good as missing, and not the store as a whole:
 * it is not there, shorter than it should be, the disk cannot read it, or the store does not hand it out.
 */
export const concernsObject = ({ reason }: StoreError): boolean =>
  reason === "not-found" || reason === "corrupt" || reason === "io" || reason === "denied"

/**
 * Whether an object that is behind an error may be all there, and only cannot be read: by this disk, or by this user.
 */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof StoreError
    ? error.reason === "io" || error.reason === "denied"
    : typeof error === "object" && error !== null && "cause" in error && isUnreadable(error.cause)

/** So many objects one after the other that cannot be read are a reason to ask whether anything can be. */
const SUSPICIOUS = 16

/**
 * The store, which tells an object that cannot be read from a store that cannot be: when 16 different ones, with none
 * in between that could, were not readable, others of their directory are tried; when these are not readable either,
 * the error is `unavailable`, and says so. When objects are not there, one that was read before is tried. What cannot
 * be listed concerns all that may be there. What is
 * shorter than was asked for is `corrupt`, after a second read.
 */
export const watched = (store: ObjectStore): ObjectStore => {
  if (watching.has(store)) return store
  /** The object of each directory that was read last. */
  const read = new Map<string, string>()
  /** Objects that could not be read since one could. */
  const unreadable = new Set<string>()
  const missing = new Set<string>()

  const isThere = (name: string): Effect.Effect<boolean> =>
    store.get(name, { offset: 0, length: 1 }).pipe(
      Effect.provideService(Afresh, true),
      Effect.as(true),
      // An object without a byte.
      Effect.catch((error) => Effect.succeed(error.reason === "corrupt")),
    )
  const anyThere = (names: ReadonlyArray<string>): Effect.Effect<boolean> =>
    Effect.suspend(() =>
      names.length === 0
        ? Effect.succeed(false)
        : Effect.flatMap(isThere(names[0]!), (there) => there ? Effect.succeed(true) : anyThere(names.slice(1)))
    )
  /** Some names of a directory that were not tried, from all over it. */
  const others = (directory: string): Effect.Effect<ReadonlyArray<string>, StoreError> =>
    Effect.map(Stream.runCollect(store.list(directory)), (objects) => {
      const names = objects.map(({ name }) => name).filter((name) => !unreadable.has(name))
      const step = Math.max(1, names.length / SUSPICIOUS)
      return Array.from({ length: Math.min(SUSPICIOUS, names.length) }, (_, i) => names[Math.floor(i * step)]!)
    })
  const gone = (what: string, error: StoreError): StoreError =>
    new StoreError({
      reason: "unavailable",
      object: error.object,
      message: `${what} in ${store.properties.location} can be read any more: ${error.message}`,
      cause: error,
    })

  const judge = Effect.fnUntraced(function* (name: string, error: StoreError): Effect.fn.Return<never, StoreError> {
    const { reason } = error
    if (reason === "io" || reason === "denied") {
      unreadable.add(name)
      if (unreadable.size < SUSPICIOUS) return yield* error
      const directory = directoryOf(name)
      const last = read.get(directory)
      const candidates = yield* Effect.catch(others(directory), () => Effect.succeed([]))
      if (!(yield* anyThere(last === undefined ? candidates : [last, ...candidates]))) {
        return yield* gone(directory === "" ? "Nothing" : `Nothing beneath ${directory}`, error)
      }
      unreadable.clear()
    } else if (reason === "not-found") {
      missing.add(name)
      if (missing.size < SUSPICIOUS) return yield* error
      if (read.size > 0 && !(yield* anyThere([...read.values()]))) return yield* gone("Nothing", error)
      missing.clear()
    }
    return yield* error
  })
  const learn = (name: string): void => {
    unreadable.clear()
    missing.clear()
    read.set(directoryOf(name), name)
  }

  const get: ObjectStore["get"] = (name, part) =>
    readTwice(
      name,
      Effect.flatMap(store.get(name, part), (bytes) => {
        learn(name)
        return "atMost" in part || bytes.length === part.length ? Effect.succeed(bytes) : Effect.fail(
          new StoreError({
            reason: "corrupt",
            object: name,
            message:
              `"${name}" in ${store.properties.location} gave ${bytes.length} bytes instead of ${part.length}: it may be damaged`,
          }),
        )
      }),
    ).pipe(Effect.catch((error) => judge(name, error)))
  const made: ObjectStore = {
    ...store,
    get,
    list: (directory) =>
      Stream.mapError(
        store.list(directory),
        (error) =>
          error.reason === "io" || error.reason === "denied"
            ? new StoreError({ reason: "unavailable", object: error.object, message: error.message, cause: error })
            : error,
      ),
    // That there is none is an answer.
    stat: (name) =>
      Effect.catch(store.stat(name), (error) => error.reason === "not-found" ? Effect.fail(error) : judge(name, error)),
  }
  watching.add(made)
  return made
}

/** The stores that are watched. */
const watching = new WeakSet<ObjectStore>()

/** `DATA/` of `DATA/ab/abcd.roz`. */
const directoryOf = (name: string): string => name.slice(0, name.indexOf("/") + 1)
