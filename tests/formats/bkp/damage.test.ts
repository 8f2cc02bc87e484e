/** Damaged, missing and hostile objects: losses are named, everything else can be read, and nothing else happens. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { gzipSync } from "node:zlib"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import {
  encodeNode,
  encodeSnapshot,
  FILE,
  type NodeObject,
  SNAPSHOT,
  SYMLINK,
  TREE,
} from "../../../formats/bkp/objects.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import type { Problem, Repository } from "../../../formats/repository.ts"
import type { RepositoryError } from "../../../formats/error.ts"
import type { Secrets } from "../../../formats/secrets.ts"
import { nativeKernels } from "../../../adapters/kernels/native.ts"
import { sha256 } from "../../../stages/hash/sha256.ts"
import { Kernels, type KernelTable, makeKernel, trusted } from "../../../stages/kernel/kernel.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { alter, flipped, inRepository, inStore, names, options, secrets, small, walk } from "./harness.ts"

const tree: MemoryTree = {
  "big": { content: noise(40_000, 1) },
  "d/one": { content: noise(1000, 2) },
  "d/two": { content: noise(2000, 3) },
  "empty": { content: "" },
}
const lastFacts = (repository: Repository, problems: Array<Problem> = []) =>
  Effect.flatMap(
    repository.snapshots,
    (all) => factsOf(repository.entries(all.at(-1)!, { problem: (problem) => void problems.push(problem) })),
  )

/** Kinds of damage to one object. */
const damages: ReadonlyArray<readonly [string, (store: ObjectStore, name: string) => Effect.Effect<void, unknown>]> = [
  ["missing", (store, name) => store.remove(name)],
  ["empty", (store, name) => alter(store, name, () => new Uint8Array(0))],
  ["cut in half", (store, name) => alter(store, name, (bytes) => bytes.subarray(0, bytes.length >> 1))],
  ["altered in one bit", (store, name) => alter(store, name, (bytes) => flipped(bytes))],
  ["extended", (store, name) => alter(store, name, (bytes) => Uint8Array.of(...bytes, 0))],
]

for (const encrypted of [true, false]) {
  const repository = <A>(use: (repository: Repository, store: ObjectStore) => Effect.Effect<A, unknown>) =>
    inRepository((one, store) => Effect.andThen(one.backup(walk(tree), options), use(one, store)), {
      secrets: encrypted ? secrets : {},
    })

  describe(`damage of a bkp repository that is ${encrypted ? "encrypted" : "not encrypted"}`, () => {
    for (const [how, damage] of damages) {
      it(`a chunk that is ${how} costs its file, which a full run stores again`, () =>
        repository((one, store) =>
          Effect.gen(function* () {
            const before = yield* lastFacts(one)
            const chunk = (yield* names(store, "blocks/")).find((name) => !name.endsWith(".pack"))!
            yield* damage(store, chunk)
            const after = yield* lastFacts(one)
            assert.match(after.get("big")!.damage!, /Its content is lost/)
            for (const [path, fact] of before) if (path !== "big") assert.deepEqual(after.get(path), fact)
            const { findings } = yield* one.check({ readData: 100 })
            assert.deepEqual(
              findings.map(({ files }) => files.map(({ path }) => path)),
              [["big"]],
              JSON.stringify(findings),
            )
            if (how === "altered in one bit") yield* store.remove(chunk)
            yield* one.backup(walk(tree), { ...options, parent: "none" })
            assert.deepEqual(yield* lastFacts(one), before)
            assert.deepEqual((yield* one.check({ readData: 100 })).findings, [])
          })
        ))

      // Bytes may follow gzip, but not encrypted bytes.
      const harmless = !encrypted && how === "extended"
      if (!harmless) {
        it(`a packfile of chunks that is ${how} costs the files in it, which a full run stores again`, () =>
          repository((one, store) =>
            Effect.gen(function* () {
              const before = yield* lastFacts(one)
              const pack = (yield* names(store, "blocks/")).find((name) => name.endsWith(".pack"))!
              yield* damage(store, pack)
              const after = yield* lastFacts(one)
              assert.deepEqual([...after.keys()], [...before.keys()])
              for (const path of ["d/one", "d/two"]) assert.match(after.get(path)!.damage!, /Its content is lost/)
              const { findings } = yield* one.check({ readData: 0 })
              assert.equal(findings.length, 1)
              assert.equal(findings[0]!.object, how === "missing" ? "blocks/" : pack)
              assert.ok(findings[0]!.files.some(({ path }) => path === "d/one"))
              yield* one.backup(walk(tree), { ...options, parent: "none" })
              assert.deepEqual(yield* lastFacts(one), before)
            })
          ))
      }

      if (!harmless) {
        it(`a packfile of trees that is ${how} is found, and the next run goes on with the other snapshots`, () =>
          repository((one, store) =>
            Effect.gen(function* () {
              const before = yield* lastFacts(one)
              const pack = (yield* names(store, "metadata/")).find((name) => name.endsWith(".pack"))!
              yield* damage(store, pack)
              const [snapshot] = yield* one.snapshots
              const error = yield* Effect.flip(Stream.runCollect(one.entries(snapshot!)))
              assert.deepEqual([error._tag, error.reason], ["RepositoryError", "corrupt"])
              assert.ok((yield* one.check({ readData: 0 })).findings.length > 0)
              const next = yield* one.backup(walk(tree), options)
              assert.equal(next.snapshot!.parent, snapshot!.id)
              assert.deepEqual(yield* lastFacts(one), before)
            })
          ))
      }

      it(`a snapshot that is ${how} does not hide the others`, () =>
        repository((one, store) =>
          Effect.gen(function* () {
            const second = yield* one.backup(walk({ ...tree, "x": { content: "x" } }), options)
            const third = yield* one.backup(walk({ ...tree, "y": { content: "y" } }), options)
            const { id } = second.snapshot!
            yield* damage(store, `metadata/${id.slice(0, 2)}/${id}`)
            const all = yield* one.snapshots
            assert.equal(all.length, 2)
            assert.deepEqual(all.map(({ id }) => id).includes(third.snapshot!.id), true)
            assert.ok((yield* one.check({ readData: 0 })).findings.some(({ object }) => object.includes(id)))
          })
        ))

      it(`a head that is ${how} is made again`, () =>
        repository((one, store) =>
          Effect.gen(function* () {
            yield* one.backup(walk({ ...tree, "x": { content: "x" } }), options)
            yield* one.backup(walk(tree), { ...options, hostname: "other" })
            const before = yield* one.snapshots
            yield* damage(store, "heads/host")
            const { findings } = yield* one.check({ readData: 0 })
            // An altered bit makes it name a missing snapshot.
            const object = how === "altered in one bit" ? /^metadata/ : /^heads.host$/
            assert.ok(findings.some((finding) => object.test(finding.object)))
            const error = yield* Effect.flip(one.backup(walk(tree), options))
            assert.match(error.message, /penstock rebuild/)
            const rebuilt = yield* one.rebuild
            assert.deepEqual(rebuilt.findings, [])
            assert.deepEqual(yield* one.snapshots, before)
          })
        ))
    }

    it('without any head and link, snapshots come back as those of "recovered"', () =>
      repository((one, store) =>
        Effect.gen(function* () {
          yield* one.backup(walk({ ...tree, "x": { content: "x" } }), options)
          const before = (yield* one.snapshots).map(({ id }) => id)
          for (const name of [...yield* names(store, "heads/"), ...yield* names(store, "next/")]) {
            yield* store.remove(name)
          }
          assert.deepEqual(yield* one.snapshots, [])
          const { findings, snapshots } = yield* one.rebuild
          assert.deepEqual(findings, [])
          assert.deepEqual(snapshots.map(({ hostname, id }) => [id, hostname]), before.map((id) => [id, "recovered"]))
        })
      ))
  })
}

