/** Lists and reads what is in `KEYS/`. Number and size of the objects are limited. SPEC.md, "Limits". */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import { readWhole } from "../read_whole.ts"
import { asDamage, corrupt } from "./errors.ts"
import { decodeEnd, type End } from "./key_end.ts"
import { decodeEpoch, type EpochRecord } from "./key_epoch.ts"
import { decodeGrant, type Grant } from "./key_grant.ts"
import { decodeLock, type Lock, type UnknownLock } from "./key_lock.ts"
import {
  END_BYTES,
  END_OBJECTS,
  EPOCH_BYTES,
  EPOCHS,
  GRANT_BYTES,
  GRANT_OBJECTS,
  LOCK_BYTES,
  LOCK_OBJECTS,
} from "./limits.ts"

/** The kinds of objects in `KEYS/`, by what their names end with. */
const KINDS = {
  lock: { name: /^KEYS\/([0-9a-f]{16})\.[0-9a-f]{8}\.json$/, bytes: LOCK_BYTES, most: LOCK_OBJECTS },
  grant: { name: /^KEYS\/([0-9a-f]{16})\.[0-9a-f]{8}\.grant\.json$/, bytes: GRANT_BYTES, most: GRANT_OBJECTS },
  end: { name: /^KEYS\/([0-9a-f]{16})\.[0-9a-f]{8}\.end\.json$/, bytes: END_BYTES, most: END_OBJECTS },
  epoch: { name: /^KEYS\/()[0-9a-f]{8}\.epoch\.json$/, bytes: EPOCH_BYTES, most: EPOCHS },
} as const

type Kind = keyof typeof KINDS

const ALL = Object.values(KINDS).reduce((sum, { most }) => sum + most, 0)
/** Objects that are read at once. */
const AT_ONCE = 32

const kindOf = (name: string): Kind | undefined =>
  (Object.keys(KINDS) as ReadonlyArray<Kind>).find((kind) => KINDS[kind].name.test(name))

/** The ID of the key that an object of `KEYS/` is about: 16 hex digits, or none. */
export const keyIdIn = (name: string): string => {
  const kind = kindOf(name)
  return kind === undefined ? "" : KINDS[kind].name.exec(name)![1]!
}

/** Whether there is a lock among objects of `KEYS/`. Without one, nothing opens the repository but a paper key. */
export const hasLock = (names: ReadonlyArray<string>): boolean => names.some((name) => KINDS.lock.name.test(name))

/** Lists what is in `KEYS/`. When there is too much, gives one more than there can be: see {@link tooManyKeys}. */
export const keyNames = (store: ObjectStore): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  store.list("KEYS/").pipe(
    Stream.map(({ name }) => name),
    Stream.filter((name) => kindOf(name) !== undefined),
    Stream.take(ALL + 1),
    Stream.runCollect,
    Effect.map((names) => names.sort()),
  )

/** The error when there is too much to read; undefined otherwise. */
export const tooManyKeys = (names: ReadonlyArray<string>): RepositoryError | undefined => {
  for (const [kind, { most }] of Object.entries(KINDS)) {
    if (names.filter((name) => kindOf(name) === kind).length > most) {
      return corrupt(
        "KEYS/",
        `KEYS/ has more than the ${most} objects of the kind "${kind}" that a repository can have: ` +
          "remove those that are not yours",
      )
    }
  }
  return undefined
}

/** What is in `KEYS/`, by the names of the objects. Only the checksums of locks are verified. */
export interface KeyObjects {
  readonly locks: ReadonlyMap<string, Lock | UnknownLock>
  readonly grants: ReadonlyArray<Grant>
  readonly ends: ReadonlyArray<End>
  readonly epochs: ReadonlyArray<EpochRecord>
  /** What is wrong with those that are not as they were written. */
  readonly damaged: ReadonlyArray<RepositoryError>
}

type Decoded =
  | { readonly lock: Lock | UnknownLock; readonly name: string }
  | { readonly grant: Grant }
  | { readonly end: End }
  | { readonly epoch: EpochRecord }

const decode = (kind: Kind, name: string, bytes: Uint8Array): Decoded => {
  switch (kind) {
    case "lock":
      return { lock: decodeLock(name, bytes), name }
    case "grant":
      return { grant: decodeGrant(name, keyIdIn(name), bytes) }
    case "end":
      return { end: decodeEnd(name, keyIdIn(name), bytes) }
    case "epoch":
      return { epoch: decodeEpoch(name, bytes) }
  }
}

/** Reads an object, and reads it again when it is not what it should be. */
const readOne: (store: ObjectStore, name: string, kind: Kind) => Effect.Effect<Decoded, RepositoryError | StoreError> =
  Effect.fnUntraced(
    function* (store, name, kind) {
      const bytes = yield* readWhole(store, name, KINDS[kind].bytes)
      return yield* catching(RepositoryError, () => decode(kind, name, bytes))
    },
    (read, _store, name) => Effect.mapError(readTwice(name, read), asDamage(name)),
  )

/** Reads all that {@link keyNames} listed. An object that is damaged does not hide the others. */
export const readKeys: (
  store: ObjectStore,
  names: ReadonlyArray<string>,
) => Effect.Effect<KeyObjects, StoreError | RepositoryError> = Effect.fnUntraced(function* (store, names) {
  const tooMany = tooManyKeys(names)
  if (tooMany !== undefined) return yield* tooMany
  const locks = new Map<string, Lock | UnknownLock>()
  const grants: Array<Grant> = []
  const ends: Array<End> = []
  const epochs: Array<EpochRecord> = []
  const damaged: Array<RepositoryError> = []
  const results = yield* Effect.forEach(
    names,
    (name) =>
      Effect.catch(
        readOne(store, name, kindOf(name)!),
        (error) => error._tag === "RepositoryError" ? Effect.succeed(error) : Effect.fail(error),
      ),
    { concurrency: AT_ONCE },
  )
  for (const result of results) {
    if (result instanceof RepositoryError) damaged.push(result)
    else if ("lock" in result) locks.set(result.name, result.lock)
    else if ("grant" in result) grants.push(result.grant)
    else if ("end" in result) ends.push(result.end)
    else epochs.push(result.epoch)
  }
  return { locks, grants, ends, epochs, damaged }
})

/** Lists and reads all of `KEYS/`. */
export const readAllKeys = (store: ObjectStore): Effect.Effect<KeyObjects, StoreError | RepositoryError> =>
  Effect.flatMap(keyNames(store), (names) => readKeys(store, names))
