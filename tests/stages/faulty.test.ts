/**
 * A faulty kernel of a user's fails the backup, or does no harm: never is something lost while the backup reports
 * success.
 */
// On one runtime: the checks are portable; threads and native kernels have tests of their own.
import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, describe, test } from "node:test"
import { Cause, Effect, Exit, Redacted, type Scope, Stream } from "effect"
import {
  adaptive,
  ae,
  aes256gcm,
  aes256gcmsiv,
  blake2b256,
  blake3,
  blake3Keyed,
  buzhash,
  chacha20poly1305,
  chunk,
  compress,
  contents,
  contentStream,
  decompress,
  decrypt,
  digest,
  encrypt,
  type Entry,
  Executor,
  fastcdc,
  fixed,
  gzip,
  hash,
  inline,
  KernelError,
  type KernelSpec,
  type KernelStage,
  noCompression,
  noEncryption,
  pack,
  type Packed,
  packs,
  plan,
  rabin,
  sha256,
  sha512_256,
  type SourceError,
  type Steps,
  twofish256ctr,
  unchunk,
  unpack,
  verify,
  walk,
  whole,
  xchacha20poly1305,
  zstd,
} from "../../mod.ts"
import { extentsOr } from "../../stages/chunk/extents.ts"
import { localSource, memoryStore, nativeAgePayload, nativeKernels, nativeScrypt } from "../../adapters/mod.ts"
import { makeWorkers } from "../../adapters/runtime/workers.ts"
import { makeKernel, trusted } from "../../stages/kernel/kernel.ts"
import { isTrusted } from "../../stages/kernel/trusted.ts"
import { allFaults, faults, ownKernel, withFault } from "../suites/faulty_kernels.ts"
import { noise } from "../suites/noise.ts"

/** Faults that copies keep from doing harm: the backup is right. The others fail it. */
const HARMLESS = ["writes into the content", "gives the same memory each time"]

type Files = ReadonlyArray<readonly [path: string, content: Uint8Array]>
const filesWith = (large: number): Files => [
  ["empty", new Uint8Array(0)],
  ["large", noise(large)],
  ["small", noise(100)],
  ["text", new TextEncoder().encode("all work and no play ".repeat(1000))],
  ["zeros", new Uint8Array(50_000)],
]

const kernelsOf = (stage?: KernelStage, fault?: string) => {
  const of = <S extends KernelStage>(one: S): KernelSpec<S> => ownKernel(one, one === stage ? fault : undefined)
  return { chunk: of("chunk"), hash: of("hash"), compress: of("compress"), encrypt: of("encrypt") }
}

/** Backs up and restores: how the backup ended, and the files that came back. */
const backedUp = <R>(
  kernels: ReturnType<typeof kernelsOf>,
  entries: Stream.Stream<Entry, SourceError, R>,
  early: boolean,
) =>
  Effect.gen(function* () {
    const planned = plan(entries)
    const packing = packs({ size: 1 << 20, blockBytes: 1 << 16 })
    const late = planned.pipe(
      digest(kernels.hash),
      chunk(kernels.chunk),
      hash(kernels.hash),
      compress(kernels.compress),
      encrypt(kernels.encrypt),
      pack(packing),
    )
    const before = planned.pipe(
      compress(kernels.compress),
      encrypt(kernels.encrypt),
      chunk(kernels.chunk),
      hash(kernels.hash),
      pack(packing),
    )
    const stored: Stream.Stream<Packed<Steps>, unknown, R | Scope.Scope> = (early ? before : late) as never
    const packed: ReadonlyArray<Packed<Steps>> = yield* Stream.runCollect(stored)
    assert.deepEqual(packed.flatMap(({ problem }) => problem ?? []), [])
    // With kernels that are right, so that what comes back is what was stored.
    const own = kernelsOf()
    const stream = Stream.fromIterable(packed)
    const back = early
      ? stream.pipe(
        unpack(packing),
        verify(own.hash),
        unchunk,
        decrypt(own.encrypt),
        decompress(own.compress),
        contents,
      )
      : stream.pipe(
        unpack(packing),
        decrypt(own.encrypt),
        decompress(own.compress),
        verify(own.hash),
        unchunk,
        contents,
      )
    return yield* Stream.runCollect(
      back.pipe(
        Stream.filter(({ kind }) => kind === "file"),
        Stream.mapEffect((entry) =>
          Effect.map(
            Stream.runFold(contentStream(entry), () => Buffer.alloc(0), (all, bytes) => Buffer.concat([all, bytes])),
            (content) => [entry.path, content] as const,
          )
        ),
      ) as Stream.Stream<readonly [string, Buffer], unknown, R | Scope.Scope>,
    )
  })

const judge = (exit: Exit.Exit<Files, unknown>, files: Files, fault: string | undefined) => {
  if (fault === undefined || HARMLESS.includes(fault)) {
    if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
    const found = Object.fromEntries(exit.value)
    assert.deepEqual(Object.keys(found).sort(), files.map(([path]) => path))
    for (const [path, content] of files) assert.ok(Buffer.from(content).equals(found[path]!), path)
    return
  }
  assert.ok(Exit.isFailure(exit), "the backup reports success")
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  assert.ok(error instanceof KernelError, Cause.pretty(exit.cause))
  assert.equal(error.kernel, "own", error.message)
  assert.match(error.message, /own/)
}

