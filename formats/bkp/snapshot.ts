/** Lists, finds and reads the snapshots of all clients. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { Afresh, OnSecondRead } from "../../stages/store/second_read.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { snapshotProblem } from "../snapshot_problem.ts"
import { tellUnlisted } from "../unlisted.ts"
import { corrupt, isDamage } from "./errors.ts"
import { type Client, listClients } from "./heads.ts"
import { singleName } from "./layout.ts"
import { type ObjectReader, openArea } from "./object_reader.ts"
import { decodeSnapshot, SNAPSHOT, SNAPSHOT_BYTES, type SnapshotObject, TYPE_AT } from "./objects.ts"
import type { Opened } from "./opened.ts"

/** A snapshot of a client. */
export interface ClientSnapshot {
  /** Hex. */
  readonly id: string
  /** The host name. */
  readonly node: string
  readonly snapshot: SnapshotObject
}

/** Snapshots that are read at once. */
const CONCURRENCY = 8

/** Reads a snapshot object by its ID in hex. It has a file of its own, unless another program wrote it. */
export const readSnapshot: (
  metadata: ObjectReader,
  id: string,
) => Effect.Effect<SnapshotObject, FormatError> = Effect.fnUntraced(function* (metadata, hex) {
  const id = hexToBytes(hex)
  const bytes = yield* metadata.read(id)
  return yield* catching(RepositoryError, () => decodeSnapshot(singleName("metadata", id), bytes))
})

/** All snapshots that were not forgotten, and the damage that hides others. */
export interface Snapshots {
  /** Oldest first. Those of one client are in the order in which they follow each other. */
  readonly snapshots: ReadonlyArray<ClientSnapshot>
  readonly damaged: ReadonlyArray<RepositoryError>
  /** How many were forgotten. They are not in the list. */
  readonly forgotten: number
}

/**
 * Lists all snapshots. If anything looks damaged, all is read again from the store itself, because a link that was read
 * wrongly leads nowhere.
 */
export const listSnapshots = (opened: Opened): Effect.Effect<Snapshots, FormatError> =>
  Effect.flatMap(
    listOnce(opened),
    (found) =>
      found.damaged.length === 0
        ? Effect.succeed(found)
        : Effect.flatMap(OnSecondRead, (told) =>
          Effect.tap(Effect.provideService(listOnce(opened), Afresh, true), ({ damaged }) =>
            Effect.sync(() => {
              if (damaged.length === 0) told(found.damaged[0]!.object!)
            }))),
  )

const listOnce = Effect.fnUntraced(function* (opened: Opened): Effect.fn.Return<Snapshots, FormatError> {
  const { clients, damaged } = yield* listClients(opened.store)
  const metadata = yield* openArea(opened, "metadata")
  const problems = [...damaged]
  const all: Array<ClientSnapshot> = []
  let forgotten = 0
  for (const client of clients) {
    for (const snapshot of yield* chainOf(client, metadata, problems)) {
      if (client.forgotten.has(snapshot.id)) {
        forgotten += 1
        continue
      }
      // Checked here and not on reading, because a bad snapshot still leads to those before it.
      const problem = snapshotProblem(infoOf(snapshot))
      if (problem === undefined) all.push(snapshot)
      else {
        const object = singleName("metadata", hexToBytes(snapshot.id))
        problems.push(corrupt(object, `${object} is damaged: the snapshot ${problem}`))
      }
    }
  }
  all.sort((a, b) =>
    a.snapshot.createTime < b.snapshot.createTime ? -1 : a.snapshot.createTime > b.snapshot.createTime ? 1 : 0
  )
  return { snapshots: all, damaged: problems, forgotten }
})

