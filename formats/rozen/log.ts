/**
 * The log of a run, `DATA/<xx>.roz-log/<snapshot>/<NNNN>.roz-log`: what the run changed, with paths, metadata and
 * chunks, so that catalogs can be made again when INDEX is lost. SPEC.md, "Logs".
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../stages/kernel/catching.ts"
import type { ObjectStore, StoreError } from "../../stages/store/store.ts"
import { RepositoryError } from "../error.ts"
import { asDamage, corrupt } from "./errors.ts"
import type { Layout } from "./layout.ts"
import type { PutSegment } from "./log_write.ts"
import { getSealed, putSealed } from "./sealed.ts"
import { mayHaveId } from "./snapshot_id.ts"
import { decodeSegment, type Segment } from "./segment.ts"

/** The name of a segment; `number` counts from 0. */
export const segmentName = (snapshot: string, number: number): string =>
  `DATA/${snapshot.slice(0, 2)}.roz-log/${snapshot}/${String(number).padStart(4, "0")}.roz-log`

const NAME = /^DATA\/[0-9a-f]{2}\.roz-log\/([0-9a-f]{64})\/(\d{4,})\.roz-log$/

/** What stores the segments of a snapshot's log. */
export const segmentWriter = (store: ObjectStore, layout: Layout, snapshot: string): PutSegment => (segment, body) =>
  putSealed(store, layout, layout.logs, segmentName(snapshot, segment), body, { unique: true })

/** Reads a segment. Fails with `corrupt` when it is missing, damaged, or cannot be read. */
export const readSegment = (
  store: ObjectStore,
  layout: Layout,
  name: string,
): Effect.Effect<Segment, RepositoryError | StoreError> =>
  getSealed(store, layout, layout.logs, name).pipe(
    Effect.flatMap(({ body, by }) =>
      catching(RepositoryError, () => {
        if (mayHaveId(NAME.exec(name)![1]!, by)) return decodeSegment(name, body)
        throw corrupt(name, `${name} is signed by the writer "${by.name}", who did not make its snapshot`)
      })
    ),
    Effect.mapError((error) =>
      error._tag === "StoreError" && error.reason === "not-found" ? corrupt(name, `${name} is missing`) : error
    ),
    Effect.mapError(asDamage(name)),
  )

/** The logs that are there: names of segments by snapshot, in order. */
export const listLogs = (store: ObjectStore): Effect.Effect<ReadonlyMap<string, ReadonlyArray<string>>, StoreError> =>
  Effect.map(Stream.runCollect(store.list("DATA/")), (objects) => {
    const logs = new Map<string, Array<string>>()
    for (const { name } of objects) {
      const snapshot = NAME.exec(name)?.[1]
      if (snapshot === undefined) continue
      const segments = logs.get(snapshot)
      if (segments === undefined) logs.set(snapshot, [name])
      else segments.push(name)
    }
    for (const segments of logs.values()) segments.sort((a, b) => Number(NAME.exec(a)![2]) - Number(NAME.exec(b)![2]))
    return logs
  })
