/** Reads the key objects of a repository. Their number and size are limited. SPEC.md, "Limits". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import { readWhole } from "../read_whole.ts"
import { asDamage, corrupt } from "./errors.ts"
import { decodeKey, type KeyObject, type UnknownKey } from "./key_object.ts"
import { KEY_BYTES, KEY_OBJECTS } from "./limits.ts"

const NAME = /^KEYS\/([0-9a-f]{16})\.json$/

/** The name of a key object, from its 16 hex digits. */
export const keyName = (id: string): string => `KEYS/${id}.json`

/** The 16 hex digits of the name of a key object. */
export const keyId = (name: string): string => NAME.exec(name)![1]!

/** Lists the key objects. When there are too many, gives one more than there can be: see {@link tooManyKeys}. */
export const keyNames = (store: ObjectStore): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  store.list("KEYS/").pipe(
    Stream.map(({ name }) => name),
    Stream.filter((name) => NAME.test(name)),
    Stream.take(KEY_OBJECTS + 1),
    Stream.runCollect,
    Effect.map((names) => names.sort()),
  )

/** The error when there are too many key objects to read; undefined otherwise. */
export const tooManyKeys = (names: ReadonlyArray<string>): RepositoryError | undefined =>
  names.length <= KEY_OBJECTS ? undefined : corrupt(
    "KEYS/",
    `KEYS/ has more than the ${KEY_OBJECTS} objects that a repository can have: remove those that are not yours`,
  )

/**
 * Reads and checks a key object, and reads it again when it is not what it should be. Fails with `corrupt` when it is
 * damaged, missing, or cannot be read.
 */
export const readKey: (
  store: ObjectStore,
  name: string,
) => Effect.Effect<KeyObject | UnknownKey, RepositoryError | StoreError> = Effect.fnUntraced(
  function* (store, name) {
    const bytes = yield* readWhole(store, name, KEY_BYTES)
    return yield* catching(RepositoryError, () => decodeKey(name, bytes))
  },
  (read, _store, name) => Effect.mapError(readTwice(name, read), asDamage(name)),
)

/** Key objects by their names, and what is wrong with those that are not as they were written. */
export interface ReadKeys {
  readonly keys: ReadonlyMap<string, KeyObject | UnknownKey>
  readonly damaged: ReadonlyArray<RepositoryError>
}

/** Reads key objects. One that is damaged does not hide the others. */
export const readKeys: (
  store: ObjectStore,
  names: ReadonlyArray<string>,
) => Effect.Effect<ReadKeys, StoreError> = Effect.fnUntraced(function* (store, names) {
  const keys = new Map<string, KeyObject | UnknownKey>()
  const damaged: Array<RepositoryError> = []
  for (const name of names) {
    yield* Effect.matchEffect(readKey(store, name), {
      onSuccess: (key) => Effect.sync(() => void keys.set(name, key)),
      onFailure: (error) =>
        error._tag === "RepositoryError" ? Effect.sync(() => void damaged.push(error)) : Effect.fail(error),
    })
  }
  return { keys, damaged }
})

/** Reads all key objects and verifies their checksums. Gives what is wrong with them. */
export const checkKeys = (store: ObjectStore): Effect.Effect<ReadonlyArray<RepositoryError>, StoreError> =>
  Effect.gen(function* () {
    const names = yield* keyNames(store)
    const tooMany = tooManyKeys(names)
    return tooMany !== undefined ? [tooMany] : (yield* readKeys(store, names)).damaged
  })
