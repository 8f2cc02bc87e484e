/** Several shares in one store: those with names lie beneath `shares/<name>/`. SPEC.md, "Store". */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import { absent } from "./errors.ts"
import { rootId, ROOTS, SHARE } from "./layout.ts"

const SHARES = "shares/"

/** What is wrong with the name of a share: words that continue a sentence after the name. Undefined when nothing is. */
export const nameProblem = (name: string): string | undefined =>
  /^[a-z0-9][a-z0-9._-]{0,99}$/.test(name)
    ? undefined
    : "is not a name for a share: it has up to 100 of a-z, 0-9, -, _ and ., and begins with a letter or digit"

/** The part of a store that holds the share of this name. Without a name, the store itself. */
export const storeOf = (store: ObjectStore, name: string | undefined): ObjectStore =>
  name === undefined ? store : beneath(store, `${SHARES}${name}/`)

const beneath = (store: ObjectStore, prefix: string): ObjectStore => ({
  ...store,
  properties: {
    ...store.properties,
    location: `${store.properties.location.replace(/\/+$/, "")}/${prefix.slice(0, -1)}`,
  },
  put: (name, parts, options) => store.put(prefix + name, parts, options),
  create: (name, options) => store.create(prefix + name, options),
  get: (name, part) => store.get(prefix + name, part),
  stat: (name) => Effect.map(store.stat(prefix + name), (info) => ({ ...info, name })),
  list: (directory) =>
    Stream.map(store.list(prefix + directory), (info) => ({ ...info, name: info.name.slice(prefix.length) })),
  remove: (name) => store.remove(prefix + name),
})

/** Whether a store holds a share: FOGSYNC, or a pointer to a root. */
export const isShare: (store: ObjectStore) => Effect.Effect<boolean, StoreError> = Effect.fnUntraced(function* (store) {
  const share = yield* Effect.catchIf(absent(store.stat(SHARE)), concernsObject, () => Effect.succeed(undefined))
  if (share !== undefined) return true
  const root = yield* Stream.runHead(Stream.filter(store.list(ROOTS), ({ name }) => rootId(name) !== undefined))
  return Option.isSome(root)
})

/** The names of the shares in a store that have one, sorted. */
export const namedShares = (store: ObjectStore): Effect.Effect<ReadonlyArray<string>, StoreError> =>
  Effect.map(
    Stream.runFold(store.list(SHARES), () => new Set<string>(), (found, { name }) => {
      const [share, ...rest] = name.slice(SHARES.length).split("/")
      const object = rest.join("/")
      if (nameProblem(share!) === undefined && (object === SHARE || rootId(object) !== undefined)) found.add(share!)
      return found
    }),
    (found) => [...found].sort(),
  )
