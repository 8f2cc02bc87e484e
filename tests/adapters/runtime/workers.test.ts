/** A pool of threads stores what the main thread stores. A thread that fails never makes the run hang. */
import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, test } from "node:test"
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import fc from "fast-check"
import {
  adaptive,
  aes256gcm,
  blake3Keyed,
  chunk,
  type Chunker,
  compress,
  digest,
  encrypt,
  Executor,
  fastcdc,
  hash,
  type KernelSpec,
  ObjectStore,
  pack,
  type Packed,
  packs,
  type Steps,
  StoreError,
  walk,
  zstd,
} from "../../../mod.ts"
import { localSource, memoryStore, nativeKernels } from "../../../adapters/mod.ts"
import { makeWorkers } from "../../../adapters/runtime/workers.ts"
import { inline } from "../../../stages/run/executor.ts"
import { chunkCount } from "../../../stages/hash/chunk_list.ts"
import { Kernels } from "../../../stages/kernel/kernel.ts"
import type { Source } from "../../../stages/walk/source.ts"
import { noise } from "../../suites/noise.ts"

const directory = mkdtempSync(join(tmpdir(), "penstock-test-"))
after(() => rmSync(directory, { recursive: true }))
mkdirSync(join(directory, "same"))
for (let i = 0; i < 300; i++) writeFileSync(join(directory, `small-${i}`), noise(1000 + i * 37))
// The same content under many names, in units that run at the same time.
for (let i = 0; i < 40; i++) writeFileSync(join(directory, "same", String(i)), noise(700_000))
writeFileSync(join(directory, "large"), noise(20 << 20))
writeFileSync(join(directory, "empty"), "")

const key = Redacted.make(new Uint8Array(32).fill(7))

interface Result {
  readonly chunks: ReadonlyArray<readonly [path: string, chunks: string, digest: string]>
  readonly chunksNew: number
  readonly problems: ReadonlyArray<string>
}

const run = (
  threads: number,
  chunker: KernelSpec<"chunk"> = fastcdc({ average: 64 << 10 }),
  store: Layer.Layer<ObjectStore> = memoryStore.layer,
): Effect.Effect<Result, unknown> =>
  Effect.gen(function* () {
    const executor = yield* makeWorkers({ threads })
    const packed = walk(directory).pipe(
      digest(blake3Keyed(key)),
      chunk(chunker),
      hash(blake3Keyed(key)),
      compress(adaptive(zstd())),
      encrypt(aes256gcm(key)),
      pack(packs({ size: 1 << 20 })),
    )
    const entries: ReadonlyArray<Packed<Steps>> = yield* Stream.runCollect(packed).pipe(
      Effect.provideService(Executor, executor),
    )
    return {
      chunks: entries.map(({ chunks, digest = new Uint8Array(0), path }) =>
        [path, Buffer.from(chunks).toString("hex"), Buffer.from(digest).toString("hex")] as const
      ),
      chunksNew: entries[0]!.stats().chunksNew,
      problems: entries.flatMap(({ path, problem }) => problem === undefined ? [] : [`${path}: ${problem}`]),
    }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(localSource.layer, store)),
    Effect.provideService(Kernels, nativeKernels),
  )

/** A chunker that threads make from a module of its own. */
const fromModule = (source: string): KernelSpec<"chunk"> => {
  const file = join(directory, `..`, `penstock-kernel-${process.pid}-${Math.random().toString(36).slice(2)}.mjs`)
  writeFileSync(file, source)
  after(() => rmSync(file))
  const cut: Chunker = { maximum: 1 << 16, cut: (_bytes, from, to) => Math.min(to, from + (1 << 16)) }
  return { stage: "chunk", name: "own", params: {}, make: () => cut, module: new URL(`file://${file}`).href }
}

describe("a pool of threads", () => {
  test("gives the same chunks as one thread, and stores no chunk twice", async () => {
    const [one, several] = [await Effect.runPromise(run(1)), await Effect.runPromise(run(3))]
    assert.deepEqual(several.chunks, one.chunks)
    assert.equal(several.chunksNew, one.chunksNew)
    assert.deepEqual(several.problems, [])
  })

  test("runs a kernel from its module", async () => {
    const module = "export default () => ({ maximum: 65536, cut: (b, from, to) => Math.min(to, from + 65536) })"
    const own = await Effect.runPromise(run(2, fromModule(module)))
    assert.deepEqual(own, await Effect.runPromise(run(1, fromModule(module))))
  })

  test("fails when a kernel in a thread fails", async () => {
    await assert.rejects(
      Effect.runPromise(run(2, fromModule("export default () => { throw new Error('no such thing') }"))),
      /no such thing/,
    )
    await assert.rejects(
      Effect.runPromise(
        run(2, fromModule("export default () => ({ maximum: 65536, cut() { throw new Error('broken') } })")),
      ),
      /broken/,
    )
  })

  test("fails when a thread ends by itself", async () => {
    const module = "import { exit } from 'node:process'; export default () => ({ maximum: 65536, cut() { exit(3) } })"
    await assert.rejects(Effect.runPromise(run(2, fromModule(module))), /A worker thread/)
  })

  test("fails with the error of the store, and not with that of the threads which end because of it", async () => {
    const full = new StoreError({ reason: "full", object: "x", message: "no space is left" })
    const failing = (store: typeof ObjectStore.Service): typeof ObjectStore.Service => ({
      ...store,
      put: () => Effect.fail(full),
      create: () => Effect.fail(full),
    })
    for (let round = 0; round < 2; round++) {
      const store = Effect.map(memoryStore.make(), failing)
      await assert.rejects(Effect.runPromise(run(2, undefined, Layer.effect(ObjectStore, store))), /no space is left/)
    }
  })

  test("ends when it is interrupted", async () => {
    const module = `export default () => ({ maximum: 65536, cut: (b, from, to) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
      return Math.min(to, from + 65536)
    } })`
    const fiber = Effect.runFork(run(2, fromModule(module)))
    await new Promise((resolve) => setTimeout(resolve, 500))
    await Effect.runPromise(Fiber.interrupt(fiber))
  })
})

