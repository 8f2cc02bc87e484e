/** Several shares with names in one store, and the hosts of entries. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { bptrFromHex } from "../../../formats/fogsync/bptr.ts"
import { BlockReader } from "../../../formats/fogsync/block_read.ts"
import { decodeEnvelope } from "../../../formats/fogsync/envelope.ts"
import { makeFogsync } from "../../../formats/fogsync/mod.ts"
import { blockObject } from "../../../formats/fogsync/layout.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import type { SnapshotInfo } from "../../../formats/repository.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { inShare, keysFrom, names, options, secrets, walk } from "./harness.ts"

const keyOf = (seed: number): Secrets => ({ key: Redacted.make(noise(32, seed)) })

describe("several shares in one store", () => {
  it("have names, keys and snapshots of their own", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      yield* Effect.gen(function* () {
        const unnamed = makeFogsync()
        const photos = makeFogsync({ share: "photos", listing: "tree" })
        const music = makeFogsync({ share: "music" })
        const [, a, b, c] = [0, 1, 2, 1].map(keyOf) as [Secrets, Secrets, Secrets, Secrets]
        yield* photos.create(a)
        assert.deepEqual([yield* unnamed.recognise, yield* photos.recognise, yield* music.recognise], [
          true,
          true,
          false,
        ])
        const choose = yield* Effect.flip(unnamed.open(a))
        assert.deepEqual([choose._tag, choose.reason], ["RepositoryError", "none"])
        assert.match(choose.message, /The shares at memory:.* have names: choose one of photos /)
        assert.match((yield* Effect.flip(music.open(a))).message, /no share at memory:.*\/shares\/music$/)
        assert.equal((yield* Effect.flip(photos.create(b))).reason, "exists")
        yield* music.create(b)
        // The same key as another share has.
        yield* unnamed.create(c)
        const trees: ReadonlyArray<readonly [typeof photos, Secrets, MemoryTree]> = [
          [photos, a, { "p": { content: "photo" } }],
          [music, b, { "m": { content: "song" } }],
          [unnamed, c, { "u": { content: "other" } }],
        ]
        for (const [format, key, tree] of trees) yield* (yield* format.open(key)).backup(walk(tree), options)
        for (const [format, key, tree] of trees) {
          const share = yield* format.open(key)
          const [only, ...more] = yield* share.snapshots
          assert.deepEqual([more, Object.keys(tree)], [[], [...(yield* factsOf(share.entries(only!))).keys()].slice(1)])
          assert.deepEqual((yield* share.check({ readData: 100 })).findings, [])
          assert.deepEqual((yield* share.rebuild).snapshots, [])
        }
        assert.equal((yield* Effect.flip(music.open(a))).reason, "wrong-key")
        // Someone who can write to the store copies the objects of one share over another share with the same key.
        const roots = yield* names(store, "shares/photos/roots/")
        yield* store.put("FOGSYNC", [yield* store.get("shares/photos/FOGSYNC", { atMost: 1000 })], { replace: true })
        for (const name of [...roots, ...yield* names(store, "shares/photos/blocks/")]) {
          yield* store.put(name.slice("shares/photos/".length), [yield* store.get(name, { atMost: 1 << 16 })])
        }
        const share = yield* unnamed.open(c)
        const { findings } = yield* share.check({ readData: 0 })
        assert.ok(findings.some(({ message }) => /in the place of that of another share/.test(message)))
        assert.equal((yield* share.snapshots).length, 1)
      }).pipe(Effect.provideService(ObjectStore, store))
    })))

  it("have names of letters and digits only", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      for (const share of ["", "A", "../x", "a/b", ".a", "a b", "x".repeat(101)]) {
        const format = makeFogsync({ share })
        const error = yield* Effect.flip(Effect.provideService(format.create(secrets), ObjectStore, store))
        assert.deepEqual([error._tag, error.reason], ["RepositoryError", "unsupported"], share)
      }
      assert.deepEqual(yield* names(store), [])
    })))
})

const keys = keysFrom(Redacted.value(secrets.key!))

/** The hosts in the JSON listing of a directory, by name. */
const hostsOf = Effect.fnUntraced(function* (store: ObjectStore, { id }: SnapshotInfo, directory?: string) {
  const envelope = yield* store.get(blockObject(Buffer.from(id, "hex")), { atMost: 1 << 16 })
  const root = JSON.parse(Buffer.from(decodeEnvelope(keys, envelope, 1 << 20)).toString()) as Record<string, string>
  const read = (address: string) =>
    Effect.map(
      Stream.runCollect(new BlockReader(store, keys).data(bptrFromHex(address)!, "a listing")),
      (parts) => JSON.parse(Buffer.concat([...parts]).toString()) as Array<Record<string, string>>,
    )
  const top = yield* read(root["directory"]!)
  const listing = directory === undefined ? top : yield* read(top.find(({ name }) => name === directory)!["bptr"]!)
  return Object.fromEntries(listing.map(({ host, name }) => [name, host]))
})

describe("the host where an entry was last modified", () => {
  it("is the host of the run that met the change", () =>
    inShare((share, store) =>
      Effect.gen(function* () {
        const tree: MemoryTree = {
          "d": { directory: true, mtime: 1n },
          "d/kept": { content: "1", mtime: 1n },
          "d/changed": { content: "2", mtime: 1n },
          "link": { symlink: "d", mtime: 1n },
          "touched": { content: "3", mtime: 1n },
          "made executable": { content: "4", mtime: 1n },
        }
        const first = yield* share.backup(walk(tree), { ...options, hostname: "one" })
        assert.deepEqual(yield* hostsOf(store, first.snapshot!), {
          "d": "one",
          "link": "one",
          "made executable": "one",
          "touched": "one",
        })
        const parent = first.snapshot!.id
        const next: MemoryTree = {
          ...tree,
          "d/changed": { content: "two", mtime: 2n },
          "new": { content: "5", mtime: 1n },
          "touched": { content: "3", mtime: 2n },
          "made executable": { content: "4", mtime: 1n, mode: 0o755 },
        }
        const second = yield* share.backup(walk(next), { ...options, hostname: "two", parent })
        assert.deepEqual(yield* hostsOf(store, second.snapshot!), {
          "d": "one",
          "link": "one",
          "made executable": "two",
          "new": "two",
          "touched": "two",
        })
        assert.deepEqual(yield* hostsOf(store, second.snapshot!, "d"), { "changed": "two", "kept": "one" })
        // A third host that changes nothing leaves all listings as they are.
        const third = yield* share.backup(walk(next), { ...options, hostname: "three", parent: second.snapshot!.id })
        assert.deepEqual(yield* hostsOf(store, third.snapshot!, "d"), { "changed": "two", "kept": "one" })
        assert.ok(third.bytesStored < 1000, `${third.bytesStored} bytes`)
        const nameless = yield* share.backup(walk(next), { ...options, hostname: "", parent: third.snapshot!.id })
        assert.deepEqual(yield* hostsOf(store, nameless.snapshot!), yield* hostsOf(store, second.snapshot!))
      })
    ))
})
