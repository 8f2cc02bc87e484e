/**
 * Objects of a bucket with versions, each read from its first version.
 *
 * Somebody who may put objects, but not delete versions, can then spoil nothing: what they put over an object, or a
 * deletion, is a later version, which nobody reads. The first writer of a name wins without conditions and claims: a
 * writer puts its version, and looks which one is the first.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { Recent } from "../../../stages/memory/recent.ts"
import { absent } from "../../../stages/store/absent.ts"
import { alreadyExists, notFound } from "../../../stages/store/errors.ts"
import { listingBound } from "../../../stages/store/listing_bound.ts"
import { nameError } from "../../../stages/store/name.ts"
import { type ObjectInfo, StoreError, type WriteOptions } from "../../../stages/store/store.ts"
import { retrying } from "../retry/retrier.ts"
import type { S3Client } from "./client.ts"
import { s3Key, showS3Location } from "./location.ts"
import { hasMark } from "./mark.ts"
import { type After, type ListedVersion, listVersions, type WrittenVersion } from "./versions.ts"

/** Versions that are remembered. Another one is looked up when it is wanted. */
const REMEMBERED = 1 << 16

/** The first versions of the objects of a bucket. */
export interface FirstVersions {
  /** Reads the first version of an object, given its ID. Fails with `not-found`. */
  readonly read: <A>(
    name: string,
    read: (versionId: string) => Effect.Effect<A, StoreError>,
  ) => Effect.Effect<A, StoreError>
  /** Runs `write`, which puts a version, so that it becomes the object as the options ask. */
  readonly publish: (
    name: string,
    options: WriteOptions | undefined,
    write: Effect.Effect<WrittenVersion, StoreError>,
  ) => Effect.Effect<void, StoreError>
  /** All objects beneath a directory, also those that were deleted without naming a version. */
  readonly list: (directory: string) => Stream.Stream<ObjectInfo, StoreError>
  /** Deletes all versions of an object. */
  readonly remove: (name: string) => Effect.Effect<void, StoreError>
}

/** A view of a bucket that keeps versions. */
export const makeFirstVersions = (client: S3Client): FirstVersions => {
  const { location } = client
  const shown = showS3Location(location)
  const known = new Recent<string, string>({ limit: REMEMBERED, bytesOf: () => 1 })

  /** All versions of one object, the newest first. */
  const versionsOf = (name: string, doing: string): Effect.Effect<ReadonlyArray<ListedVersion>, StoreError> => {
    const key = s3Key(location, name)
    // Longer keys that begin with this one follow it.
    const pages = Stream.paginate(
      undefined as After | undefined,
      (after) =>
        Effect.map(retrying(listVersions(client, { doing, name, prefix: key, after })), ({ next, versions }) =>
          [
            versions.filter((version) => version.key === key),
            next === undefined || next.key !== key ? Option.none() : Option.some(next),
          ] as const),
    )
    return Stream.runCollect(pages)
  }

  const firstOf = (name: string, doing: string): Effect.Effect<string | undefined, StoreError> =>
    Effect.map(versionsOf(name, doing), (versions) => {
      const first = versions.findLast(({ size }) => size !== undefined)?.id
      if (first !== undefined) known.set(name, first)
      return first
    })

  const deleteVersion = (name: string, versionId: string): Effect.Effect<void, StoreError> =>
    Effect.asVoid(absent(
      client.send({ method: "DELETE", doing: "remove", name, key: s3Key(location, name), query: { versionId } }),
    ))

  const removeBut = (name: string, kept: string | undefined): Effect.Effect<void, StoreError> =>
    Effect.flatMap(
      versionsOf(name, "remove"),
      Effect.forEach(({ id }) => id === kept ? Effect.void : deleteVersion(name, id), { discard: true }),
    )

  return {
    read: <A>(name: string, read: (versionId: string) => Effect.Effect<A, StoreError>) =>
      Effect.suspend(() => {
        /** Somebody may replace the object, and so delete the version, before it is read. Then there is another one. */
        const from = (id: string): Effect.Effect<A, StoreError> =>
          Effect.catchIf(read(id), ({ reason }) => reason === "not-found", (error) => findBut(id, error))
        const findBut = (known: string | undefined, error: StoreError): Effect.Effect<A, StoreError> =>
          Effect.flatMap(
            firstOf(name, "read"),
            (first) => first === undefined || first === known ? Effect.fail(error) : from(first),
          )
        const id = known.get(name)
        return id === undefined ? findBut(undefined, notFound(name, shown)) : from(id)
      }),
    publish: Effect.fnUntraced(function* (name, options, write) {
      if (options?.unique === true) return yield* Effect.asVoid(write)
      const isNew = options?.replace !== true
      const taken = alreadyExists(name, shown)
      if (isNew && (yield* firstOf(name, "write")) !== undefined) return yield* taken
      const { id, mark } = yield* write
      known.delete(name)
      if (!isNew) return yield* removeBut(name, id ?? (yield* versionsOf(name, "write"))[0]?.id)
      const first = yield* firstOf(name, "write")
      if (first === undefined || first === id) return
      // The runtime may have repeated the request: then the first version has the same mark.
      if (yield* hasMark(client, name, s3Key(location, name), mark, first)) return
      if (id !== null) yield* Effect.ignore(deleteVersion(name, id))
      return yield* taken
    }),
    list: (directory) =>
      Stream.suspend(() => {
        const { prefix } = location
        const count = listingBound(directory, shown)
        // The first version of a key comes last, and perhaps on the next page.
        let last: ListedVersion | undefined
        const take = (versions: ReadonlyArray<ListedVersion>, end: boolean): ReadonlyArray<ObjectInfo> => {
          const found: Array<ObjectInfo> = []
          const settle = (): void => {
            const name = last?.key.slice(prefix.length)
            if (last?.size === undefined || name === undefined || nameError(name) !== undefined) return
            known.set(name, last.id)
            found.push({ name, size: last.size })
          }
          for (const version of versions) {
            if (last !== undefined && last.key !== version.key) {
              settle()
              last = undefined
            }
            if (version.size !== undefined || last === undefined) last = version
          }
          if (end) settle()
          return found
        }
        return Stream.paginate(undefined as After | undefined, (after) =>
          Effect.flatMap(
            retrying(listVersions(client, { doing: "list", name: directory, prefix: `${prefix}${directory}`, after })),
            ({ next, versions }) =>
              catching(StoreError, () => {
                count({ objects: versions.length, directories: 0 })
                return [
                  take(versions, next === undefined),
                  next === undefined ? Option.none() : Option.some(next),
                ] as const
              }),
          ))
      }),
    remove: (name) =>
      Effect.suspend(() => {
        known.delete(name)
        return removeBut(name, undefined)
      }),
  }
}