describe("a large file on several threads", () => {
  const average = 1 << 12
  const path = join(directory, "..", `penstock-parts-${process.pid}`)
  after(() => rmSync(path, { force: true }))
  /** Few different bytes, in runs, so that there are chunks of all lengths: empty, longest and usual. */
  const pieces = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 90_000 })), { minLength: 1, maxLength: 6 })
  const store = (executor: Executor) =>
    Effect.map(
      Stream.runCollect(
        walk(path).pipe(
          chunk(fastcdc({ average })),
          hash(blake3Keyed(key)),
          compress(adaptive(zstd())),
          encrypt(aes256gcm(key)),
          pack(packs({ size: 1 << 18, blockBytes: 1 << 14 })),
        ),
      ).pipe(Effect.provideService(Executor, executor), Effect.provide(memoryStore.layer)),
      ([file]) => ({
        chunks: Buffer.from(file!.chunks).toString("hex"),
        size: file!.size,
        mtime: file!.metadata.mtime,
        warning: file!.warning,
        added: file!.stats().bytesAdded,
        chunksNew: file!.stats().chunksNew,
      }),
    )

  test("has the same chunks as on one thread, each stored once", async () => {
    await Effect.runPromise(
      Effect.gen(function* () {
        const executor = yield* makeWorkers({ threads: 3, partBytes: 1 << 14 })
        const run = (content: Uint8Array) =>
          Effect.gen(function* () {
            writeFileSync(path, content)
            assert.deepEqual(yield* store(executor), yield* store(inline))
          })
        // More than the 4 MiB that this thread reads before it starts others.
        yield* run(noise(5 << 20))
        const services = yield* Effect.context<Source>()
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(pieces, async (pieces) => {
              const content = Buffer.concat(
                pieces.map(([kind, length]) => kind === 0 ? new Uint8Array(length) : noise(length, kind)),
              )
              await Effect.runPromise(Effect.provide(run(content), services))
            }),
            { numRuns: 25 },
          )
        )
      }).pipe(Effect.scoped, Effect.provide(localSource.layer), Effect.provideService(Kernels, nativeKernels)),
    )
  })
})

describe("a large file that goes wrong on several threads", () => {
  const path = join(directory, "..", `penstock-wrong-${process.pid}`)
  after(() => rmSync(path, { force: true }))
  const store = (cut: string) =>
    Effect.runPromise(
      Effect.gen(function* () {
        writeFileSync(path, noise(5 << 20))
        const executor = yield* makeWorkers({ threads: 3, partBytes: 1 << 18 })
        const chunker = fromModule(
          `import { utimesSync } from "node:fs"; import { exit } from "node:process"; let n = 0
          export default () => ({
            maximum: 65536,
            cut(bytes, from, to) { ${cut}; return Math.min(to, from + 65536) },
          })`,
        )
        const [file] = yield* Stream.runCollect(
          walk(path).pipe(chunk(chunker), hash(blake3Keyed(key)), pack(packs())),
        ).pipe(Effect.provideService(Executor, executor))
        return file!
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.mergeAll(localSource.layer, memoryStore.layer)),
        Effect.provideService(Kernels, nativeKernels),
      ),
    )

  test("is stored with a warning when it changes each time", async () => {
    const changed = await store(`utimesSync(${JSON.stringify(path)}, 1, ++n)`)
    assert.match(changed.warning!, /changed while it was read/)
    assert.equal(changed.size, 5 << 20)
    assert.equal(chunkCount(changed.chunks), 80)
  })

  test("fails when a kernel fails or a thread ends", async () => {
    await assert.rejects(store("if (++n > 30) throw new Error('broken')"), /broken/)
    await assert.rejects(store("if (++n > 30) exit(3)"), /A worker thread/)
  })
})

test("a plan runs on this thread when only this thread can make one of its kernels", async () => {
  const cut: Chunker = { maximum: 1 << 16, cut: (_bytes, from, to) => Math.min(to, from + (1 << 16)) }
  const { chunksNew } = await Effect.runPromise(
    run(2, { stage: "chunk", name: "closure", params: {}, make: () => cut }),
  )
  assert.ok(chunksNew > 300)
})
