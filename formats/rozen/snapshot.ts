/** `INDEX/<NN>-<16 hex>.idx`: the one object that makes a run a snapshot. SPEC.md, "Snapshots". */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { fromJson } from "../json.ts"
import { RECORD_BYTES } from "../../stages/hash/chunk_list.ts"
import { catching } from "../../stages/kernel/catching.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { Afresh } from "../../stages/store/second_read.ts"
import { type ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import { RepositoryError } from "../error.ts"
import type { BackupOptions, SnapshotInfo } from "../repository.ts"
import { snapshotProblem } from "../snapshot_problem.ts"
import { corrupt } from "./errors.ts"
import { type Forgotten, readForgotten } from "./forgotten.ts"
import type { Layout } from "./layout.ts"
import { mayHaveId } from "./snapshot_id.ts"
import { getSealed, putSealed, type SealedBody } from "./sealed.ts"

/** What is known of a snapshot beside its entries. */
export interface SnapshotRecord extends SnapshotInfo {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  /** When the run began by the clock, whatever `time` it was given: milliseconds since 1970. */
  readonly started: number
  /**
   * The run's log: number of segments, whether it lists the whole tree, and the changes that are listed since the last
   * log that does.
   */
  readonly log: { readonly segments: number; readonly full: boolean; readonly changes: number }
}

/** What a listing shows of a snapshot. */
export const infoOf = ({ log: _log, started: _started, ...info }: SnapshotRecord): SnapshotInfo => info

/** What the options of a backup say of its snapshot. `now` is the time at which it starts. */
export const aboutOf = (
  { hostname = "", paths, tags = [], time, username = "" }: BackupOptions,
  now: number,
): Pick<SnapshotRecord, "time" | "started" | "hostname" | "username" | "paths" | "tags"> => ({
  time: time ?? now,
  started: now,
  hostname,
  username,
  paths,
  tags,
})

const Natural = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Stored = Schema.Struct({
  id: Schema.String,
  time: Schema.Int,
  started: Schema.Int,
  hostname: Schema.String,
  username: Schema.String,
  paths: Schema.Array(Schema.String),
  tags: Schema.Array(Schema.String),
  parent: Schema.optionalKey(Schema.String),
  files: Natural,
  directories: Natural,
  bytes: Natural,
  original: Schema.optionalKey(Schema.String),
  log: Schema.Struct({ segments: Natural, full: Schema.Boolean, changes: Natural }),
})

/** Encodes a record as JSON in UTF-8. */
export const encodeRecord = (record: SnapshotRecord): Uint8Array => new TextEncoder().encode(JSON.stringify(record))

/** Decodes a record of the object `name`. Throws RepositoryError `corrupt`. */
export const decodeRecord = (name: string, json: Uint8Array): SnapshotRecord => {
  let record: SnapshotRecord
  try {
    record = fromJson(Stored, json)
  } catch {
    throw corrupt(name, `${name} is damaged: it holds no snapshot record`)
  }
  const problem = snapshotProblem(record)
  if (problem !== undefined) throw corrupt(name, `${name} is damaged: its record ${problem}`)
  return record
}

/** A snapshot as it is in INDEX. */
export interface SnapshotObject {
  readonly name: string
  readonly record: SnapshotRecord
  /** The file of the catalog: its length in bytes, and its chunks. */
  readonly catalog: { readonly size: number; readonly chunks: Uint8Array }
}

/**
 * The name of the object with this number, for the snapshot with this ID. Different runs make different names, even
 * when they take the same number.
 */
export const snapshotName = (number: number, id: string): string =>
  `INDEX/${String(number).padStart(2, "0")}-${id.slice(0, 16)}.idx`

const NAME = /^INDEX\/(\d{2}|[1-9]\d{2,14})-([0-9a-f]{16})\.idx$/

/** Body: u32 LE length of the JSON record, the record, u64 LE size of the catalog, its chunk list. */
export const encodeSnapshot = (record: SnapshotRecord, catalog: SnapshotObject["catalog"]): Uint8Array => {
  const json = encodeRecord(record)
  const out = new Uint8Array(4 + json.length + 8 + catalog.chunks.length)
  const view = new DataView(out.buffer)
  view.setUint32(0, json.length, true)
  out.set(json, 4)
  view.setBigUint64(4 + json.length, BigInt(catalog.size), true)
  out.set(catalog.chunks, 12 + json.length)
  return out
}

const decodeSnapshot = (name: string, { body, by }: SealedBody): SnapshotObject => {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const length = body.length < 4 ? Infinity : view.getUint32(0, true)
  if (12 + length > body.length || (body.length - 12 - length) % RECORD_BYTES !== 0) {
    throw corrupt(name, `${name} is damaged: its lengths do not fit`)
  }
  const record = decodeRecord(name, body.subarray(4, 4 + length))
  if (record.id.slice(0, 16) !== NAME.exec(name)![2]) {
    throw corrupt(name, `${name} is damaged: it holds another snapshot than its name says`)
  }
  if (!mayHaveId(record.id, by)) {
    throw corrupt(name, `${name} is signed by the writer "${by.name}", who did not make this snapshot`)
  }
  if (by.ended?.has(record.id) === false) {
    throw corrupt(name, `${name} is signed by the writer "${by.name}", which has ended: it does not count`)
  }
  return {
    name,
    record,
    catalog: { size: Number(view.getBigUint64(4 + length, true)), chunks: body.slice(12 + length) },
  }
}

/** The snapshots that INDEX has. */
export interface Snapshots<S> {
  /** Oldest first. */
  readonly snapshots: ReadonlyArray<S>
  /** Why objects cannot be read. */
  readonly damaged: ReadonlyArray<RepositoryError>
  /** The first number after all that are taken. */
  readonly next: number
  /** An object went away between the listing and its turn to be read. */
  readonly gone: boolean
}

/** How often objects are listed at most while a rebuild beside this replaces them. */
const LOOKS = 4

/**
 * Looks at all objects of INDEX. An object that went away after it was listed was replaced by a rebuild, under another
 * name; then all are listed again.
 */
export const lookWhileReplaced: <Found extends Snapshots<unknown>>(
  store: ObjectStore,
  look: (store: ObjectStore) => Effect.Effect<Found, RepositoryError | StoreError>,
) => Effect.Effect<Found, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, look) {
  let found = yield* look(store)
  for (let looks = 1; found.gone && looks < LOOKS; looks++) {
    const list = (directory: string) => Stream.provideService(store.list(directory), Afresh, true)
    found = yield* look({ ...store, list })
  }
  return found
})

