/** Logs of files with very many chunks: their lists are divided, and put together again. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect } from "effect"
import type { TreeChange } from "../../../stages/catalog/tree/change.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { SEGMENT_LIMIT } from "../../../formats/rozen/limits.ts"
import { decodeSegment, type Segment } from "../../../formats/rozen/segment.ts"
import { LogWriter } from "../../../formats/rozen/log_write.ts"
import { Replay } from "../../../formats/rozen/replay.ts"
import { ChunkListBuilder, contentLength, emptyList } from "../../../stages/hash/chunk_list.ts"

const listOf = (count: number): Uint8Array => {
  const list = new ChunkListBuilder()
  const id = new Uint8Array(32)
  for (let i = 0; i < count; i++) {
    new DataView(id.buffer).setUint32(0, i, true)
    list.add(id, 1 + i % 1000)
  }
  return list.take()
}
const file = (path: string, chunks: Uint8Array): TreeChange => ({
  op: "put",
  entry: { path, kind: "file", metadata: {}, size: contentLength(chunks), chunks },
})
const record = (segments: number) => ({
  id: "00".repeat(32),
  time: 0,
  started: 0,
  hostname: "",
  username: "",
  paths: [],
  tags: [],
  files: 0,
  directories: 0,
  bytes: 0,
  log: { segments, full: true, changes: 0 },
})

/** 300,000 chunks are 10.8 MB, three segments. */
const large = listOf(300_000)
const changes: ReadonlyArray<TreeChange> = [
  file("a", listOf(2)),
  file("empty", emptyList),
  file("b", large),
  { op: "remove", path: "gone" },
  file("c", listOf(65_536)),
]

const segmentsOf = () =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const bodies: Array<Uint8Array> = []
    const log = yield* LogWriter.make(yield* memoryStore.make(), (n, body) =>
      Effect.sync(() => {
        bodies[n] = body.slice()
        return body.length
      }))
    for (const change of changes) log.add(change)
    assert.equal(log.changes, changes.length)
    yield* log.end(record)
    return bodies
  })))

const replayed = (segments: ReadonlyArray<Segment | undefined>): ReadonlyArray<TreeChange> => {
  const applied: Array<TreeChange> = []
  const replay = new Replay({ apply: (change) => void applied.push(change) })
  for (const segment of segments) segment === undefined ? replay.lost() : replay.segment(segment)
  replay.end()
  return applied
}

describe("the log of a file with very many chunks", () => {
  it("is divided into segments within their limit, and gives the file back as it was", async () => {
    const bodies = await segmentsOf()
    assert.ok(bodies.length > 2)
    for (const { length } of bodies) assert.ok(length <= SEGMENT_LIMIT / 2 + (64 << 10), String(length))
    const applied = replayed(bodies.map((body) => decodeSegment("x", body)))
    assert.deepEqual(
      applied.map((change) => change.op === "put" ? change.entry.path : `-${change.path}`),
      ["a", "empty", "b", "-gone", "c"],
    )
    for (const [i, change] of applied.entries()) assert.deepEqual(change, changes[i])
  })

  it("when a segment is lost, files with chunks in it are left out, and all others are there", async () => {
    const bodies = await segmentsOf()
    for (const lost of bodies.keys()) {
      const applied = replayed(bodies.map((body, n) => n === lost ? undefined : decodeSegment("x", body)))
      for (const change of applied) {
        if (change.op !== "put") continue
        assert.equal(contentLength(change.entry.chunks), change.entry.size, `${change.entry.path} without ${lost}`)
      }
      if (lost > 0 && lost < bodies.length - 1) {
        assert.ok(applied.some((change) => change.op === "remove" && change.path === "b"))
      }
    }
  })
})
