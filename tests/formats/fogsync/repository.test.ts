import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import { concat } from "effect/Bytes"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import type { SnapshotInfo } from "../../../formats/repository.ts"
import { encodeBptr } from "../../../formats/fogsync/bptr.ts"
import { hashBlock } from "../../../formats/fogsync/block_write.ts"
import { decodeEnvelope, encodeEnvelope } from "../../../formats/fogsync/envelope.ts"
import { makeNonce } from "../../../formats/fogsync/kinds.ts"
import { type FogsyncOptions, makeFogsync } from "../../../formats/fogsync/mod.ts"
import { blockHash, blockObject, rootObject, SHARE } from "../../../formats/fogsync/layout.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import type { Entry, ReaderContent } from "../../../stages/walk/entry.ts"
import { changing, file, of, root } from "../../suites/format/contents.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { alter, hex, inShare, keysFrom, names, options, secrets, walk } from "./harness.ts"

const key = Redacted.value(secrets.key!)
const keys = keysFrom(key)
const kinds: ReadonlyArray<FogsyncOptions> = [{ listing: "json" }, { listing: "tree" }]
const mtime = 1_600_000_000_123_456_789n

const opened = (store: ObjectStore, how: FogsyncOptions = {}, given = secrets) =>
  Effect.provideService(makeFogsync(how).open(given), ObjectStore, store)
const made = ({ snapshot }: { readonly snapshot?: SnapshotInfo }): SnapshotInfo => snapshot ?? assert.fail()
const sizes = (store: ObjectStore) =>
  Effect.map(Stream.runCollect(store.list("blocks/")), (all) => all.reduce((n, { size }) => n + size, 0))

/** The JSON in the root of a snapshot and in FOGSYNC, decoded from their envelopes. */
const rootJson = (store: ObjectStore, id: string) =>
  Effect.map(store.get(blockObject(Buffer.from(id, "hex")), { atMost: 1 << 16 }), shareJson)
const shareJson = (envelope: Uint8Array): Record<string, unknown> =>
  JSON.parse(Buffer.from(decodeEnvelope(keys, envelope, 1 << 20)).toString()) as Record<string, unknown>

/** Content that fails the test when it is read. */
const untouchable: ReaderContent = { open: () => assert.fail("An unchanged file was opened") }

const tree: MemoryTree = {
  "": { directory: true, mtime },
  "a": { content: "first", mtime },
  "d/b": { content: noise(200_000, 1), mtime, mode: 0o755 },
  "d/e/f": { content: "deep", mtime },
  "link": { symlink: "a", mtime },
}

