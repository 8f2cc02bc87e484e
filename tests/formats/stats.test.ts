/** What snapshots hold, in every format: restored, by different contents, and in the store. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { memoryStore } from "../../adapters/store/memory/memory.ts"
import { makeBkp } from "../../formats/bkp/mod.ts"
import { corrupt } from "../../formats/error.ts"
import { fogsync } from "../../formats/fogsync/mod.ts"
import type { Format } from "../../formats/format.ts"
import type { Repository } from "../../formats/repository.ts"
import { makeRozen } from "../../formats/rozen/mod.ts"
import type { Secrets } from "../../formats/secrets.ts"
import { makeSnapshotCatalog } from "../../formats/snapshot_catalog/mod.ts"
import { contentsSize, restoreSize, storedSize } from "../../formats/stats.ts"
import { makeZprt } from "../../formats/zprt/mod.ts"
import { ObjectStore } from "../../stages/store/store.ts"
import { memorySource } from "../../stages/walk/memory_source.ts"
import type { MemoryTree } from "../../stages/walk/memory_tree.ts"
import { runFormat } from "../suites/format/environment.ts"
import { noise } from "../suites/noise.ts"

const scrypt = { n: 1024, r: 8, p: 1 }
const password = { password: Redacted.make("secret") }
const ROZEN: Format = makeRozen({ scrypt, average: 16 << 10 })
/** `objects`: where contents are; without it the format cannot tell what they take. */
interface Subject {
  readonly name: string
  readonly format: Format
  readonly secrets: Secrets
  readonly objects?: (name: string) => boolean
  /** They have fewer bytes than this beside contents: headers and footers of packs, or the object of an empty file. */
  readonly overhead?: number
}

const SUBJECTS: ReadonlyArray<Subject> = [
  {
    name: "rozen",
    format: ROZEN,
    secrets: password,
    objects: (name) => /^DATA\/.*\.roz$/.test(name),
    overhead: 4096,
  },
  {
    name: "rozen, block version 0",
    format: makeRozen({ scrypt, version: 0 }),
    secrets: password,
    objects: (name) => /^DATA\/.*\.roz$/.test(name),
    overhead: 300,
  },
  {
    name: "bkp",
    format: makeBkp({ iterations: 10 }),
    secrets: password,
    objects: (name) => name.startsWith("blocks/"),
  },
  {
    name: "snapshot-catalog",
    format: makeSnapshotCatalog({ average: 16 << 10 }),
    secrets: {},
    objects: (name) => name.startsWith("extents/"),
  },
  { name: "fogsync", format: fogsync, secrets: { key: Redacted.make(new Uint8Array(32)) } },
]

const node = (content: string | Uint8Array) => ({ content, mtime: 1n })
const linked = node(noise(50_000, 1))
const text = "x".repeat(40_000)
/** 50,000 bytes with a hard link and in a copy; 40,000 that compress well; nothing. */
const FIRST: MemoryTree = {
  "a": linked,
  "b": linked,
  "copy": node(noise(50_000, 1)),
  "empty": node(""),
  "text": node(text),
}
/** The 50,000 bytes again, and 300,000 of its own. */
const SECOND: MemoryTree = { "d/again": node(noise(50_000, 1)), "empty": node(""), "own": node(noise(300_000, 2)) }

const backup = (repository: Repository, tree: MemoryTree, second: number) =>
  repository.backup(memorySource(tree).entries("", {}), {
    paths: ["/x"],
    hostname: "h",
    time: 1_600_000_000_000 + second * 1000,
    parent: "none",
  })

const made = Effect.fnUntraced(function* (format: Format, secrets: Secrets) {
  const store = yield* memoryStore.make()
  const repository = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
  yield* backup(repository, FIRST, 0)
  yield* backup(repository, SECOND, 1)
  const [first, second] = yield* repository.snapshots
  return { repository, store, first: first!, second: second! }
})

const near = (actual: number, expected: number, by: number): void =>
  assert.ok(Math.abs(actual - expected) <= by, `${actual} instead of ${expected}`)

