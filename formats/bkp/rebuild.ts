/** Makes heads and links again from the stored snapshots, and a config that holds no key. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import type { FormatError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { check } from "./check.ts"
import { created } from "./errors.ts"
import { putMarker } from "./forgotten.ts"
import { type Client, listClients } from "./heads.ts"
import { CONFIG, headName, nextName } from "./layout.ts"
import { openArea } from "./object_reader.ts"
import type { SnapshotObject } from "./objects.ts"
import type { Opened } from "./opened.ts"
import { infoOf, listSnapshots, storedSnapshots } from "./snapshot.ts"

/** The client that gets snapshots of which nothing tells whose they were. */
const RECOVERED = "recovered"

export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = Effect.fnUntraced(
  function* (opened) {
    const listed = yield* listSnapshots(opened)
    // If no snapshot can be read, the config that is missing may be that of an encrypted repository.
    const hasNewConfig = listed.snapshots.length > 0 && opened.config !== undefined &&
      (yield* created(opened.store.put(CONFIG, [opened.config])))
    const before = new Set(listed.snapshots.map(({ id, node }) => `${id} ${node}`))
    const { clients, forgotten } = yield* listClients(opened.store)
    const metadata = yield* openArea(opened, "metadata")
    yield* metadata.readAll
    const { isComplete, snapshots: all } = yield* storedSnapshots(metadata)
    // An object that this disk or this user cannot read may be the snapshot that a head leads to. Others may read it.
    if (isComplete) yield* restoreHeads(opened, clients, all, forgotten)
    const { snapshots } = yield* listSnapshots(opened)
    return {
      snapshots: snapshots.filter(({ id, node }) => !before.has(`${id} ${node}`)).map(infoOf),
      packsIndexed: 0,
      rebuiltObjects: hasNewConfig ? [CONFIG] : [],
      findings: (yield* check(opened, { readData: 0 })).findings,
    }
  },
)

/** Gives a head to each client whose head leads nowhere; if there are no clients, makes some. */
const restoreHeads = Effect.fnUntraced(function* (
  opened: Opened,
  clients: ReadonlyArray<Client>,
  all: ReadonlyMap<string, SnapshotObject>,
  forgotten: ReadonlySet<string>,
) {
  const broken = clients.filter(({ latest }) => latest === undefined || !all.has(latest))
  const owned = new Set<string>()
  for (const { earlier, latest } of clients) {
    for (const start of [...earlier, ...(latest === undefined ? [] : [latest])]) {
      for (const { id } of lineOf(all, start)) owned.add(id)
    }
  }
  for (const { earlier, name } of broken) {
    const known = new Set(earlier)
    const own = (id: string) => lineOf(all, id).some((one) => known.has(one.id))
    yield* setHead(opened, all, name, newestTip(all, known.size > 0 ? own : (id) => !owned.has(id)))
  }
  if (clients.length > 0) return
  const tips = tipsOf(all)
  for (const id of tips) {
    const name = tips.length === 1 ? RECOVERED : `${RECOVERED}-${id.slice(0, 8)}`
    // What their own client has forgotten does not come back with this one.
    for (const one of lineOf(all, id)) if (forgotten.has(one.id)) yield* putMarker(opened.store, name, one.id)
    yield* setHead(opened, all, name, id)
  }
})

/** A snapshot with its ID in hex. */
interface Identified {
  readonly id: string
  readonly snapshot: SnapshotObject
}

/** A snapshot and those before it, newest first. */
const lineOf = (all: ReadonlyMap<string, SnapshotObject>, start: string): ReadonlyArray<Identified> => {
  const line: Array<Identified> = []
  for (let id: string | undefined = start; id !== undefined;) {
    const snapshot: SnapshotObject | undefined = all.get(id)
    if (snapshot === undefined) break
    line.push({ id, snapshot })
    id = snapshot.parent === undefined ? undefined : bytesToHex(snapshot.parent)
  }
  return line
}

/** The snapshots that no other follows. */
const tipsOf = (all: ReadonlyMap<string, SnapshotObject>): ReadonlyArray<string> => {
  const parents = new Set(Array.from(all.values(), ({ parent }) => parent === undefined ? "" : bytesToHex(parent)))
  return [...all.keys()].filter((id) => !parents.has(id))
}

/** The newest of the tips that `own` accepts. */
const newestTip = (all: ReadonlyMap<string, SnapshotObject>, own: (id: string) => boolean): string | undefined =>
  tipsOf(all).filter(own).sort((a, b) => Number(all.get(a)!.createTime - all.get(b)!.createTime)).at(-1)

/** Makes a snapshot the latest of a client, and links all before it. Snapshots after it are lost. */
const setHead = Effect.fnUntraced(function* (
  { store }: Opened,
  all: ReadonlyMap<string, SnapshotObject>,
  /** The name of the client in the store. */
  name: string,
  id: string | undefined,
) {
  if (id === undefined) return
  for (const one of lineOf(all, id)) {
    if (one.snapshot.parent === undefined) continue
    yield* store.put(nextName(name, bytesToHex(one.snapshot.parent)), [hexToBytes(one.id)], { replace: true })
  }
  yield* store.put(headName(name), [hexToBytes(id)], { replace: true })
  yield* store.remove(nextName(name, id))
})