for (const how of kinds) {
  describe(`fogsync, listed as ${how.listing}`, () => {
    it("lists as the share does, whatever the options, with a parent and without", () =>
      inShare((first, store) =>
        Effect.gen(function* () {
          const format = { listing: how.listing === "json" ? "tree" : "json" } as const
          const other = yield* opened(store, format)
          const one = made(yield* other.backup(walk(tree), options))
          const entries = Stream.map(walk(tree), (entry): Entry =>
            entry.kind === "file" ? { ...entry, content: untouchable } : entry)
          const summary = yield* other.backup(entries, options)
          assert.deepEqual([summary.filesUnchanged, summary.bytesAdded], [3, 0])
          const elsewhere = made(yield* other.backup(walk(tree), { ...options, hostname: "other", parent: "none" }))
          yield* store.remove(SHARE)
          const lost = yield* opened(store, format)
          const again = made(yield* lost.backup(walk(tree), options))
          yield* lost.rebuild
          const facts = yield* factsOf(first.entries(one))
          for (const snapshot of [one, made(summary), elsewhere, again]) {
            assert.equal((yield* rootJson(store, snapshot.id))["listing"], how.listing)
            assert.deepEqual([...yield* factsOf(first.entries(snapshot))].sort(), [...facts].sort())
          }
          assert.equal(again.parent, made(summary).id)
          assert.equal(shareJson(yield* store.get(SHARE, { atMost: 1000 }))["listing"], how.listing)
        }), how))

    it("stores nothing but a root when nothing changed, and little when little did", () =>
      inShare((repository, store) =>
        Effect.gen(function* () {
          const many: Record<string, { content: string; mtime: bigint }> = {}
          for (let i = 0; i < 1500; i++) many[`d${i % 30}/sub/f${i}`] = { content: `content ${i}`, mtime }
          yield* repository.backup(walk(many), options)
          const before = yield* sizes(store)
          const objects = (yield* names(store)).length
          assert.ok(objects < 40, `${objects} objects for 1500 small files`)
          const same = yield* repository.backup(walk(many), options)
          assert.equal(same.filesUnchanged, 1500)
          assert.ok(same.bytesStored < 1000)
          assert.equal((yield* names(store)).length, objects + 2)
          const little = yield* repository.backup(walk({ ...many, "d7/sub/new": { content: "new", mtime } }), options)
          assert.deepEqual([little.bytesAdded, little.chunksNew], [3, 1])
          assert.ok((yield* sizes(store)) - before < (how.listing === "tree" ? 60_000 : 12_000))
          assert.ok(little.bytesStored < 60_000)
        }), how))

    it("stores equal contents once, small and large, whichever comes first", () =>
      inShare((repository, store) =>
        Effect.gen(function* () {
          const large = noise(3_000_000, 3)
          const summary = yield* repository.backup(
            walk({ "a": { content: "x" }, "b": { content: large }, "c": { content: large }, "d/e": { content: "x" } }),
            options,
          )
          assert.deepEqual([summary.chunksNew, summary.chunksReused, summary.bytesAdded], [2, 2, 3_000_001])
          const dry = yield* repository.backup(
            walk({ "x": { content: noise(2_000_000, 4) }, "y": { content: noise(2_000_000, 4) } }),
            { ...options, parent: "none", dryRun: true },
          )
          assert.deepEqual([dry.chunksNew, dry.bytesAdded], [1, 2_000_000])
          const renamed = yield* repository.backup(walk({ "moved": { content: large } }), {
            ...options,
            parent: "none",
          })
          assert.equal(renamed.bytesAdded, 0)
          const elsewhere = yield* repository.backup(walk({ "moved": { content: large } }), {
            ...options,
            hostname: "other",
          })
          assert.equal(elsewhere.bytesAdded, 0)
          assert.ok((yield* sizes(store)) < 3_100_000)
        }), how))

    it("any one object that is altered or lost costs only what is in it, which is named", () =>
      inShare((repository, store) =>
        Effect.gen(function* () {
          const snapshots = [
            made(yield* repository.backup(walk(tree), options)),
            made(yield* repository.backup(walk({ ...tree, "z": { content: noise(70_000, 9), mtime } }), options)),
          ]
          const whole = new Map<string, ReadonlyMap<string, unknown>>()
          for (const snapshot of snapshots) whole.set(snapshot.id, yield* factsOf(repository.entries(snapshot)))
          for (const name of yield* names(store)) {
            const good = yield* store.get(name, { atMost: Infinity })
            const losses: ReadonlyArray<Effect.Effect<void, unknown>> = [
              store.remove(name),
              alter(store, name, (bytes) => bytes.map((byte, i) => i === bytes.length >> 1 ? byte ^ 4 : byte)),
              alter(store, name, (bytes) => bytes.subarray(0, bytes.length - 9)),
              alter(store, name, (bytes) => concat([bytes, new Uint8Array(70_000).fill(1)])),
            ]
            for (const lose of losses) {
              yield* lose
              const damaged = yield* opened(store, how)
              assert.equal(damaged.id, repository.id)
              const { findings } = yield* damaged.check({ readData: 100 })
              const mentioned = findings.map(({ object }) => object)
              // Only the next root shows that a pointer is lost.
              const last = name === rootObject(snapshots[1]!.id) || name === blockObject(blockOf(snapshots[1]!.id))
              if (!(last && (yield* Effect.result(store.stat(name)))._tag === "Failure" && name.startsWith("roots/"))) {
                assert.ok(mentioned.includes(name), `${name}: ${JSON.stringify(findings)}`)
              }
              const named = new Set(
                findings.flatMap(({ files }) => files.map(({ path, snapshot }) => `${snapshot} ${path}`)),
              )
              const listed = yield* damaged.snapshots
              for (const snapshot of snapshots) {
                if (!listed.some(({ id }) => id === snapshot.id)) {
                  assert.ok(name.includes(snapshot.id))
                  continue
                }
                const problems: Array<string> = []
                const result = yield* Effect.result(factsOf(damaged.entries(snapshot, {
                  problem: ({ path }) => problems.push(path),
                })))
                if (result._tag === "Failure") {
                  assert.equal((result.failure as { reason?: string }).reason, "corrupt")
                  assert.ok(named.has(`${snapshot.id} `))
                  continue
                }
                for (const [path, fact] of whole.get(snapshot.id)!) {
                  const found = result.success.get(path)
                  const at = `${snapshot.id} ${path}`
                  if (found === undefined) {
                    assert.ok([...named].some((lost) => at.startsWith(lost)) || how.listing === "tree", at)
                    assert.ok(problems.length > 0)
                  } else if ("damage" in found) assert.ok(named.has(at), `${at} is damaged, and not named`)
                  else {
                    assert.deepEqual(found, fact)
                    assert.ok(
                      !named.has(at) || (fact as { kind: string }).kind === "directory",
                      `${at} is whole, and named`,
                    )
                  }
                }
              }
              yield* store.put(name, [good], { replace: true })
            }
          }
          assert.deepEqual((yield* repository.check({ readData: 100 })).findings, [])
        }), how))

    it("the next run stores again what is lost", () =>
      inShare((repository, store) =>
        Effect.gen(function* () {
          yield* repository.backup(walk(tree), options)
          const facts = yield* factsOf(walk(tree))
          for (const name of yield* names(store, "blocks/")) {
            if (name === blockObject(blockOf((yield* repository.snapshots)[0]!.id))) continue
            yield* store.remove(name)
            const next = yield* opened(store, how)
            const again = made(yield* next.backup(walk(tree), options))
            const restored = yield* factsOf(next.entries(again))
            for (const [path, { content }] of facts) assert.equal(restored.get(path)?.content, content, path)
          }
        }), how))

    it("holds directories a thousand deep", () =>
      inShare((repository) =>
        Effect.gen(function* () {
          const path = `${"d/".repeat(1000)}f`
          const snapshot = made(yield* repository.backup(walk({ [path]: { content: "deep" } }), options))
          const facts = yield* factsOf(repository.entries(snapshot, { include: (at) => at === path }))
          assert.equal(facts.get(path)!.size, 4)
        }), how))

    it("reports paths that are too long, and names that are not text", () =>
      inShare((repository) =>
        Effect.gen(function* () {
          const long = `${"d".repeat(200)}/`.repeat(20)
          const summary = yield* repository.backup(
            walk({
              [`${long}${"x".repeat(76)}`]: { content: "fits" },
              [`${long}${"y".repeat(77)}`]: { content: "is too long" },
              "link": { symlink: "x".repeat(4097) },
              "bytes": { symlink: "\udcff" },
            }),
            options,
          )
          const expected = [`${long}${"y".repeat(77)}`, "link", ...(how.listing === "json" ? ["bytes"] : [])]
          assert.deepEqual(summary.problems.map(({ path }) => path).sort(), expected.sort())
          const facts = yield* factsOf(repository.entries(made(summary)))
          assert.equal(facts.get(`${long}${"x".repeat(76)}`)!.size, 4)
          assert.equal(facts.get("bytes")?.target, how.listing === "json" ? undefined : "\udcff")
        }), how))
  })
}

