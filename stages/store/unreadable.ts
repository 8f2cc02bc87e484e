/** Tells an object that cannot be read from a store that cannot be read. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Afresh, readTwice } from "./second_read.ts"
import { type ObjectStore, StoreError } from "./store.ts"

/**
 * Whether an error of a read concerns only that object, which is then as good as missing: it does not exist, is too
 * short, the disk cannot read it, or the store does not hand it out. Other errors concern the store as a whole.
 */
export const concernsObject = ({ reason }: StoreError): boolean =>
  reason === "not-found" || reason === "corrupt" || reason === "io" || reason === "denied"

/** Whether the object behind an error may be whole, and only this disk or this user cannot read it. */
export const isUnreadable = (error: unknown): boolean =>
  error instanceof StoreError
    ? error.reason === "io" || error.reason === "denied"
    : typeof error === "object" && error !== null && "cause" in error && isUnreadable(error.cause)

/** After this many unreadable objects in a row, it is checked whether anything can be read. */
const SUSPICIOUS = 16

/**
 * The same store, but it tells an object that cannot be read from a store that cannot be read:
 *
 * - When 16 different objects in a row were unreadable, it tries others of their directory. When those are unreadable,
 *   too, it fails with `unavailable`.
 * - When 16 different objects in a row did not exist, it tries objects that were read before, in the same way.
 * - A listing that fails with `io` or `denied` fails with `unavailable` instead, because any object may be in it.
 * - An answer that is shorter than the range is `corrupt`, after a second read.
 */
export const watched = (store: ObjectStore): ObjectStore => {
  if (watching.has(store)) return store
  /** For each directory, the object that was read last. */
  const read = new Map<string, string>()
  /** The objects that could not be read since the last successful read. */
  const unreadable = new Set<string>()
  const missing = new Set<string>()

  const isThere = (name: string): Effect.Effect<boolean> =>
    store.get(name, { offset: 0, length: 1 }).pipe(
      Effect.provideService(Afresh, true),
      Effect.as(true),
      // The object is empty: it is there.
      Effect.catch((error) => Effect.succeed(error.reason === "corrupt")),
    )
  const anyThere = (names: ReadonlyArray<string>): Effect.Effect<boolean> =>
    Effect.suspend(() =>
      names.length === 0
        ? Effect.succeed(false)
        : Effect.flatMap(isThere(names[0]!), (there) => there ? Effect.succeed(true) : anyThere(names.slice(1)))
    )
  /** Names of objects in a directory that were not tried yet, spread evenly over it. */
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
              `"${name}" in ${store.properties.location} gave ${bytes.length} bytes instead of ${part.length}: ` +
              "it may be damaged",
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
    // That an object does not exist is a valid answer.
    stat: (name) =>
      Effect.catch(store.stat(name), (error) => error.reason === "not-found" ? Effect.fail(error) : judge(name, error)),
  }
  watching.add(made)
  return made
}

/** The stores that this module made, so that none is watched twice. Entries go with their stores. */
const watching = new WeakSet<ObjectStore>()

/** The top directory of a name: `DATA/` of `DATA/ab/abcd.roz`. */
const directoryOf = (name: string): string => name.slice(0, name.indexOf("/") + 1)
