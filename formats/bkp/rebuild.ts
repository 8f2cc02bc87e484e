/** Makes heads and links again from the snapshots that are there, and the config where it holds no key. */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import { catching } from "../../stages/kernel/catching.ts"
import { isUnreadable } from "../../stages/store/unreadable.ts"
import { type FormatError, RepositoryError } from "../error.ts"
import type { RebuildSummary } from "../repository.ts"
import { check } from "./check.ts"
import { created, isDamage } from "./errors.ts"
import { type Client, listClients } from "./heads.ts"
import { CONFIG, headName, nextName, singleName } from "./layout.ts"
import { decodeSnapshot, SNAPSHOT, type SnapshotObject } from "./objects.ts"
import type { Opened } from "./opened.ts"
import { openArea } from "./object_reader.ts"
import { infoOf, listSnapshots } from "./snapshot.ts"

/** The client that snapshots are given to when nothing tells whose they were. */
const RECOVERED = "recovered"

export const rebuild: (opened: Opened) => Effect.Effect<RebuildSummary, FormatError> = Effect.fnUntraced(
  function* (opened) {
    const listed = yield* listSnapshots(opened)
    // When nothing can be read, what is missing may be the config of an encrypted repository.
    if (listed.snapshots.length > 0 && opened.config !== undefined) {
      yield* created(opened.store.put(CONFIG, [opened.config]))
    }
    const before = new Set(listed.snapshots.map(({ id, node }) => `${id} ${node}`))
    const { clients } = yield* listClients(opened.store)
    const all = yield* allSnapshots(opened)
    // What cannot be read may be the snapshot that a head leads to: another disk, or another user, may be able to read
    // it.
    if (all !== undefined) yield* restoreHeads(opened, clients, all)
    const { snapshots } = yield* listSnapshots(opened)
    return {
      snapshots: snapshots.filter(({ id, node }) => !before.has(`${id} ${node}`)).map(infoOf),
      packsIndexed: 0,
      findings: (yield* check(opened, { readData: 0 })).findings,
    }
  },
)

const restoreHeads = Effect.fnUntraced(function* (
  opened: Opened,
  clients: ReadonlyArray<Client>,
  all: ReadonlyMap<string, SnapshotObject>,
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
    yield* setHead(opened, all, tips.length === 1 ? RECOVERED : `${RECOVERED}-${id.slice(0, 8)}`, id)
  }
})

/**
 * All snapshot objects of a repository, whether a head leads to them or not; undefined when an object that may be one
 * cannot be read.
 */
const allSnapshots = Effect.fnUntraced(function* (opened: Opened) {
  const metadata = yield* openArea(opened, "metadata")
  yield* metadata.readAll
  const found = new Map<string, SnapshotObject>()
  let unreadable = metadata.damaged.some(isUnreadable)
  for (let record = 0; record < metadata.index.size; record++) {
    const id = metadata.index.id(record).slice()
    const bytes = yield* Effect.catch(
      metadata.read(id),
      (error) => {
        if (!isDamage(error)) return Effect.fail(error)
        unreadable ||= isUnreadable(error)
        return Effect.succeed(new Uint8Array(0))
      },
    )
    if (bytes[8] !== SNAPSHOT) continue
    const name = singleName("metadata", id)
    const snapshot = yield* Effect.option(catching(RepositoryError, () => decodeSnapshot(name, bytes.slice())))
    if (snapshot._tag === "Some") found.set(bytesToHex(id), snapshot.value)
  }
  return unreadable ? undefined : found
})

interface Numbered {
  readonly id: string
  readonly snapshot: SnapshotObject
}

/** A snapshot and those before it, the newest first. */
const lineOf = (all: ReadonlyMap<string, SnapshotObject>, start: string): ReadonlyArray<Numbered> => {
  const line: Array<Numbered> = []
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

const newestTip = (all: ReadonlyMap<string, SnapshotObject>, own: (id: string) => boolean): string | undefined =>
  tipsOf(all).filter(own).sort((a, b) => Number(all.get(a)!.createTime - all.get(b)!.createTime)).at(-1)

/** Makes a snapshot the latest of a client, and links all before it. What followed it is not to be had. */
const setHead = Effect.fnUntraced(function* (
  { store }: Opened,
  all: ReadonlyMap<string, SnapshotObject>,
  /** Its name in the store. */
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
