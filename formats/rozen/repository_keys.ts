/** The keys of an open repository: lists, adds, replaces and removes them. SPEC.md, "KEYS/*.json". */
import * as Effect from "effect/Effect"
import { Equivalence } from "effect/Bytes"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { KeyInfo, NewSecret, RepositoryKeys } from "../keys.ts"
import { readWhole } from "../read_whole.ts"
import { corrupt } from "./errors.ts"
import type { KeyObject, UnknownKey } from "./key_object.ts"
import { keyId, keyName, keyNames, readKey, readKeys, tooManyKeys } from "./key_read.ts"
import { type KeyOptions, putKey, sealKey } from "./key_seal.ts"
import type { Unlocked } from "./keys.ts"
import { KEY_BYTES, KEY_OBJECTS } from "./limits.ts"

/** An open repository whose keys are managed. */
export interface KeysOf extends Unlocked {
  readonly store: ObjectStore
  /** The name of the key object that opened it. Absent when a paper key did. */
  readonly key?: string | undefined
  /** How new keys are made. */
  readonly options: KeyOptions
}

const unsupported = (message: string): RepositoryError => new RepositoryError({ reason: "unsupported", message })

/** The keys of a repository. */
export const makeKeys = ({ id: repository, key: opener, master, options, store }: KeysOf): RepositoryKeys => {
  const { location } = store.properties
  let inUse = opener

  const infoOf = (object: string, key: KeyObject | UnknownKey): KeyInfo => {
    const { by, created, kind, name, role } = key
    const recipient = "unknown" in key || key.kind !== "age" ? {} : { recipient: key.recipient }
    return { id: keyId(object), role, kind, name, created, by, ...recipient, inUse: object === inUse }
  }

  const read = Effect.gen(function* () {
    const names = yield* keyNames(store)
    const tooMany = tooManyKeys(names)
    if (tooMany !== undefined) return yield* tooMany
    return { names, ...(yield* readKeys(store, names)) }
  })

  /** Writes a key object, and reads it back: nothing may rely on it before it can be read. */
  const write: (secret: NewSecret, name?: string) => Effect.Effect<KeyInfo, FormatError> = Effect.fnUntraced(
    function* (secret, name) {
      const sealed = yield* sealKey({ id: repository, master }, secret, { ...options, name })
      yield* putKey(store, sealed)
      const stored = yield* readWhole(store, sealed.object, KEY_BYTES)
      if (!Equivalence(stored, sealed.bytes)) {
        return yield* corrupt(sealed.object, `${sealed.object} was written, but cannot be read back as it is`)
      }
      return infoOf(sealed.object, yield* readKey(store, sealed.object))
    },
  )

  return {
    list: Effect.map(read, ({ damaged, keys }) => ({
      keys: [...keys].map(([object, key]) => infoOf(object, key)),
      damaged,
    })),
    add: Effect.fnUntraced(function* (secret, { name } = {}) {
      if ((yield* keyNames(store)).length >= KEY_OBJECTS) {
        return yield* unsupported(
          `The repository at ${location} has ${KEY_OBJECTS} keys, and cannot have more: remove one first`,
        )
      }
      return yield* write(secret, name)
    }),
    remove: Effect.fnUntraced(function* (id) {
      const object = keyName(id)
      const { keys, names } = yield* read
      if (!names.includes(object)) return yield* unsupported(`The repository at ${location} has no key ${id}`)
      if (object === inUse) {
        return yield* unsupported(`The key ${id} is in use: open the repository with another one to remove it`)
      }
      const left = [...keys].filter(([name, key]) => name !== object && !("unknown" in key))
      if (left.length === 0) {
        return yield* unsupported(`The key ${id} is the last one of the repository at ${location}: add another first`)
      }
      yield* store.remove(object)
    }),
    replace: Effect.fnUntraced(function* (secret, { name } = {}) {
      const old = inUse
      if (old === undefined) {
        return yield* unsupported("A paper key opened the repository, and cannot be replaced: add a key instead")
      }
      const removed = infoOf(old, yield* readKey(store, old))
      const added = yield* write(secret, name ?? removed.name)
      inUse = keyName(added.id)
      yield* Effect.mapError(store.remove(old), (error) =>
        new StoreError({
          ...error,
          message:
            `${error.message}; the new key ${added.id} opens the repository, and so may the old one, ${removed.id}`,
        }))
      return { added: { ...added, inUse: true }, removed: { ...removed, inUse: false } }
    }),
    export: Effect.map(
      Effect.promise(() => import("./paper.ts")),
      ({ encodePaper }) => encodePaper({ id: repository, master }),
    ),
  }
}