const blockOf = (id: string): Uint8Array => blockHash(`blocks/${id.slice(0, 2)}/${id}`)!

describe("fogsync: shares and roots", () => {
  it("gives different errors for a wrong key, no key and damage", () =>
    inShare((repository, store) =>
      Effect.gen(function* () {
        yield* repository.backup(walk(tree), options)
        const wrongs: ReadonlyArray<Secrets> = [
          {},
          { password: Redacted.make("x") },
          ...[31, 32, 64].map((length) => ({ key: Redacted.make(noise(length, 1)) })),
        ]
        for (const wrong of wrongs) {
          const error = yield* Effect.flip(opened(store, {}, wrong))
          const reason = wrong.password === undefined ? "wrong-key" : "unused-secret"
          assert.deepEqual([error._tag, error.reason], ["RepositoryError", reason])
        }
        // The same key, in its form of 64 bytes.
        const spelled = { key: Redacted.make(concat([derived("cipher"), keys.mac])) }
        assert.equal((yield* opened(store, {}, spelled)).id, repository.id)
        // One object that does not decode is damage as long as another does.
        yield* alter(store, SHARE, (bytes) => bytes.map((byte) => byte ^ 1))
        const damaged = yield* opened(store)
        assert.equal(damaged.id, repository.id)
        assert.deepEqual((yield* damaged.check({ readData: 0 })).findings.map(({ object }) => object), [SHARE])
        yield* damaged.rebuild
        assert.deepEqual((yield* damaged.check({ readData: 100 })).findings, [])
        assert.equal((yield* opened(store)).id, repository.id)
      })
    ))

  it("needs a key to make a share", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      for (const given of [{}, { key: Redacted.make(noise(16, 1)) }]) {
        const error = yield* Effect.flip(Effect.provideService(makeFogsync().create(given), ObjectStore, store))
        assert.deepEqual([error._tag, error.reason], ["RepositoryError", "wrong-key"])
        assert.match(error.message, /32 (bytes, )?or 64/)
      }
      assert.deepEqual(yield* names(store), [])
    })))

  it("finds roots that nothing points to, and only those", () =>
    inShare((repository, store) =>
      Effect.gen(function* () {
        const first = made(yield* repository.backup(walk(tree), options))
        const second = made(yield* repository.backup(walk({ "a": { content: "2" } }), options))
        yield* store.remove(SHARE)
        yield* store.remove(rootObject(first.id))
        const one = yield* opened(store)
        assert.deepEqual((yield* one.check({ readData: 0 })).findings.map(({ object }) => object), [
          SHARE,
          rootObject(first.id),
        ])
        const rebuilt = yield* one.rebuild
        assert.deepEqual(rebuilt.snapshots.map(({ id }) => id), [first.id])
        assert.deepEqual(rebuilt.rebuiltObjects, [SHARE])
        assert.deepEqual(rebuilt.findings, [])
        for (const { id } of [first, second]) yield* alter(store, rootObject(id), () => new Uint8Array(3))
        assert.deepEqual(yield* one.snapshots, [])
        const again = yield* one.rebuild
        assert.deepEqual(again.snapshots.map(({ id }) => id), [first.id, second.id])
        assert.deepEqual(again.rebuiltObjects, [])
        assert.deepEqual((yield* one.snapshots).map(({ id }) => id), [first.id, second.id])
        assert.equal((yield* factsOf(one.entries(first))).size, (yield* factsOf(walk(tree))).size)
      })
    ))

  it("does not take a file for a root, even if it has the bytes of one", () =>
    inShare((repository, store) =>
      Effect.gen(function* () {
        const json = new TextEncoder().encode('{"version":3,"date":1}')
        const genuine = encodeEnvelope(keys, json, { nonce: makeNonce(keys, "root") })
        const file = encodeEnvelope(keys, json)
        for (const [envelope, readable] of [[genuine, true], [file, false]] as const) {
          const hash = hashBlock(keys.hasher, envelope)
          yield* store.put(blockObject(hash), [envelope])
          yield* store.put(rootObject(hex(hash)), [encodeBptr({ hash, start: 0, end: envelope.length, depth: 0 })])
          assert.equal((yield* repository.snapshots).some(({ id }) => id === hex(hash)), readable)
        }
        assert.equal((yield* repository.snapshots).length, 1)
        assert.deepEqual((yield* repository.rebuild).snapshots, [])
      })
    ))

  it("reads roots of other programs, and refuses roots of later versions", () =>
    inShare((repository, store) =>
      Effect.gen(function* () {
        const put = Effect.fnUntraced(function* (json: string) {
          const envelope = encodeEnvelope(keys, new TextEncoder().encode(json), { nonce: makeNonce(keys, "root") })
          const hash = hashBlock(keys.hasher, envelope)
          yield* store.put(blockObject(hash), [envelope])
          yield* store.put(rootObject(hex(hash)), [encodeBptr({ hash, start: 0, end: envelope.length, depth: 0 })])
          return hex(hash)
        })
        yield* put('{"version":3,"date":1600000000123456789,"host":"h","user":"u","log":"","x":[1]}')
        for (const bad of ["", "[]", "{}", '{"version":3}', '{"version":3,"date":1,"directory":"00"}', "\xff"]) {
          yield* put(bad)
        }
        const later = yield* put('{"version":4,"date":"tomorrow"}')
        const [info] = yield* repository.snapshots
        assert.deepEqual([info!.time, info!.hostname, info!.username], [1_600_000_000_123, "h", "u"])
        const error = yield* Effect.flip(Stream.runCollect(repository.entries({ ...info!, id: later })))
        assert.equal((error as { reason: string }).reason, "newer")
        assert.equal((yield* repository.check({ readData: 0 })).findings.length, 7)
        assert.equal((yield* factsOf(repository.entries(info!))).size, 0)
      })
    ))

  it("a run does not hold content in memory", () =>
    inShare((repository) =>
      Effect.gen(function* () {
        const piece = noise(1 << 20, 5)
        let held = 0
        let most = 0
        const content = Stream.fromIterable((function* () {
          for (let i = 0; i < 12; i++) {
            held++
            most = Math.max(most, held)
            yield piece.map((byte) => byte ^ i)
            held--
          }
        })())
        const file: Entry = { path: "f", kind: "file", metadata: {}, size: 12 << 20, content }
        const summary = yield* repository.backup(Stream.succeed(file), options)
        assert.equal(summary.bytesAdded, 12 << 20)
        assert.equal(most, 1)
        let largest = 0
        yield* Stream.runForEach(repository.entries(made(summary)), ({ content }) =>
          content === undefined || content instanceof Uint8Array ? Effect.void : Stream.runForEach(
            content as Stream.Stream<Uint8Array, unknown>,
            (bytes) => Effect.sync(() => void (largest = Math.max(largest, bytes.length))),
          ))
        assert.ok(largest <= 96 << 10)
      })
    ))
})

const derived = (purpose: string): Uint8Array => keys.hasher.digest(concat([key, new TextEncoder().encode(purpose)]))

it("fogsync stores a content that changed while it was read once, and nothing for an empty file", () =>
  inShare((repository) =>
    Effect.gen(function* () {
      // More than is held in memory: it is stored as it is read.
      const states = ["a", "b"].map((letter) => letter.repeat(1_200_000))
      const once = yield* repository.backup(of(root, file("once", changing(states, true), 1_200_000)), options)
      assert.deepEqual([once.chunksNew, once.bytesAdded], [1, 1_200_000])
      const empty = yield* repository.backup(of(root, file("empty", changing([""], true), 0)), options)
      assert.deepEqual([empty.chunksNew, empty.bytesAdded], [0, 0])
    })
  ))