/**
 * The snapshots in some objects, oldest first. The objects are sorted by number: a snapshot that was rebuilt has a
 * later object, which counts.
 */
export const oldestFirst = <S extends { readonly record: SnapshotRecord }>(
  objects: Iterable<S | undefined>,
): ReadonlyArray<S> => {
  const byId = new Map<string, S>()
  for (const object of objects) if (object !== undefined) byId.set(object.record.id, object)
  return [...byId.values()].sort((a, b) => a.record.time - b.record.time || (a.record.id < b.record.id ? -1 : 1))
}

/** The snapshots that count, and what was forgotten. */
export interface Listed extends Snapshots<SnapshotObject> {
  readonly forgotten: Forgotten
}

/** Reads all snapshots that INDEX has, but for those that were forgotten. */
export const listSnapshots = (
  store: ObjectStore,
  layout: Layout,
): Effect.Effect<Listed, RepositoryError | StoreError> => lookWhileReplaced(store, (store) => look(store, layout))

const look = Effect.fnUntraced(function* (store: ObjectStore, layout: Layout) {
  const [objects, forgotten] = yield* Effect.all([
    Stream.runCollect(store.list("INDEX/")),
    readForgotten(store, layout),
  ], { concurrency: 2 })
  // Objects of forgotten snapshots are not read: whether they are whole does not matter.
  const passed = new Set([...forgotten.ids].map((id) => id.slice(0, 16)))
  const number = (name: string): number => Number(NAME.exec(name)![1])
  const names = objects.map(({ name }) => name)
    .filter((name) => NAME.test(name) && !passed.has(NAME.exec(name)![2]!))
    .sort((a, b) => number(a) - number(b))
  const damaged: Array<RepositoryError> = []
  let gone = false
  const read = yield* Effect.forEach(names, (name) =>
    getSealed(store, layout, layout.snapshots, name).pipe(
      Effect.flatMap((sealed) => catching(RepositoryError, () => decodeSnapshot(name, sealed))),
      Effect.catch((error): Effect.Effect<undefined, StoreError> => {
        if (error._tag === "RepositoryError") damaged.push(error)
        else if (!concernsObject(error)) return Effect.fail(error)
        else if (error.reason === "not-found") gone = true
        else damaged.push(corrupt(name, error.message, error))
        return Effect.succeed(undefined)
      }),
    ), { concurrency: requestsAtOnce(store) })
  const found = read.filter((snapshot) => snapshot !== undefined)
  // Anybody can put objects with any numbers: only those that are signed count.
  const next = found.reduce((n, { name }) => Math.max(n, number(name) + 1), 0)
  return { snapshots: oldestFirst(found), damaged, next, gone, forgotten }
})

/** The snapshot with this ID. Fails with `unknown-snapshot` when there is none. */
export const findSnapshot = <S extends { readonly record: SnapshotRecord }>(
  snapshots: ReadonlyArray<S>,
  id: string,
): Effect.Effect<S, RepositoryError> => {
  const found = snapshots.find(({ record }) => record.id === id)
  return found === undefined
    ? Effect.fail(new RepositoryError({ reason: "unknown-snapshot", message: `There is no snapshot ${id}` }))
    : Effect.succeed(found)
}

/**
 * Commits a snapshot under the number `from`. The name is random, too, so it is free; should it be taken all the same,
 * the next number is. Gives the number, and the bytes stored.
 */
export const commitSnapshot = (
  store: ObjectStore,
  layout: Layout,
  from: number,
  record: SnapshotRecord,
  catalog: SnapshotObject["catalog"],
): Effect.Effect<{ readonly number: number; readonly stored: number }, RepositoryError | StoreError> => {
  const body = encodeSnapshot(record, catalog)
  return firstFree(
    from,
    (number) => putSealed(store, layout, layout.snapshots, snapshotName(number, record.id), body, { unique: true }),
  )
}

/**
 * Puts an object under the first number, from `from` on, that is not taken. Gives that number, and the bytes stored.
 */
export const firstFree: <E>(
  from: number,
  put: (number: number) => Effect.Effect<number, E>,
) => Effect.Effect<{ readonly number: number; readonly stored: number }, E> = Effect.fnUntraced(
  function* (from, put) {
    for (let number = from;; number++) {
      const stored = yield* unlessTaken(put(number))
      if (stored !== undefined) return { number, stored }
    }
  },
)

/** Gives undefined when the name of an object is taken. Any other error stays. */
export const unlessTaken = <A, E, R>(put: Effect.Effect<A, E, R>): Effect.Effect<A | undefined, E, R> =>
  Effect.catchIf(
    put,
    (error) => error instanceof StoreError && error.reason === "exists",
    () => Effect.succeed(undefined),
  )
