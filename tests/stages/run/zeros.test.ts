/** Content with long runs of zeros, such as disk images: chunks of zeros are hashed, stored and decoded once. */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import { Effect, Redacted, Stream } from "effect"
import fc from "fast-check"
import { memoryStore } from "../../../adapters/store/memory/memory.ts"
import { makeRozen } from "../../../formats/rozen/mod.ts"
import { fastcdc } from "../../../stages/chunk/fastcdc.ts"
import { fixed } from "../../../stages/chunk/fixed.ts"
import { blake3 } from "../../../stages/hash/blake3.ts"
import { chunkCount, ChunkListBuilder } from "../../../stages/hash/chunk_list.ts"
import { type KernelSpec, makeKernel } from "../../../stages/kernel/kernel.ts"
import { areSharedZeros } from "../../../stages/memory/zeros.ts"
import { Lane } from "../../../stages/run/lane.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { contentStream } from "../../../stages/walk/content.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { noise } from "../../suites/noise.ts"

/** The long chunks that BLAKE3 is asked for. */
const countingHash = () => {
  const hashed: Array<number> = []
  const { digest, ...hasher } = makeKernel(blake3, {})
  const counted = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length >= 64 << 10) hashed.push(bytes.length)
    return digest(bytes)
  }
  const spec: KernelSpec<"hash"> = {
    stage: "hash",
    name: "counting",
    params: {},
    make: () => ({ ...hasher, digest: counted }),
  }
  return { hashed, spec }
}

/** The chunk list of a content by a lane, which is given it in slices. */
const listOf = (plan: ReadonlyArray<KernelSpec>, content: Uint8Array, slice = 100_000): Uint8Array => {
  const lane = new Lane(plan, {}, { blockBytes: 1 << 20, claim: () => false })
  lane.begin()
  for (let at = 0; at < content.length; at += slice) lane.push(content.subarray(at, at + slice))
  return lane.end()
}

describe("content with runs of zeros", () => {
  it("has the chunks that the chunker and the hasher give, wherever the runs lie", () => {
    const run = fc.record({ zero: fc.boolean(), length: fc.integer({ min: 1, max: 700_000 }) })
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 5 }), (runs) => {
        const content = Buffer.concat(runs.map(({ length, zero }, i) => zero ? Buffer.alloc(length) : noise(length, i)))
        for (const spec of [fastcdc({ average: 64 << 10 }), fixed({ size: 70_000 })]) {
          const { cut } = makeKernel(spec, {})
          const { digest } = makeKernel(blake3, {})
          const expected = new ChunkListBuilder()
          for (let at = 0; at < content.length;) {
            const to = cut(content, at, content.length)
            expected.add(digest(content.subarray(at, to)), to - at)
            at = to
          }
          assert.deepEqual(listOf([spec, blake3], content), expected.take())
        }
      }),
      { numRuns: 15 },
    )
  })

  it("is hashed once for each length of a chunk of zeros", () => {
    const { hashed, spec } = countingHash()
    const list = listOf([fixed({ size: 100_000 }), spec], new Uint8Array(3_150_000 + 70_000))
    assert.equal(chunkCount(list), 33)
    // Other lengths are those with which the lane proves a kernel that it does not know.
    assert.deepEqual(hashed.filter((length) => length === 100_000), [100_000])
  })

  it("comes back from a repository, with zeros that nobody decoded", () =>
    runFormat(Effect.gen(function* () {
      const store = yield* memoryStore.make()
      const format = makeRozen({ average: 64 << 10, scrypt: { n: 1024, r: 8, p: 1 } })
      const secrets = { password: Redacted.make("secret") }
      const repository = yield* Effect.provideService(format.create(secrets), ObjectStore, store)
      const content = Buffer.concat([noise(300_000, 1), Buffer.alloc(12 << 20), noise(5000, 2), Buffer.alloc(3 << 20)])
      const image = { path: "disk.img", kind: "file", metadata: {}, size: content.length, content } as const
      const { snapshot } = yield* repository.backup(Stream.succeed(image), { paths: ["/vm"] })
      const pieces = yield* repository.entries(snapshot!).pipe(
        Stream.filter(({ kind }) => kind === "file"),
        Stream.flatMap(contentStream),
        Stream.runCollect,
      )
      assert.ok(Buffer.concat(pieces).equals(content))
      const shared = pieces.filter(areSharedZeros).reduce((sum, { length }) => sum + length, 0)
      // All but the ends of the two runs, and the first chunk.
      assert.ok(shared >= 14 << 20, `${shared} bytes`)
    })))
})
