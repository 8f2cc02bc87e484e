/**
 * Objects before they are authenticated: anybody who can write to the store can make one of any size. Reading it takes
 * little memory, and it is named.
 */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { resolvePart } from "../../stages/store/resolve_part.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { makeFogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { FormatError } from "../../formats/error.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import { makeRozenV0 } from "../../formats/rozen/v0/mod.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { ARCHIVE, makeZprt } from "../../formats/zprt/mod.ts"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { headerLength } from "../../stages/encrypt/age_header.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import type { Entry } from "../../stages/walk/entry.ts"
import { factsOf } from "../suites/format/facts.ts"
import { noise } from "../suites/noise.ts"
import { runFormat } from "../suites/format/environment.ts"
import { options } from "../suites/format/subject.ts"
import { objectsOf, storeOf } from "../suites/format/objects.ts"

const cheap = { scrypt: { n: 1024, r: 8, p: 1 } }
const password: Secrets = { password: Redacted.make("correct horse") }
const formats: Readonly<Record<string, readonly [Format, Secrets]>> = {
  "rozen": [makeRozen(cheap), password],
  "rozen-v0": [makeRozenV0(cheap), password],
  "zprt": [makeZprt({ scryptLogN: 10 }), password],
  "bkp": [makeBkp({ iterations: 10, packBelow: 4 << 10 }), password],
  "bkp, not encrypted": [makeBkp({ packBelow: 4 << 10 }), {}],
  "snapshot-catalog": [makeSnapshotCatalog(), {}],
  "snapshot-catalog, wrapped": [makeSnapshotCatalog({ wrap: true }), {}],
  "fogsync": [makeFogsync(), { key: Redacted.make(noise(32, 1)) }],
}

const HUGE = 1_200_000_000
/** What one operation may read of it, in all. */
const PULLED = 16 << 20

const metadata = { mode: 0o600, mtime: 1_600_000_000_000_000_000n }
const tree: MemoryTree = {
  ...Object.fromEntries(
    Array.from({ length: 4 }, (_, i) => [`d/small ${i}`, { ...metadata, content: noise(300 + i, i) }]),
  ),
  "large": { ...metadata, content: noise(40_000, 50) },
}
const walk = (): Stream.Stream<Entry> => memorySource(tree).entries("", {}) as Stream.Stream<Entry>

/** The same store, in which an object is zeros that are nowhere; what is read of it is counted. */
const swollen = (store: ObjectStore, huge: string) => {
  const read = { bytes: 0 }
  const inflated: ObjectStore = {
    ...store,
    // The object of a single file is named by where that is.
    properties: { ...store.properties, location: `memory: ${huge}` },
    stat: (name) => name === huge ? Effect.succeed({ name, size: HUGE }) : store.stat(name),
    list: (directory) =>
      Stream.map(store.list(directory), (info) => info.name === huge ? { ...info, size: HUGE } : info),
    get: (name, wanted) =>
      name !== huge ? store.get(name, wanted) : Effect.suspend(() => {
        const part = resolvePart(name, "the store", HUGE, wanted)
        if ("_tag" in part) return Effect.fail(part)
        read.bytes += part.length
        assert.ok(read.bytes <= PULLED, `${read.bytes} bytes of ${name} are read`)
        return Effect.succeed(new Uint8Array(part.length))
      }),
  }
  return { read, store: inflated }
}

for (const [name, [format, secrets]] of Object.entries(formats)) {
  test(`${name}: 1.2 GB of zeros for an object are named, at most ${PULLED >> 20} MiB are read`, async () => {
    await runFormat(Effect.gen(function* () {
      const first = yield* memoryStore.make()
      const created = yield* Effect.provideService(format.create(secrets), ObjectStore, first)
      yield* created.backup(walk(), { ...options, time: 1 })
      const objects = yield* objectsOf(first)
      for (const huge of objects.keys()) {
        const { read, store } = swollen(yield* storeOf(objects), huge)
        const within = <A, R>(operation: Effect.Effect<A, FormatError, R>) =>
          Effect.suspend(() => {
            read.bytes = 0
            return Effect.result(operation)
          })
        const said: Array<string> = []
        const opened = yield* within(Effect.provideService(format.open(secrets), ObjectStore, store))
        if (opened._tag === "Failure") said.push(opened.failure.message)
        else {
          const repository = opened.success
          const listed = yield* within(repository.snapshots)
          if (listed._tag === "Failure") said.push(listed.failure.message)
          else for (const snapshot of listed.success) yield* within(factsOf(repository.entries(snapshot)))
          const checked = yield* within(repository.check({ readData: 100 }))
          if (checked._tag === "Failure") said.push(checked.failure.message)
          else said.push(...checked.success.findings.map(({ message, object }) => `${object}: ${message}`))
          yield* within(repository.backup(walk(), { ...options, time: 2 }))
          if (name !== "zprt") yield* within(repository.rebuild)
        }
        assert.ok(said.some((message) => message.includes(huge)), `${huge}: ${said}`)
      }
    }))
  })
}

test("zprt: only the authentic part is read of an index that claims to have a gigabyte", async () => {
  await runFormat(Effect.gen(function* () {
    const [format, secrets] = formats["zprt"]!
    const first = yield* memoryStore.make()
    yield* (yield* Effect.provideService(format.create(secrets), ObjectStore, first)).backup(walk(), options)
    const archive = yield* first.get(ARCHIVE, { atMost: Infinity })
    const stored = new DataView(archive.buffer, archive.byteOffset).getUint32(archive.length - 16, true)
    const start = archive.length - 16 - stored
    const claimed = 1_000_000_000
    const end = archive.slice(-16)
    new DataView(end.buffer).setUint32(0, claimed, true)
    const size = start + claimed + 16
    // The header of the index is the right one, so that it opens; what follows is zeros.
    const known = start + headerLength(archive.subarray(start))!
    const read = { bytes: 0 }
    const store: ObjectStore = {
      ...first,
      stat: (name) => Effect.succeed({ name, size }),
      get: (name, wanted) =>
        Effect.suspend(() => {
          const part = resolvePart(name, "memory:", size, wanted)
          if ("_tag" in part) return Effect.fail(part)
          read.bytes += part.length
          assert.ok(read.bytes <= PULLED, `${read.bytes} bytes are read`)
          const bytes = new Uint8Array(part.length)
          const fill = (from: number, source: Uint8Array): void => {
            for (let i = 0; i < source.length; i++) {
              const at = from + i - part.offset
              if (at >= 0 && at < bytes.length) bytes[at] = source[i]!
            }
          }
          fill(0, archive.subarray(0, known))
          fill(size - 16, end)
          return Effect.succeed(bytes)
        }),
    }
    const error = yield* Effect.flip(
      Effect.flatMap(Effect.provideService(format.open(secrets), ObjectStore, store), ({ snapshots }) => snapshots),
    )
    assert.equal(error.reason, "corrupt")
    assert.match(error.message, /has a damaged index/)
  }))
})
