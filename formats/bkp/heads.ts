/**
 * The latest snapshot of each client. `heads/<node>` is replaced by every run, so it alone would forget one of two runs
 * that end at once. Therefore each snapshot also gets a link from the one before, `next/<node>/<ID of that>`, which is
 * created and never replaced: of two runs one gets it, and the other goes behind. SPEC.md, "Heads".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { readWhole } from "../read_whole.ts"
import { RepositoryError } from "../error.ts"
import { absent, asDamage, corrupt, created } from "./errors.ts"
import { LINK_BYTES, LINKS } from "./limits.ts"
import { escapeNode, headClient, headName, nextName, nodeOf, parseNext } from "./layout.ts"

/** An ID in an object of its own. Read twice when it is none. */
const readId: (
  store: ObjectStore,
  name: string,
) => Effect.Effect<string | undefined, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, name) {
  const bytes = yield* absent(readWhole(store, name, LINK_BYTES)).pipe(
    Effect.catchTag("RepositoryError", ({ message }) => corrupt(name, `${message}; run "penstock rebuild"`)),
  )
  if (bytes === undefined) return undefined
  if (bytes.length !== ID_BYTES) {
    return yield* corrupt(name, `${name} has ${bytes.length} bytes, not an ID of 32; run "penstock rebuild"`)
  }
  return bytesToHex(bytes)
}, (read, _store, name) => readTwice(name, read))

/** The last of the snapshots that follow `id`, `id` itself when none does. */
const lastAfter: (
  store: ObjectStore,
  client: string,
  id: string,
) => Effect.Effect<string, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, client, id) {
  const seen = new Set([id])
  for (let last = id;;) {
    const name = nextName(client, last)
    const next = yield* readId(store, name)
    if (next === undefined) return last
    if (seen.size > LINKS) return yield* corrupt(name, `The links of "${client}" do not end after ${LINKS} of them`)
    if (seen.has(next)) return yield* corrupt(name, `The links of "${client}" go round in a circle at ${name}`)
    seen.add(last = next)
  }
})

/** The ID of the latest snapshot of a client, by its name in the store, as hex; undefined when it has none. */
export const latest: (
  store: ObjectStore,
  client: string,
) => Effect.Effect<string | undefined, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, client) {
  const head = yield* readId(store, headName(client))
  if (head !== undefined) return yield* lastAfter(store, client, head)
  // Without a head there was no second snapshot, unless the head got lost.
  if ((yield* Stream.runCount(Stream.take(store.list(`next/${client}/`), 1))) === 0) return undefined
  return yield* corrupt(headName(client), `${headName(client)} is missing; "penstock rebuild" makes it again`)
})

/** The name in the store of a host: as another program gave it, when there is such a head, else escaped. */
export const clientOf: (
  store: ObjectStore,
  node: string,
) => Effect.Effect<string, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, node) {
  const escaped = escapeNode(node)
  if (escaped === node) return escaped
  // Listed, since some file systems find names that differ in case.
  const heads = yield* Stream.runCollect(Stream.map(store.list("heads/"), ({ name }) => headClient(name)))
  const isRaw = nodeOf(node) === node
  if (isRaw && heads.includes(node)) return node
  if (escaped !== undefined && heads.includes(escaped)) return escaped
  const links = Stream.filter(store.list("next/"), ({ name }) => parseNext(name)?.client === node)
  if (isRaw && (yield* Stream.runCount(Stream.take(links, 1))) > 0) return node
  return escaped ?? (yield* new RepositoryError({
    reason: "unsupported",
    message: `The host name "${node}" is too long for this format`,
  }))
})

/** Makes a snapshot the latest of its client, unless `before` is not any more: then false, and nothing was done. */
export const advance: (
  store: ObjectStore,
  client: string,
  before: string | undefined,
  id: string,
) => Effect.Effect<boolean, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, client, before, id) {
  const bytes = hexToBytes(id)
  if (before === undefined) return yield* created(store.put(headName(client), [bytes]))
  if (!(yield* created(store.put(nextName(client, before), [bytes])))) return false
  // Readers follow the links, so it does not matter if a later run did this first.
  yield* store.put(headName(client), [bytes], { replace: true })
  return true
})

/** What is known of a client's snapshots without reading any. */
export interface Client {
  readonly node: string
  /** Its name in the store. */
  readonly name: string
  /** Absent when the head or a link cannot be read. */
  readonly latest?: string
  /** IDs of all that another follows, in no order. */
  readonly earlier: ReadonlyArray<string>
}

/** All clients, and what is wrong with their heads. */
export const listClients: (
  store: ObjectStore,
) => Effect.Effect<
  { readonly clients: ReadonlyArray<Client>; readonly damaged: ReadonlyArray<RepositoryError> },
  RepositoryError | StoreError
> = Effect.fnUntraced(function* (store) {
  const earlier = new Map<string, Array<string>>()
  yield* Stream.runForEach(store.list("heads/"), ({ name }) =>
    Effect.sync(() => {
      const client = headClient(name)
      if (client !== undefined) earlier.set(client, [])
    }))
  yield* Stream.runForEach(store.list("next/"), ({ name }) =>
    Effect.sync(() => {
      const link = parseNext(name)
      if (link === undefined) return
      const ids = earlier.get(link.client)
      if (ids === undefined) earlier.set(link.client, [link.id])
      else ids.push(link.id)
    }))
  const damaged: Array<RepositoryError> = []
  const clients = yield* Effect.forEach(
    [...earlier].sort(([a], [b]) => a < b ? -1 : 1),
    ([name, ids]) => {
      const client = { name, node: nodeOf(name), earlier: ids }
      return latest(store, name).pipe(
        Effect.map((id): Client => ({ ...client, ...(id === undefined ? {} : { latest: id }) })),
        Effect.mapError(asDamage(headName(name))),
        Effect.catchTag("RepositoryError", (error) => {
          damaged.push(error)
          return Effect.succeed<Client>(client)
        }),
      )
    },
    { concurrency: requestsAtOnce(store) },
  )
  return { clients, damaged }
})
