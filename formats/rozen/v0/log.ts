/**
 * The log of a run, `DATA/<xx>.roz-log/<NNNN>.roz-log`: every path of the run, so that its catalog can be made again
 * from DATA alone. SPEC.md, "Logs".
 */
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { catching } from "../../../stages/kernel/catching.ts"
import { readTwice } from "../../../stages/store/second_read.ts"
import type { StoreError } from "../../../stages/store/store.ts"
import { RepositoryError } from "../../error.ts"
import { corrupt } from "../errors.ts"
import { decodeSegment, type Segment } from "../segment.ts"
import type { PutSegment } from "../log_write.ts"
import { firstFree, type SnapshotRecord } from "../snapshot.ts"
import type { Opened } from "./opened.ts"
import { logDirectory, logNumber, logObject } from "./layout.ts"
import { openObject } from "./object_read.ts"
import { startObject } from "./object_write.ts"

/** Makes what stores the segments of the log of one run, each under the first free number of the directory. */
export const segmentWriter = (opened: Opened, snapshot: string): Effect.Effect<PutSegment, StoreError> =>
  Effect.map(Stream.runCollect(opened.store.list(logDirectory(snapshot))), (objects) => {
    let next = objects.reduce((n, { name }) => Math.max(n, (logNumber(name) ?? -1) + 1), 0)
    return Effect.fnUntraced(function* (segment: number, body: Uint8Array) {
      const section = new Uint8Array(36)
      section.set(hexToBytes(snapshot))
      new DataView(section.buffer).setUint32(32, segment, true)
      const dataId = opened.layout.hasher.digest(body)
      const put = Effect.fnUntraced(function* (number: number) {
        const name = logObject(snapshot, number)
        const sink = yield* startObject(opened, { magic: "ROZE-LOG", name, sections: [section], dataId })
        yield* sink.append(body)
        return yield* sink.finish
      }, Effect.scoped)
      const done = yield* firstFree(next, put)
      next = done.number
      return done.stored
    })
  })

/** A segment, and of which log it is. */
export interface LogObject extends Segment {
  /** The hex ID of the snapshot. */
  readonly snapshot: string
  /** The number of the segment, from 0. */
  readonly number: number
}

/** Reads a log object, and reads it again when it is not what it should be. */
export const readLogObject = (
  opened: Opened,
  name: string,
  size?: number,
): Effect.Effect<LogObject, RepositoryError | StoreError> =>
  readTwice(
    name,
    Effect.gen(function* () {
      const { data, sections } = yield* openObject(opened, "ROZE-LOG", name, size)
      const pieces = yield* Stream.runCollect(data)
      const body = new Uint8Array(pieces.reduce((n, piece) => n + piece.length, 0))
      let at = 0
      for (const piece of pieces) {
        body.set(piece, at)
        at += piece.length
      }
      const section = sections[0]!
      if (section.length !== 36) return yield* corrupt(name, `${name} is damaged: it does not say of which log it is`)
      const number = new DataView(section.buffer, section.byteOffset).getUint32(32, true)
      const segment = yield* catching(RepositoryError, () => decodeSegment(name, body))
      return { ...segment, snapshot: bytesToHex(section.subarray(0, 32)), number }
    }),
  )

/** What is there of the log of a run. */
export interface Log {
  /** Names of the segments, by number. */
  readonly segments: ReadonlyMap<number, string>
  /** Absent without the last segment: either the run was killed, or the segment is lost. */
  readonly record?: SnapshotRecord
}

/** Whether every segment is there. */
export const isWhole = ({ record, segments }: Log): boolean =>
  record !== undefined &&
  [...segments.keys()].filter((number) => number < record.log.segments).length === record.log.segments

/** Reads all logs. Keeps only the names of their segments, and their records. */
export const readLogs: (opened: Opened) => Effect.Effect<
  { readonly logs: ReadonlyMap<string, Log>; readonly damaged: ReadonlyArray<RepositoryError> },
  RepositoryError | StoreError
> = Effect.fnUntraced(function* (opened) {
  const logs = new Map<string, { segments: Map<number, string>; record?: SnapshotRecord }>()
  const damaged: Array<RepositoryError> = []
  yield* opened.store.list("DATA/").pipe(
    Stream.filter(({ name }) => logNumber(name) !== undefined),
    Stream.runForEach(({ name, size }) =>
      readLogObject(opened, name, size).pipe(
        Effect.map(({ number, record, snapshot }) => {
          const log = logs.get(snapshot) ?? { segments: new Map<number, string>() }
          log.segments.set(number, name)
          if (record?.id === snapshot) log.record = record
          logs.set(snapshot, log)
        }),
        Effect.catchTag("RepositoryError", (error) => Effect.sync(() => void damaged.push(error))),
      )
    ),
  )
  return { logs, damaged }
})
