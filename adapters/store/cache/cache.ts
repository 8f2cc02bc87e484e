/** Keeps copies of objects of a remote store on this machine. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { resolvePart } from "../../../stages/store/resolve_part.ts"
import { Afresh } from "../../../stages/store/second_read.ts"
import type { Range, StoreError, Whole } from "../../../stages/store/store.ts"
import { type CachedObject, CacheFiles, repositoryKey } from "./files.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { codeOf } from "../local/file_error.ts"

/** Which objects to cache, and where. */
export interface CacheOptions {
  /** The directory of the cache, see `cacheDirectory`. Processes and repositories may share it. */
  readonly directory: string
  /**
   * Whether to cache an object of this name. Only objects that never change: their names are random, or name their
   * content.
   */
  readonly holds: (name: string) => boolean
  /**
   * Name of an object that differs between this repository and a later one at the same place. Nothing is cached before
   * it has been read or written. Absent if the names of the objects differ anyway.
   */
  readonly config?: string
  /**
   * The largest size of the whole directory, in bytes. Copies that were not used for the longest time are removed
   * first. 1 GiB by default.
   */
  readonly bytes?: number
}

/** The largest object that is cached, in bytes. Parts of larger ones are read from the store. */
const LARGEST = 64 << 20

/**
 * The same store, with copies of some objects in a directory of this machine.
 *
 * - A copy is used only for an object that the store still has, with the same size. The store has it if it was listed,
 *   read or written through this decorator; otherwise `stat` tells. So a lost object is missing, cached or not. But a
 *   copy hides damage of the object itself, so a check of a repository must not use a cache.
 * - Objects that are put are cached too. When a part of an object is read, the whole object is read once.
 * - A second read that distrusts the first one (`Afresh`) is not answered from a copy. The object is read again, and
 *   replaces the copy.
 * - Copies are verified, see `CacheFiles`. A damaged one is removed, and the object is read again. Formats authenticate
 *   what they read, so a copy needs no more trust than the store.
 * - If the directory cannot be used or is full, one warning is logged, and the store is used without the cache.
 *
 * @example Read an object from the network only once
 * ```ts
 * import assert from "node:assert/strict"
 * import { mkdtempSync, rmSync } from "node:fs"
 * import { tmpdir } from "node:os"
 * import { join } from "node:path"
 * import * as Effect from "effect/Effect"
 * import { cache, counting, memoryStore } from "@penstock/penstock/adapters"
 *
 * const directory = mkdtempSync(join(tmpdir(), "penstock-"))
 * await Effect.runPromise(Effect.gen(function* () {
 *   const remote = counting(yield* memoryStore.make("https://host.example/backups/"))
 *   yield* remote.put("INDEX/a", [Uint8Array.of(1, 2, 3)])
 *   const store = cache(remote, { directory, holds: (name) => name.startsWith("INDEX/") })
 *   yield* store.get("INDEX/a", { atMost: 100 })
 *   yield* store.get("INDEX/a", { atMost: 100 })
 *   assert.equal(remote.counts().requests.get, 1)
 * }))
 * rmSync(directory, { recursive: true })
 * ```
 */