const idOf = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest())
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

/** A repository without config and encryption, in which a stranger can make any object. */
const hostile = (root: (put: (object: Uint8Array) => Uint8Array) => Uint8Array) =>
  inStore((store) =>
    Effect.gen(function* () {
      const objects = new Map<string, Uint8Array>()
      const put = (bytes: Uint8Array): Uint8Array => {
        const id = idOf(bytes)
        objects.set(hex(id), bytes)
        return id
      }
      const snapshot = put(encodeSnapshot({ type: SNAPSHOT, createTime: 1n, root: root(put) }))
      for (const [id, bytes] of objects) yield* store.put(`metadata/${id.slice(0, 2)}/${id}`, [bytes])
      yield* store.put("heads/x", [snapshot])
      const repository = yield* small.open({})
      const problems: Array<Problem> = []
      const entries = yield* lastFacts(repository, problems)
      const { findings } = yield* repository.check({ readData: 100 })
      return { entries, problems, findings }
    })
  )

const node = (type: NodeObject["type"], name: string | Uint8Array, ...ids: ReadonlyArray<Uint8Array>): Uint8Array =>
  encodeNode({
    type,
    createTime: 1n,
    name: typeof name === "string" ? new TextEncoder().encode(name) : name,
    attributes: { mtime: 2n ** 64n - 1n, atime: 0n, ctime: 0n, mode: 0o644 },
    body: new Uint8Array(Buffer.concat(ids)),
  })

