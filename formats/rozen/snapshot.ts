/** `INDEX/<NN>.idx`: the one object that makes a run a snapshot. SPEC.md, "Snapshots". */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import { RECORD_BYTES } from "../../stages/hash/chunk_list.ts"
import { requestsAtOnce } from "../../stages/store/at_once.ts"
import { Afresh } from "../../stages/store/second_read.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { concernsObject } from "../../stages/store/unreadable.ts"
import { RepositoryError } from "../error.ts"
import type { SnapshotInfo } from "../repository.ts"
import { snapshotProblem } from "../snapshot_problem.ts"
import { corrupt } from "./errors.ts"
import type { Layout } from "./layout.ts"
import { getSealed, putSealed } from "./sealed.ts"

/** What is known of a snapshot beside its entries. */
export interface SnapshotRecord extends SnapshotInfo {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  /** When the run began by the clock, whatever `time` it was given: milliseconds since 1970. */
  readonly started: number
  /**
   * The run's log: number of segments, whether it lists the whole tree, and changes listed since the last log that
   * does.
   */
  readonly log: { readonly segments: number; readonly full: boolean; readonly changes: number }
}

/** What a listing shows. */
export const infoOf = ({ log: _log, started: _started, ...info }: SnapshotRecord): SnapshotInfo => info

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

/** A snapshot as it is in INDEX. */
export interface SnapshotObject {
  readonly name: string
  readonly record: SnapshotRecord
  /** The bytes of the catalog: length and chunks. */
  readonly catalog: { readonly size: number; readonly chunks: Uint8Array }
}

/** The name of the object of a snapshot. */
export const snapshotName = (number: number): string => `INDEX/${String(number).padStart(2, "0")}.idx`

const NAME = /^INDEX\/(\d{2,})\.idx$/

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

export const encodeRecord = (record: SnapshotRecord): Uint8Array => new TextEncoder().encode(JSON.stringify(record))

/** Throws RepositoryError `corrupt`. */
export const decodeRecord = (name: string, json: Uint8Array): SnapshotRecord => {
  let record: SnapshotRecord
  try {
    record = Schema.decodeUnknownSync(Stored)(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json)))
  } catch {
    throw corrupt(name, `${name} is damaged: it holds no snapshot record`)
  }
  const problem = snapshotProblem(record)
  if (problem !== undefined) throw corrupt(name, `${name} is damaged: its record ${problem}`)
  return record
}

const decodeSnapshot = (name: string, body: Uint8Array): SnapshotObject => {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const length = body.length < 4 ? Infinity : view.getUint32(0, true)
  if (12 + length > body.length || (body.length - 12 - length) % RECORD_BYTES !== 0) {
    throw corrupt(name, `${name} is damaged: its lengths do not fit`)
  }
  return {
    name,
    record: decodeRecord(name, body.subarray(4, 4 + length)),
    catalog: { size: Number(view.getBigUint64(4 + length, true)), chunks: body.slice(12 + length) },
  }
}

/** What INDEX has in the way of snapshots. */
export interface Snapshots {
  /** Oldest first. */
  readonly snapshots: ReadonlyArray<SnapshotObject>
  /** What cannot be read. */
  readonly damaged: ReadonlyArray<RepositoryError>
  /** The first number after all that are taken. */
  readonly next: number
}

/** A rebuild beside this may replace snapshots so often while they are read. */
const LOOKS = 4

/**
 * All that INDEX has. What has gone since it was listed was replaced by a rebuild, under another name: then it is
 * listed again.
 */
export const listSnapshots: (
  store: ObjectStore,
  layout: Layout,
) => Effect.Effect<Snapshots, RepositoryError | StoreError> = Effect.fnUntraced(function* (store, layout) {
  let found = yield* look(store, layout)
  for (let looks = 1; found.gone && looks < LOOKS; looks++) {
    const again = { ...store, list: (directory: string) => Stream.provideService(store.list(directory), Afresh, true) }
    found = yield* look(again, layout)
  }
  return found
})

const look = Effect.fnUntraced(function* (store: ObjectStore, layout: Layout) {
  const objects = yield* Stream.runCollect(store.list("INDEX/"))
  const number = (name: string): number => Number(NAME.exec(name)![1])
  const names = objects.map(({ name }) => name).filter((name) => NAME.test(name)).sort((a, b) => number(a) - number(b))
  const damaged: Array<RepositoryError> = []
  let gone = false
  const read = yield* Effect.forEach(names, (name) =>
    getSealed(store, layout, layout.snapshots, name).pipe(
      Effect.flatMap((body) => catching(RepositoryError, () => decodeSnapshot(name, body))),
      Effect.catch((error): Effect.Effect<undefined, StoreError> => {
        if (error._tag === "RepositoryError") damaged.push(error)
        else if (!concernsObject(error)) return Effect.fail(error)
        else if (error.reason === "not-found") gone = true
        else damaged.push(corrupt(name, error.message, error))
        return Effect.succeed(undefined)
      }),
    ), { concurrency: requestsAtOnce(store) })
  const byId = new Map<string, SnapshotObject>()
  // A snapshot that was rebuilt has a later object; that one counts.
  for (const snapshot of read) if (snapshot !== undefined) byId.set(snapshot.record.id, snapshot)
  const snapshots = [...byId.values()].sort((a, b) =>
    a.record.time - b.record.time || (a.record.id < b.record.id ? -1 : 1)
  )
  const next = names.reduce((n, name) => Math.max(n, number(name) + 1), 0)
  return { snapshots, damaged, next, gone }
})

/** Commits a snapshot under the first free number from `from` on. Gives its number, and the bytes stored. */
export const commitSnapshot: (
  store: ObjectStore,
  layout: Layout,
  from: number,
  record: SnapshotRecord,
  catalog: SnapshotObject["catalog"],
) => Effect.Effect<{ readonly number: number; readonly stored: number }, RepositoryError | StoreError> = Effect
  .fnUntraced(
    function* (store, layout, from, record, catalog) {
      const body = encodeSnapshot(record, catalog)
      for (let number = from;; number++) {
        const name = snapshotName(number)
        const stored = yield* putSealed(store, layout, layout.snapshots, name, body).pipe(
          Effect.catchTag(
            "StoreError",
            (error) => error.reason === "exists" ? Effect.succeed(undefined) : Effect.fail(error),
          ),
        )
        if (stored !== undefined) return { number, stored }
      }
    },
  )
