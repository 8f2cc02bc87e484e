/**
 * The latest snapshot of each client. Every run replaces `heads/<node>`, so the head alone would forget one of two runs
 * that end at the same time. Therefore the snapshot before also gets a link to the new one,
 * `next/<node>/<ID of the one before>`. A link is created and never replaced: one of the two runs creates it, and the
 * other puts its snapshot after that. SPEC.md, "Heads".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { ID_BYTES } from "../../stages/kernel/kernel.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { readTwice } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import { readWhole } from "../read_whole.ts"
import { absent, asDamage, corrupt, created } from "./errors.ts"
import { escapeNode, headClient, headName, nextName, nodeOf, parseForgotten, parseNext } from "./layout.ts"
import { LINK_BYTES, LINKS } from "./limits.ts"

/** The ID in a head or link, as hex; undefined if there is no such object. Anything else is read twice. */
const readId: (
  store: ObjectStore,
  name: string,
) => Effect.Effect<string | undefined, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, name) {
  const bytes = yield* absent(readWhole(store, name, LINK_BYTES)).pipe(
    Effect.catchTag("RepositoryError", ({ message }) => corrupt(name, `${message}; run "penstock rebuild"`)),
  )
  if (bytes === undefined) return undefined
  if (bytes.length !== ID_BYTES) {
    return yield* corrupt(name, `${name} has ${bytes.length} bytes instead of an ID of 32; run "penstock rebuild"`)
  }
  return bytesToHex(bytes)
}, (read, _store, name) => readTwice(name, read))

/** The last of the snapshots that follow `id`, or `id` itself if none does. */
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
    if (seen.size > LINKS) return yield* corrupt(name, `There are more than ${LINKS} links of "${client}"`)
    if (seen.has(next)) return yield* corrupt(name, `The links of "${client}" form a circle at ${name}`)
    seen.add(last = next)
  }
})

/**
 * The ID of the latest snapshot of a client as hex; undefined if it has none. `client` is the name in the store.
 */
export const readLatest: (
  store: ObjectStore,
  client: string,
) => Effect.Effect<string | undefined, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, client) {
  const head = yield* readId(store, headName(client))
  if (head !== undefined) return yield* lastAfter(store, client, head)
  // A first snapshot makes a head, and later ones make links: links without a head mean that the head is lost.
  if ((yield* Stream.runCount(Stream.take(store.list(`next/${client}/`), 1))) === 0) return undefined
  return yield* corrupt(headName(client), `${headName(client)} is missing; "penstock rebuild" makes it again`)
})

/** The name of a host in the store: unescaped if another program made a head of that name, else escaped. */
export const clientOf: (
  store: ObjectStore,
  node: string,
) => Effect.Effect<string, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, node) {
  const escaped = escapeNode(node)
  if (escaped === node) return escaped
  // Listed and not looked up, because some file systems ignore case.
  const heads = yield* Stream.runCollect(Stream.map(store.list("heads/"), ({ name }) => headClient(name)))
  const isRaw = nodeOf(node) === node
  if (isRaw && heads.includes(node)) return node
  if (escaped !== undefined && heads.includes(escaped)) return escaped
  const links = Stream.filter(store.list("next/"), ({ name }) => parseNext(name)?.client === node)
  if (isRaw && (yield* Stream.runCount(Stream.take(links, 1))) > 0) return node
  return escaped ?? (yield* new RepositoryError({
    reason: "unsupported",
    message: `The host name "${node}" is too long for the format bkp`,
  }))
})

/**
 * Makes a snapshot the latest of its client, after the snapshot `before`. If `before` is not the latest any more, does
 * nothing and gives false.
 */
export const advanceHead: (
  store: ObjectStore,
  client: string,
  before: string | undefined,
  id: string,
) => Effect.Effect<boolean, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, client, before, id) {
  const bytes = hexToBytes(id)
  if (before === undefined) return yield* created(store.put(headName(client), [bytes]))
  if (!(yield* created(store.put(nextName(client, before), [bytes])))) return false
  // Readers follow the links, so it does no harm if this replaces the head of a later run.
  yield* store.put(headName(client), [bytes], { replace: true })
  return true
})

/** A client, and its snapshots as heads and links name them. */
export interface Client {
  /** The host name. */
  readonly node: string
  /** The same as part of names in the store. */
  readonly name: string
  /** ID in hex; absent if the head or a link cannot be read. */
  readonly latest?: string
  /** IDs of the snapshots that have a link, in no order. */
  readonly earlier: ReadonlyArray<string>
  /** IDs of the snapshots that were forgotten. */
  readonly forgotten: ReadonlySet<string>
}

/**
 * All clients, and the damage of their heads and links. `forgotten`: IDs of the snapshots that any client has
 * forgotten, even one whose head and links are lost.
 */
export const listClients: (
  store: ObjectStore,
) => Effect.Effect<
  {
    readonly clients: ReadonlyArray<Client>
    readonly damaged: ReadonlyArray<RepositoryError>
    readonly forgotten: ReadonlySet<string>
  },
  RepositoryError | StoreError
> = Effect.fnUntraced(function* (store) {
  const earlier = new Map<string, Array<string>>()
  const markers = new Map<string, Set<string>>()
  yield* Stream.runForEach(store.list("heads/"), ({ name }) =>
    Effect.sync(() => {
      const client = headClient(name)
      if (client !== undefined) earlier.set(client, [])
    }))
  yield* Stream.runForEach(store.list("next/"), ({ name }) =>
    Effect.sync(() => {
      const marker = parseForgotten(name)
      if (marker !== undefined) markers.set(marker.client, (markers.get(marker.client) ?? new Set()).add(marker.id))
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
      const client = { name, node: nodeOf(name), earlier: ids, forgotten: markers.get(name) ?? new Set() }
      return readLatest(store, name).pipe(
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
  return { clients, damaged, forgotten: new Set([...markers.values()].flatMap((ids) => [...ids])) }
})
