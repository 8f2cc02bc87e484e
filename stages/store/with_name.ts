/** The checks that each store makes before it touches anything. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { directoryError, nameError } from "./name.ts"
import type { ObjectInfo, StoreError } from "./store.ts"

/** Runs `work` if an object can have this name, and fails with `invalid` otherwise. */
export const withName = <A, R>(
  name: string,
  work: () => Effect.Effect<A, StoreError, R>,
): Effect.Effect<A, StoreError, R> =>
  Effect.suspend(() => {
    const error = nameError(name)
    return error === undefined ? work() : Effect.fail(error)
  })

/** Runs `work` if these are all names of directories (`DATA/00/`), and fails with `invalid` otherwise. */
export const withDirectories = <A, R>(
  directories: ReadonlyArray<string>,
  work: () => Effect.Effect<A, StoreError, R>,
): Effect.Effect<A, StoreError, R> =>
  Effect.suspend(() => {
    const error = directories.map(directoryError).find((error) => error !== undefined)
    return error === undefined ? work() : Effect.fail(error)
  })

/** Lists by `list` if this is the name of a directory (`DATA/`, or `""`), and fails with `invalid` otherwise. */
export const withDirectory = (
  directory: string,
  list: () => Stream.Stream<ObjectInfo, StoreError>,
): Stream.Stream<ObjectInfo, StoreError> =>
  Stream.suspend(() => {
    const error = directoryError(directory)
    return error === undefined ? list() : Stream.fail(error)
  })