interface Case {
  readonly stage?: KernelStage
  readonly fault?: string
}
const title = ({ fault, stage }: Case): string => stage === undefined ? "none" : `${stage}: ${fault}`

/** Only threads seal later. */
const ofThreads = ({ fault }: Case): boolean => fault === "seals later, and wrong" || fault === "seals never"
const here: ReadonlyArray<Case> = [{}, ...allFaults.filter((one) => !ofThreads(one))]

const few = filesWith(300_000)
const entries = Stream.fromIterable(
  few.map(([path, content]): Entry => ({ path, kind: "file", metadata: {}, size: content.length, content })),
)
for (const early of [false, true]) {
  describe(`a faulty kernel on this thread, ${early ? "before" : "after"} chunk`, () => {
    for (const one of here) {
      test(title(one), async () => {
        const exit = await Effect.runPromiseExit(
          backedUp(kernelsOf(one.stage, one.fault), entries, early).pipe(
            Effect.scoped,
            Effect.provideService(Executor, inline),
            Effect.provide(memoryStore.layer),
          ),
        )
        judge(exit, few, one.fault)
      })
    }
  })
}

const directory = mkdtempSync(join(tmpdir(), "penstock-test-"))
after(() => rmSync(directory, { recursive: true }))
// More than what no thread is started for, and of several parts.
const many = filesWith(5 << 20)
for (const [path, content] of many) writeFileSync(join(directory, path), content)

/** Threads run the same lanes: one fault of each way in which one shows, and those of threads alone. */
const inThreads: ReadonlyArray<Case> = [
  {},
  { stage: "chunk", fault: "ends where it began" },
  { stage: "chunk", fault: "writes into the content" },
  { stage: "chunk", fault: "throws" },
  { stage: "hash", fault: "gives a short name" },
  { stage: "hash", fault: "gives the same memory each time" },
  { stage: "compress", fault: "is right once" },
  { stage: "compress", fault: "gives the same memory each time" },
  { stage: "encrypt", fault: "gives zeros" },
  ...allFaults.filter(ofThreads),
]
describe("a faulty kernel in threads", () => {
  for (const one of inThreads) {
    test(title(one), async () => {
      const exit = await Effect.runPromiseExit(
        Effect.gen(function* () {
          const executor = yield* makeWorkers({ threads: 2, partBytes: 1 << 20 })
          return yield* backedUp(kernelsOf(one.stage, one.fault), walk(directory), false).pipe(
            Effect.provideService(Executor, executor),
          )
        }).pipe(Effect.scoped, Effect.provide([memoryStore.layer, localSource.layer])),
      )
      judge(exit, many, one.fault)
    })
  }
})

describe("what is trusted", () => {
  test("every kernel that comes with Penstock, portable and native: nothing is done twice for it", () => {
    const key = Redacted.make(new Uint8Array(32))
    const specs: ReadonlyArray<KernelSpec> = [
      ...[fastcdc(), fixed({ size: 10 }), whole(), rabin(), buzhash(), ae(), extentsOr(fastcdc())],
      ...[blake3, blake3Keyed(key), blake2b256, sha256, sha512_256],
      ...[noCompression, zstd(), gzip(), adaptive(zstd()), adaptive(gzip())],
      ...[
        noEncryption,
        aes256gcm(key),
        aes256gcmsiv(key),
        xchacha20poly1305(key),
        chacha20poly1305(key),
        twofish256ctr(key),
      ],
    ]
    const native = new Set(Object.keys(nativeKernels))
    for (const { make, name, params, stage } of specs) {
      assert.ok(isTrusted(make(params as never)), name)
      const accelerator = nativeKernels[`${stage}:${name}`]
      assert.ok(accelerator === undefined || isTrusted(accelerator(params as never)), name)
      native.delete(`${stage}:${name}`)
    }
    assert.deepEqual([...native], [])
    assert.ok(isTrusted(nativeScrypt) && isTrusted(nativeAgePayload(new Uint8Array(32))))
  })

  test("a copy of a trusted kernel is not", () => {
    const inner = faults.compress["forgets half of it"]!(
      trusted(ownKernel("compress").make({ stage: "compress" } as never)),
    )
    const kernel = makeKernel({ ...ownKernel("compress"), make: () => inner })
    assert.throws(() => kernel.encode(new Uint8Array(10)), KernelError)
  })

  test("of a trusted one only lengths are checked", () => {
    const spec = ownKernel("encrypt")
    const of = (fault: string) =>
      makeKernel({
        ...spec,
        make: () => trusted(withFault("encrypt", fault, spec.make({ stage: "encrypt" } as never)) as never),
      })
    assert.equal(of("gives zeros").seal(new Uint8Array(10)).length, 38)
    assert.throws(() => of("gives a byte more").seal(new Uint8Array(10)), KernelError)
  })
})
