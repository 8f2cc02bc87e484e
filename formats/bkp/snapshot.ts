/** The snapshots of all clients. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { Afresh, OnSecondRead } from "../../stages/store/second_read.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { snapshotProblem } from "../snapshot_problem.ts"
import { tellUnlisted } from "../unlisted.ts"
import { corrupt, isDamage } from "./errors.ts"
import { type Client, listClients } from "./heads.ts"
import { decodeSnapshot, type SnapshotObject } from "./objects.ts"
import { singleName } from "./layout.ts"
import type { Opened } from "./opened.ts"
import { type ObjectReader, openArea } from "./object_reader.ts"

/** A snapshot of a client. */
export interface ClientSnapshot {
  readonly id: string
  readonly node: string
  readonly snapshot: SnapshotObject
}

/** Snapshots that are read at once. */
const CONCURRENCY = 8

/** A snapshot object by its ID. It has a file of its own, unless another program wrote it. */
export const readSnapshot: (
  metadata: ObjectReader,
  id: string,
) => Effect.Effect<SnapshotObject, FormatError> = Effect.fnUntraced(function* (metadata, hex) {
  const id = hexToBytes(hex)
  const bytes = yield* metadata.read(id)
  return yield* catching(RepositoryError, () => decodeSnapshot(singleName("metadata", id), bytes))
})

/** All snapshots, and what cannot be read. */
export interface Snapshots {
  /** Oldest first; those of one client are in the order in which they follow each other. */
  readonly snapshots: ReadonlyArray<ClientSnapshot>
  readonly damaged: ReadonlyArray<RepositoryError>
}

/**
 * All snapshots. Where something is wrong, all is read once more, afresh: a link that was read wrongly leads to
 * nowhere.
 */
export const listSnapshots = (opened: Opened): Effect.Effect<Snapshots, FormatError> =>
  Effect.flatMap(
    look(opened),
    (found) =>
      found.damaged.length === 0
        ? Effect.succeed(found)
        : Effect.flatMap(OnSecondRead, (told) =>
          Effect.tap(Effect.provideService(look(opened), Afresh, true), ({ damaged }) =>
            Effect.sync(() => {
              if (damaged.length === 0) told(found.damaged[0]!.object!)
            }))),
  )

const look = Effect.fnUntraced(function* (opened: Opened): Effect.fn.Return<Snapshots, FormatError> {
  const { clients, damaged } = yield* listClients(opened.store)
  const metadata = yield* openArea(opened, "metadata")
  const problems = [...damaged]
  const all: Array<ClientSnapshot> = []
  for (const client of clients) {
    for (const snapshot of yield* chainOf(client, metadata, problems)) {
      // Not earlier: it leads to the snapshots before it.
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
  return { snapshots: all, damaged: problems }
})

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
    // Links tell most of them at once; of other programs' snapshots the parents lead to the rest.
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

/** A snapshot as listed. */
export const infoOf = ({ id, node, snapshot: { createTime, parent } }: ClientSnapshot): SnapshotInfo => ({
  id,
  time: Number(createTime) * 1000,
  hostname: node,
  username: "",
  paths: [],
  tags: [],
  ...(parent === undefined ? {} : { parent: bytesToHex(parent) }),
})

/** The snapshots as listed. What cannot be read is logged as a warning: the others are still of use. */
export const snapshots = (opened: Opened): Effect.Effect<ReadonlyArray<SnapshotInfo>, FormatError> =>
  Effect.gen(function* () {
    const { damaged, snapshots } = yield* listSnapshots(opened)
    yield* tellUnlisted(damaged.map(({ message }) => message))
    return snapshots.map(infoOf)
  })

/** The snapshot that an info is of. Fails with `unknown-snapshot`. */
export const findSnapshot: (
  opened: Opened,
  info: SnapshotInfo,
) => Effect.Effect<ClientSnapshot, FormatError> = Effect.fnUntraced(function* (opened, info) {
  const { snapshots } = yield* listSnapshots(opened)
  const found = snapshots.find(({ id }) => id === info.id)
  if (found !== undefined) return found
  return yield* new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${info.id}` })
})