describe("a hostile bkp repository", () => {
  it("gives no entry with an invalid name, out of order or twice", async () => {
    const bad = ["..", ".", "a/b", "", "nul\0", "/"]
    const { entries, findings, problems } = await hostile((put) =>
      put(node(
        TREE,
        "",
        ...bad.map((name) => put(node(FILE, name))),
        put(node(FILE, "b")),
        put(node(FILE, "b")),
        put(node(FILE, "a")),
        put(node(FILE, "c")),
      ))
    )
    assert.deepEqual([...entries.keys()], ["", "b", "c"])
    assert.equal(problems.length, bad.length + 2)
    assert.ok(findings.length >= bad.length)
  })

  it("refuses a root that is no tree with an empty name", async () => {
    for (const make of [() => node(FILE, ""), () => node(TREE, "name"), () => node(SYMLINK, "")]) {
      await assert.rejects(hostile((put) => put(make())), /root of a snapshot|not valid/)
    }
    await assert.rejects(
      hostile((put) => put(encodeSnapshot({ type: SNAPSHOT, createTime: 1n, root: new Uint8Array(32) }))),
      /is a snapshot/,
    )
    await assert.rejects(hostile(() => new Uint8Array(32)), /missing/)
  })

  it("reads deep trees up to the limit, and leaves out what is deeper", async () => {
    const { entries, problems } = await hostile((put) => {
      let inner = put(node(TREE, "d"))
      for (let i = 0; i < 3000; i++) inner = put(node(TREE, "d", inner))
      return put(node(TREE, "", inner))
    })
    assert.ok(entries.size > 2000 && entries.size < 2100)
    assert.equal(problems.length, 1)
  })

  it("is checked quickly even if it refers to the same tree many times", async () => {
    await inStore((store) =>
      Effect.gen(function* () {
        const put = (bytes: Uint8Array) => {
          const id = idOf(bytes)
          return Effect.as(store.put(`metadata/${hex(id).slice(0, 2)}/${hex(id)}`, [bytes]), id)
        }
        let children: ReadonlyArray<Uint8Array> = []
        for (let i = 0; i < 60; i++) {
          children = [yield* put(node(TREE, "a", ...children)), yield* put(node(TREE, "b", ...children))]
        }
        const root = yield* put(node(TREE, "", ...children))
        yield* store.put("heads/x", [yield* put(encodeSnapshot({ type: SNAPSHOT, createTime: 1n, root }))])
        const repository = yield* small.open({})
        assert.equal((yield* repository.check({ readData: 100 })).snapshots, 1)
        const [snapshot] = yield* repository.snapshots
        assert.equal((yield* Stream.runCollect(Stream.take(repository.entries(snapshot!), 5000))).length, 5000)
      })
    )
  })

  it("is not decompressed without limit", () =>
    inRepository((one, store) =>
      Effect.gen(function* () {
        yield* one.backup(walk(tree), options)
        const bomb = gzipSync(new Uint8Array(300 << 20))
        yield* store.put(`blocks/00/any-${"0".repeat(32)}.pack`, [bomb])
        const { findings } = yield* one.check({ readData: 0 })
        assert.deepEqual(findings.map(({ object }) => object), [`blocks/00/any-${"0".repeat(32)}.pack`])
      }), { secrets: {} }))

  it("cannot make a reader follow links in a circle", () =>
    inRepository((one, store) =>
      Effect.gen(function* () {
        yield* one.backup(walk(tree), options)
        const second = yield* one.backup(walk({}), options)
        const [first] = yield* one.snapshots
        const bytes = new Uint8Array(Buffer.from(first!.id, "hex"))
        yield* store.put(`next/host/${second.snapshot!.id}`, [bytes])
        assert.equal((yield* one.snapshots).length, 2)
        const error = yield* Effect.flip(one.backup(walk(tree), options))
        assert.equal((error as { reason: string }).reason, "corrupt")
      })
    ))
})

it("no change of its config makes an encrypted repository of bkp look unencrypted", () =>
  inRepository((one, store) =>
    Effect.gen(function* () {
      yield* one.backup(walk(tree), options)
      const open = (given: Secrets) =>
        Effect.map(Effect.flip(small.open(given)), (error) => (error as RepositoryError).reason)
      yield* store.remove("config")
      assert.equal(yield* open(secrets), "unused-secret")
      const plain = yield* small.open({})
      assert.equal((yield* plain.snapshots).length, 0, "nothing of it can be read")
      yield* plain.rebuild
      assert.ok(!(yield* names(store)).includes("config"))
    })
  ))

it("a rebuild makes a lost config without a key again, and says so", () =>
  inRepository((one, store) =>
    Effect.gen(function* () {
      yield* one.backup(walk(tree), options)
      const config = yield* store.get("config", { atMost: Infinity })
      yield* store.remove("config")
      const opened = yield* small.open({})
      const rebuilt = yield* opened.rebuild
      assert.deepEqual([rebuilt.findings, rebuilt.rebuiltObjects], [[], ["config"]])
      assert.equal((yield* store.get("config", { atMost: Infinity })).length, config.length)
      assert.deepEqual((yield* opened.rebuild).rebuiltObjects, [])
    }), { secrets: {} }))

it("contents with the same first 96 bits of their hashes make a run fail, and are not lost", () =>
  inStore(() =>
    Effect.gen(function* () {
      const weak: KernelTable = {
        "hash:sha256": () => {
          const { digest } = makeKernel(sha256, nativeKernels)
          const weakened = (bytes: Uint8Array) => digest(bytes).fill(0, 0, 12)
          return trusted({ digest: weakened, create: () => assert.fail("Chunks are hashed at once") })
        },
      }
      const repository = yield* Effect.provideService(small.create(secrets), Kernels, weak)
      const error = yield* Effect.flip(
        repository.backup(walk({ "a": { content: "1" }, "b": { content: "2" } }), options),
      )
      assert.match(error.message, /"b".*96 bits/)
      assert.deepEqual(yield* repository.snapshots, [])
    })
  ))
