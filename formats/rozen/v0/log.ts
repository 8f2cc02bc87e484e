/**
 * `DATA/<xx>.roz-log/<NNNN>.roz-log`: every path of a run, so that its catalog can be made again from DATA alone.
 * SPEC.md, "Logs".
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
import type { SnapshotRecord } from "../snapshot.ts"
import type { Opened } from "./opened.ts"
import { logDirectory, logNumber, logObject } from "./layout.ts"
import { openObject } from "./object_read.ts"
import { startObject } from "./object_write.ts"

/** Stores the segments of the log of one run, each under the first free number of the directory. */
export const segmentsOf = (opened: Opened, snapshot: string): Effect.Effect<PutSegment, StoreError> =>
  Effect.map(Stream.runCollect(opened.store.list(logDirectory(snapshot))), (objects) => {
    let number = objects.reduce((n, { name }) => Math.max(n, (logNumber(name) ?? -1) + 1), 0)
    return Effect.fnUntraced(function* (segment: number, body: Uint8Array) {
      const section = new Uint8Array(36)
      section.set(hexToBytes(snapshot))
      new DataView(section.buffer).setUint32(32, segment, true)
      const dataId = opened.layout.hasher.digest(body)
      for (;; number++) {
        const name = logObject(snapshot, number)
        const stored = yield* Effect.gen(function* () {
          const sink = yield* startObject(opened, { magic: "ROZE-LOG", name, sections: [section], dataId })
          yield* sink.append(body)
          return yield* sink.finish
        }).pipe(
          Effect.scoped,
          Effect.catchTag(
            "StoreError",
            (error) => error.reason === "exists" ? Effect.succeed(undefined) : Effect.fail(error),
          ),
        )
        if (stored !== undefined) return stored
      }
    })
  })

/** What a log object holds: a segment, and of which log. */
export interface LogObject extends Segment {
  readonly snapshot: string
  readonly number: number
}

/** Reads a log object. */
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

/** The log of a run, as far as it is there. */
export interface Log {
  /** Names of the segments, by number. */
  readonly segments: ReadonlyMap<number, string>
  /** Absent when the last segment is not there: then the run was killed, or the segment is lost. */
  readonly record?: SnapshotRecord
}

/** True when every segment is there. */
export const isWhole = ({ record, segments }: Log): boolean =>
  record !== undefined &&
  [...segments.keys()].filter((number) => number < record.log.segments).length === record.log.segments

/** Reads all logs; keeps their names and ends. */
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