describe("stats", () => {
  for (const { format, name, objects, overhead = 0, secrets } of SUBJECTS) {
    it(`${name}: counts files, contents, and what the store holds`, () =>
      runFormat(Effect.gen(function* () {
        const { first, repository, second, store } = yield* made(format, secrets)
        const restored = yield* restoreSize(repository, [first, second])
        assert.deepEqual([restored.files, restored.others], [8, 0])
        const linkedBytes = 50_000 * (format.fidelity.hardlinks ? 1 : 2)
        assert.equal(restored.bytes, linkedBytes + 50_000 + 40_000 + 50_000 + 300_000)
        const contents = yield* contentsSize(repository, [first, second])
        assert.deepEqual(contents, { files: 4, bytes: 50_000 + 40_000 + 300_000 })
        assert.deepEqual(yield* contentsSize(repository, [second]), { files: 3, bytes: 50_000 + 300_000 })

        if (objects === undefined) {
          const { message } = yield* Effect.flip(storedSize(repository, [first]))
          return assert.match(message, /^The format fogsync cannot tell how much of the store/)
        }
        const both = yield* storedSize(repository, [first, second])
        const one = yield* storedSize(repository, [first], { others: [second] })
        const other = yield* storedSize(repository, [second], { others: [first] })
        assert.deepEqual([both.bytes, both.bytesUnique, both.only], [restored.bytes, 390_000, undefined])
        assert.deepEqual([one.bytesUnique, one.only!.bytesUnique], [90_000, 40_000])
        assert.deepEqual([other.bytesUnique, other.only!.bytesUnique], [350_000, 300_000])
        assert.deepEqual([both.lost, one.lost, other.lost], [0, 0, 0])
        assert.equal(one.only!.chunks + other.chunks, both.chunks)

        const stored = (yield* Stream.runCollect(store.list(""))).filter((object) => objects(object.name))
        const bytes = stored.reduce((sum, { size }) => sum + size, 0)
        if (overhead === 0) near(both.bytesStored, bytes, 1)
        else assert.ok(both.bytesStored < bytes && both.bytesStored > bytes - overhead)
        near(one.only!.bytesStored + other.bytesStored, both.bytesStored, 1)
        near(other.only!.bytesStored, 300_000, 1000)
      })))
  }

  it("zprt: an archive takes what its contents take", () =>
    runFormat(Effect.gen(function* () {
      const format = makeZprt({ scryptLogN: 10 })
      const repository = yield* Effect.provideService(format.create(password), ObjectStore, yield* memoryStore.make())
      yield* backup(repository, FIRST, 0)
      const snapshots = yield* repository.snapshots
      const { bytes, bytesStored, bytesUnique, lost } = yield* storedSize(repository, snapshots)
      assert.deepEqual([bytes, bytesUnique, lost], [190_000, 90_000, 0])
      near(bytesStored, 50_000, 2000)
    })))

  it("tells of chunks that the store has lost, and of snapshots that cannot be listed", () =>
    runFormat(Effect.gen(function* () {
      const { first, repository, second, store } = yield* made(ROZEN, password)
      const packs = yield* Stream.runCollect(Stream.filter(store.list("DATA/"), ({ name }) => name.endsWith(".roz")))
      const largest = packs.reduce((one, other) => one.size < other.size ? other : one)
      yield* store.remove(largest.name)
      const whole = yield* storedSize(repository, [first], { others: [second] })
      const damaged = yield* storedSize(repository, [second], { others: [first] })
      assert.equal(whole.lost, 0)
      // The pack had the 300,000 bytes that only the second snapshot has.
      assert.deepEqual([damaged.lost, damaged.only!.bytesStored], [damaged.only!.chunks, 0])

      const lost = corrupt("catalog", "catalog is damaged")
      const unlisted: Repository = {
        ...repository,
        entries: (snapshot, options) =>
          snapshot.id === first.id ? Stream.fail(lost) : repository.entries(snapshot, options),
      }
      assert.equal(yield* Effect.flip(restoreSize(unlisted, [first, second])), lost)
      const problems: Array<string> = []
      const rest = yield* restoreSize(unlisted, [first, second], ({ message, path }, { id }) => {
        problems.push(`${id} "${path}" ${message}`)
      })
      assert.deepEqual(problems, [`${first.id} "" catalog is damaged`])
      assert.equal(rest.bytes, 350_000)
      // Nobody knows what only the second one has, so nothing is said.
      const alone = yield* storedSize(unlisted, [second], { others: [first], problem: () => {} })
      assert.deepEqual([alone.bytesUnique, alone.only], [350_000, undefined])

      const unsized: Repository = {
        ...repository,
        entries: (snapshot, options) =>
          Stream.map(repository.entries(snapshot, options), (entry) => ({ ...entry, size: undefined })),
      }
      const { message } = yield* Effect.flip(contentsSize(unsized, [second]))
      assert.match(message, /^"empty" of snapshot \w+ cannot be counted\. Its size is not known/)
    })))
})
