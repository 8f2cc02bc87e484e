/** Pipelines as users compose them: every packing, several orders, and back. */
// On one runtime: how stages fit together is portable; kernels, threads and packings have tests on all three.
import assert from "node:assert/strict"
import { describe, test } from "node:test"
import { Effect, Layer, Redacted, Stream } from "effect"
import {
  aes256gcm,
  archive,
  blake3,
  blake3Keyed,
  catalog,
  type CatalogError,
  chunk,
  compress,
  contents,
  decompress,
  decrypt,
  encrypt,
  entries,
  type Entry,
  fastcdc,
  fixed,
  gzip,
  hash,
  type KernelError,
  memorySource,
  type MemoryTree,
  noEncryption,
  objects,
  ObjectStore,
  pack,
  type Packing,
  packs,
  sha256,
  Source,
  sqlite,
  type SqliteEngine,
  sqliteWasm,
  type StoreError,
  unchunk,
  unpack,
  verify,
  walk,
  xchacha20poly1305,
  zstd,
} from "../../../mod.ts"
import { accelerators, memoryStore } from "../../../adapters/mod.ts"

const noise = (length: number, seed: number): Uint8Array => {
  const out = new Uint8Array(length)
  let x = seed * 2654435761 >>> 0 || 1
  for (let i = 0; i < length; i++) {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    out[i] = x >>> (x >>> 27)
  }
  return out
}

const tree: MemoryTree = {
  "": { directory: true },
  "empty": { content: "" },
  "hello": { content: "hello\n" },
  "again": { content: "hello\n" },
  "link": { symlink: "hello" },
  "zeros": { content: new Uint8Array(3 << 20) },
  "sub": { directory: true },
  "sub/noise": { content: noise(9 << 20, 7) },
  "sub/text": { content: "all work and no play\n".repeat(40_000) },
} as never

const key = Redacted.make(noise(32, 3))
const cipher = aes256gcm(key)
const engine = accelerators

/** Contents by path, read whole. */
const collect = <E, R>(stream: Stream.Stream<Entry, E, R>) =>
  Stream.runFoldEffect(stream, () => new Map<string, string>(), (found, entry) =>
    Effect.gen(function* () {
      let digest = `${entry.kind} ${entry.target ?? ""}`
      if (entry.kind === "file") {
        const parts = entry.content instanceof Uint8Array
          ? [entry.content]
          : yield* Stream.runCollect(entry.content as Stream.Stream<Uint8Array, Error>)
        const hasher = sha256.make(undefined as never).create()
        for (const part of parts) hasher.update(part)
        digest += Buffer.from(hasher.digest()).toString("hex")
      }
      return found.set(entry.path, digest)
    }))

const run = <A, E>(
  effect: Effect.Effect<A, E, ObjectStore | Source | SqliteEngine>,
  store: ObjectStore,
  layer = engine,
): Promise<A> =>
  Effect.runPromise(effect.pipe(
    Effect.provide(Layer.mergeAll(layer, Layer.succeed(Source, memorySource(tree)))),
    Effect.provideService(ObjectStore, store),
  ))

const expected = await run(
  Effect.gen(function* () {
    return yield* collect((yield* Source).entries("", {}))
  }),
  await Effect.runPromise(memoryStore.make()),
)

type Test = Effect.Effect<
  Map<string, string>,
  CatalogError | StoreError | KernelError | Error,
  ObjectStore | Source | SqliteEngine
>