/** The snapshots of one client, oldest first. Adds to `problems`. */
const chainOf = Effect.fnUntraced(function* (
  { earlier, latest, node }: Client,
  metadata: ObjectReader,
  problems: Array<RepositoryError>,
) {
  const found = new Map<string, SnapshotObject>()
  const tried = new Set<string>()
  let wanted = [...new Set([...(latest === undefined ? [] : [latest]), ...earlier])]
  while (wanted.length > 0) {
    for (const id of wanted) tried.add(id)
    yield* Effect.forEach(wanted, (id) =>
      Effect.catch(
        Effect.map(readSnapshot(metadata, id), (snapshot) => void found.set(id, snapshot)),
        (error) => {
          if (!isDamage(error)) return Effect.fail(error)
          problems.push(error instanceof RepositoryError ? error : corrupt(error.object, error.message, error))
          return Effect.void
        },
      ), { concurrency: CONCURRENCY, discard: true })
    // Links name most snapshots at once. Other programs write no links: the parents lead to the rest.
    wanted = [...found.values()].flatMap(({ parent }) => parent === undefined ? [] : [bytesToHex(parent)])
      .filter((id) => !tried.has(id))
  }
  const chain: Array<ClientSnapshot> = []
  const placed = new Set<string>()
  for (const start of [...(latest === undefined ? [] : [latest]), ...found.keys()]) {
    for (let id: string | undefined = start; id !== undefined && !placed.has(id);) {
      placed.add(id)
      const snapshot: SnapshotObject | undefined = found.get(id)
      if (snapshot === undefined) break
      chain.push({ id, node, snapshot })
      id = snapshot.parent === undefined ? undefined : bytesToHex(snapshot.parent)
    }
  }
  return chain.reverse()
})

/**
 * All snapshot objects of an area by ID in hex, whether or not a head leads to them. Its packfiles must have been read.
 * Not complete if there is an object that cannot be read and may be a snapshot.
 */
export const storedSnapshots: (
  metadata: ObjectReader,
) => Effect.Effect<
  { readonly snapshots: ReadonlyMap<string, SnapshotObject>; readonly isComplete: boolean },
  FormatError
> = Effect.fnUntraced(function* (metadata) {
  const snapshots = new Map<string, SnapshotObject>()
  let isComplete = !metadata.damaged.some(isUnreadable)
  for (let record = 0; record < metadata.index.size; record++) {
    if (!SNAPSHOT_BYTES.includes(metadata.index.byteLength(record))) continue
    const id = metadata.index.id(record).slice()
    const bytes = yield* Effect.catch(metadata.read(id), (error) => {
      if (!isDamage(error)) return Effect.fail(error)
      if (isUnreadable(error)) isComplete = false
      return Effect.succeed(undefined)
    })
    if (bytes?.[TYPE_AT] !== SNAPSHOT) continue
    const name = singleName("metadata", id)
    const snapshot = yield* Effect.option(catching(RepositoryError, () => decodeSnapshot(name, bytes.slice())))
    if (snapshot._tag === "Some") snapshots.set(bytesToHex(id), snapshot.value)
  }
  return { snapshots, isComplete }
})

/** A snapshot as it is listed. */
export const infoOf = ({ id, node, snapshot: { createTime, parent } }: ClientSnapshot): SnapshotInfo => ({
  id,
  time: Number(createTime) * 1000,
  hostname: node,
  username: "",
  paths: [],
  tags: [],
  ...(parent === undefined ? {} : { parent: bytesToHex(parent) }),
})

/** All snapshots as they are listed. Damage is reported as a warning, because the other snapshots are still of use. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened)
    yield* tellUnlisted(damaged.map(({ message }) => message))
    return snapshots.map(infoOf)
  })

/** Finds the snapshot that an info describes. Fails with `unknown-snapshot`. */
export const findSnapshot: (
  opened: Opened,
  info: SnapshotInfo,
) => Effect.Effect<ClientSnapshot, FormatError> = Effect.fnUntraced(function* (opened, info) {
  const { snapshots } = yield* listSnapshots(opened)
  const found = snapshots.find(({ id }) => id === info.id)
  if (found !== undefined) return found
  return yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${info.id}` })
})
