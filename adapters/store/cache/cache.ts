/** Keeps copies of objects of a remote store on this machine. */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { Afresh } from "../../../stages/store/second_read.ts"
import type { Range, StoreError, Whole } from "../../../stages/store/store.ts"
import { type CachedObject, CacheFiles, repositoryKey } from "./files.ts"
import { type Decorator, decorator } from "../../../stages/store/decorator.ts"
import { codeOf } from "../local/file_error.ts"
import { resolvePart } from "../../../stages/store/name.ts"

/** Where and what to cache. */
export interface CacheOptions {
  /** See `cacheDirectory`. May be shared by processes and repositories. */
  readonly directory: string
  /** Which objects are worth it. Only such as never change: their names are random, or name their content. */
  readonly holds: (name: string) => boolean
  /**
   * Name of the object that tells this repository from another that is at the same place later. Nothing is cached
   * before it has been read or written. Absent: names tell enough.
   */
  readonly config?: string
  /**
   * How large the whole directory may get, in bytes; what was not used for the longest time goes first. 1 GiB by
   * default.
   */
  readonly bytes?: number
}

/** Objects larger than this are not cached: ranges of them are read instead. */
const LARGEST = 64 << 20

/**
 * The same store, with copies of some objects in a directory of this machine.
 *
 * - A copy is used only for an object that the store has: one that was listed, read or written through this, or else it
 *   is asked for by `stat`; and only when its size is the same. So an object that is lost is not there, cached or not.
 *   But a copy hides that the object itself is damaged: what verifies a repository must not use a cache.
 * - What is put is cached, too; of an object that is read in part the whole is read, once.
 * - What is asked for afresh is not taken from a copy: the object is read again, and that is the copy from then on.
 * - Copies are verified, see {@link CacheFiles}; one that is damaged is removed, and the object is read again. What
 *   must not be trusted, as the directory belongs to the user, is no more than what the store gives: formats
 *   authenticate both.
 * - When the directory cannot be used, or is full, that is logged as a warning, once, and the store is used alone.
 */
export const cache: Decorator<[options: CacheOptions]> = decorator((store, options) => {
  const { location } = store.properties
  const bound = options.bytes ?? 1 << 30
  const files = new CacheFiles(options.directory, bound)
  const largest = Math.min(LARGEST, bound / 4)
  /** Sizes of objects that the store has. */
  const known = new Map<string, number>()
  const locks = new Map<string, Semaphore.Semaphore>()
  let repository = options.config === undefined ? repositoryKey(location, new Uint8Array(0)) : undefined
  let usable = true
  let writable = true

  const objectOf = (name: string): CachedObject | undefined =>
    usable && repository !== undefined && options.holds(name) ? { repository, name } : undefined
  /** Undefined when it fails; `broken` is told the first time. Not interrupted: the bytes are the caller's. */
  const attempt = <A>(work: () => Promise<A>, broken: () => boolean): Effect.Effect<A | undefined> =>
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
          const warning = `The cache ${options.directory} cannot be used: ${why}; going on without it`
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
      return size > largest || !writable ? Effect.void : attempt(() => files.write(object, parts), unwritable)
    })
  const forget = (object: CachedObject): Effect.Effect<void> =>
    Effect.suspend(() => {
      known.delete(object.name)
      return attempt(() => files.remove(object), unusable)
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
    const cached = (yield* Afresh) ? undefined : yield* attempt(() => files.read(object, size, part), unusable)
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