export const cache: Decorator<[options: CacheOptions]> = decorator((store, options) => {
  const { location } = store.properties
  const bound = options.bytes ?? 1 << 30
  const files = new CacheFiles(options.directory, bound)
  const largest = Math.min(LARGEST, bound / 4)
  /** Sizes of objects that the store is known to have. */
  const known = new Map<string, number>()
  const locks = new Map<string, Semaphore.Semaphore>()
  let repository = options.config === undefined ? repositoryKey(location, new Uint8Array(0)) : undefined
  let usable = true
  let writable = true

  const objectOf = (name: string): CachedObject | undefined =>
    usable && repository !== undefined && options.holds(name) ? { repository, name } : undefined
  /**
   * Runs file operations; undefined if they fail. `broken` records the failure, and says whether to log it. Not
   * interruptible, because the caller may change the bytes after an interruption.
   */
  const tolerating = <A>(work: () => Promise<A>, broken: () => boolean): Effect.Effect<A | undefined> =>
    Effect.uninterruptible(Effect.catch(
      Effect.tryPromise(() => files.ready().then(work)),
      ({ cause }) =>
        Effect.suspend(() => {
          if (!broken()) return Effect.succeed(undefined)
          const why = codeOf(cause) === "ENOSPC"
            ? "no space is left on its disk"
            : cause instanceof Error
            ? cause.message
            : String(cause)
          const warning = `The cache ${options.directory} cannot be used: ${why}; continuing without it`
          return Effect.as(Effect.logWarning(warning), undefined)
        }),
    ))
  const unusable = (): boolean => {
    const first = usable && writable
    usable = false
    return first
  }
  const unwritable = (): boolean => {
    const first = usable && writable
    writable = false
    return first
  }
  const oneAtATime = <A>(name: string, effect: Effect.Effect<A, StoreError>): Effect.Effect<A, StoreError> => {
    let lock = locks.get(name)
    if (lock === undefined) locks.set(name, lock = Semaphore.makeUnsafe(1))
    return Semaphore.withPermit(lock, effect)
  }
  const learn = (name: string, parts: ReadonlyArray<Uint8Array>): void => {
    if (name !== options.config) return
    const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    const key = repositoryKey(location, bytes)
    if (repository !== key) known.clear()
    repository = key
  }
  const keep = (object: CachedObject, parts: ReadonlyArray<Uint8Array>, size: number): Effect.Effect<void> =>
    Effect.suspend(() => {
      known.set(object.name, size)
      return size > largest || !writable ? Effect.void : tolerating(() => files.write(object, parts), unwritable)
    })
  const forget = (object: CachedObject): Effect.Effect<void> =>
    Effect.suspend(() => {
      known.delete(object.name)
      return tolerating(() => files.remove(object), unusable)
    })

  const read = Effect.fnUntraced(function* (
    object: CachedObject,
    wanted: Range | Whole,
  ): Effect.fn.Return<Uint8Array, StoreError> {
    const { name } = object
    const size = known.get(name) ?? (yield* store.stat(name)).size
    known.set(name, size)
    const part = resolvePart(name, location, size, wanted)
    if ("_tag" in part) return yield* part
    if (size > largest) return yield* store.get(name, wanted)
    const cached = (yield* Afresh) ? undefined : yield* tolerating(() => files.read(object, size, part), unusable)
    if (cached !== undefined) return cached
    if (!usable || !writable) return yield* store.get(name, wanted)
    const whole = yield* store.get(name, { atMost: size })
    yield* keep(object, [whole], whole.length)
    const found = resolvePart(name, location, whole.length, wanted)
    if ("_tag" in found) return yield* found
    return found.length === whole.length ? whole : whole.slice(found.offset, found.offset + found.length)
  })

  return {
    properties: store.properties,
    put: (name, parts, how) =>
      Effect.tap(
        store.put(name, parts, how),
        () =>
          Effect.suspend(() => {
            learn(name, parts)
            const object = objectOf(name)
            return object === undefined
              ? Effect.void
              : keep(object, parts, parts.reduce((sum, { length }) => sum + length, 0))
          }),
      ),
    create: (name, how) =>
      Effect.map(store.create(name, how), (writer) => ({
        append: writer.append,
        commit: Effect.tap(writer.commit, () =>
          Effect.suspend(() => {
            const object = objectOf(name)
            return object === undefined ? Effect.void : forget(object)
          })),
      })),
    get: (name, part) =>
      Effect.suspend(() => {
        const object = objectOf(name)
        if (object !== undefined) return oneAtATime(name, read(object, part))
        const got = store.get(name, part)
        return name !== options.config || !("atMost" in part)
          ? got
          : Effect.tap(got, (bytes) => Effect.sync(() => learn(name, [bytes])))
      }),
    stat: (name) => store.stat(name),
    list: (directory) =>
      Stream.suspend(() => {
        for (const name of known.keys()) if (name.startsWith(directory)) known.delete(name)
        return Stream.mapArray(store.list(directory), (objects) => {
          for (const { name, size } of objects) if (options.holds(name)) known.set(name, size)
          return objects
        })
      }),
    remove: (name) =>
      Effect.tap(store.remove(name), () =>
        Effect.suspend(() => {
          const object = objectOf(name)
          return object === undefined ? Effect.void : forget(object)
        })),
  }
})