const orders: Record<string, (packing: Packing) => Test> = {
  "chunk, hash, compress, encrypt": (packing) =>
    Effect.gen(function* () {
      const snapshot = yield* walk("").pipe(
        chunk(fastcdc({ average: 64 << 10 })),
        hash(blake3Keyed(key)),
        compress(zstd()),
        encrypt(cipher),
        pack(packing),
        catalog(sqlite()),
      )
      assert.equal(snapshot.files, 6)
      // The noise is new, and "hello" and the zeros repeat.
      assert.ok(snapshot.bytesAdded > 9 << 20 && snapshot.bytesAdded < snapshot.bytes, `${snapshot.bytesAdded} added`)
      return yield* collect(
        entries(snapshot).pipe(
          unpack(packing),
          decrypt(cipher),
          decompress(zstd()),
          verify(blake3Keyed(key)),
          unchunk,
          contents,
        ),
      )
    }),
  "compress, encrypt, chunk, hash, as FogSync does": (packing) =>
    Effect.gen(function* () {
      const snapshot = yield* walk("").pipe(
        compress(gzip()),
        encrypt(xchacha20poly1305(key)),
        chunk(fixed({ size: 64 << 10 })),
        hash(sha256),
        pack(packing),
        catalog(sqlite()),
      )
      return yield* collect(
        entries(snapshot).pipe(
          unpack(packing),
          verify(sha256),
          unchunk,
          decrypt(xchacha20poly1305(key)),
          decompress(gzip()),
          contents,
        ),
      )
    }),
  "chunk, compress, hash, encrypt": (packing) =>
    Effect.gen(function* () {
      const snapshot = yield* walk("").pipe(
        chunk(fixed({ size: 1 << 20 })),
        compress(zstd()),
        hash(blake3),
        encrypt(cipher),
        pack(packing),
        catalog(sqlite()),
      )
      return yield* collect(
        entries(snapshot).pipe(
          unpack(packing),
          decrypt(cipher),
          verify(blake3),
          decompress(zstd()),
          unchunk,
          contents,
        ),
      )
    }),
  "chunk, hash": (packing) =>
    Effect.gen(function* () {
      const snapshot = yield* walk("").pipe(
        chunk(fastcdc()),
        hash(blake3),
        pack(packing),
        catalog(sqlite({ seal: cipher })),
      )
      return yield* collect(
        entries(snapshot, sqlite({ seal: cipher })).pipe(unpack(packing), verify(blake3), unchunk, contents),
      )
    }),
}

const packings: Record<string, () => Packing> = {
  packs: () => packs({ size: 1 << 20, blockBytes: 128 << 10 }),
  "sealed packs": () => packs({ size: 4 << 20, seal: cipher }),
  objects,
  archive: () => archive("whole.archive", { seal: cipher }),
}

for (const [order, make] of Object.entries(orders)) {
  describe(order, () => {
    for (const [name, packing] of Object.entries(packings)) {
      test(`round trip in ${name}`, async () => {
        const store = await Effect.runPromise(memoryStore.make())
        assert.deepEqual(await run(make(packing()), store), expected)
      })
    }
  })
}

test("a round trip with portable kernels and the portable SQLite engine only", async () => {
  const store = await Effect.runPromise(memoryStore.make())
  assert.deepEqual(await run(orders["chunk, hash, compress, encrypt"]!(packs()), store, sqliteWasm), expected)
})

test("chunks that are stored are not stored again", async () => {
  const store = await Effect.runPromise(memoryStore.make())
  for (const packing of [packs(), objects()]) {
    const backup = walk("").pipe(
      chunk(fastcdc()),
      hash(blake3),
      compress(zstd()),
      encrypt(noEncryption),
      pack(packing),
      catalog(sqlite()),
    )
    const first = await run(backup, store)
    const second = await run(backup, store)
    assert.ok(first.chunksNew > 0 && first.bytesAdded > 9 << 20)
    assert.equal(second.chunksNew, 0)
    assert.equal(second.bytesStored, 0)
    assert.equal(second.chunks, first.chunks)
  }
})

test("another key is an error of the content, not wrong bytes", async () => {
  const store = await Effect.runPromise(memoryStore.make())
  const snapshot = await run(
    walk("").pipe(chunk(fastcdc()), hash(blake3), compress(zstd()), encrypt(cipher), pack(packs()), catalog(sqlite())),
    store,
  )
  const other = aes256gcm(Redacted.make(noise(32, 4)))
  const read = collect(
    entries(snapshot).pipe(unpack(packs()), decrypt(other), decompress(zstd()), verify(blake3), unchunk, contents),
  )
  await assert.rejects(run(read, store), /damaged or altered/)
})

test("an encrypted catalog that is truncated, or renamed, is refused", async () => {
  const store = await Effect.runPromise(memoryStore.make())
  const sealed = sqlite({ seal: cipher, snapshot: "a" })
  await run(walk("").pipe(chunk(fastcdc()), hash(blake3), pack(packs()), catalog(sealed)), store)
  const bytes = await Effect.runPromise(store.get("catalogs/a.sqlite", { atMost: Infinity }))
  await Effect.runPromise(store.put("catalogs/b.sqlite", [bytes]))
  await assert.rejects(run(Stream.runDrain(entries("b", sealed)), store))
  for (const cut of [1, 4, 5, 45, 100]) {
    await Effect.runPromise(store.put("catalogs/a.sqlite", [bytes.subarray(0, bytes.length - cut)], { replace: true }))
    await assert.rejects(run(Stream.runDrain(entries("a", sealed)), store))
  }
})
