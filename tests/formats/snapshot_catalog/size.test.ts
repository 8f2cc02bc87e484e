/** How large catalogs are. The figures are in SPEC.md, section 10. */
import assert from "node:assert/strict"
import { it } from "node:test"
import { Effect, Stream } from "effect"
import type { Entry } from "../../../stages/walk/entry.ts"
import { noise } from "../../suites/noise.ts"
import { alter, catalogOf, inRepository, names, options } from "./harness.ts"

const MIB = 1 << 20

/** Files of noise of these sizes, with long paths. */
const corpus = (sizes: ReadonlyArray<number>): Stream.Stream<Entry> =>
  Stream.map(
    Stream.rechunk(Stream.fromIterable(sizes.entries()), 1),
    ([i, size]): Entry => ({
      path: `${String(i % 7)}a directory with a name/and another one/${i} a file with a name.jpeg`,
      kind: "file",
      metadata: {
        mode: 0o644,
        uid: 1000,
        gid: 1000,
        user: "somebody",
        group: "somebody",
        mtime: 1_600_000_000_123_456_789n + BigInt(i),
        ctime: 1_600_000_001_123_456_789n + BigInt(i),
        inode: BigInt(i + 1000),
        device: 1n,
      },
      size,
      content: noise(size, i + 1),
    }),
  )

const share = (title: string, sizes: ReadonlyArray<number>, most: number): void => {
  it(`a catalog has less than ${most} % of ${title}`, () =>
    inRepository((repository, store) =>
      Effect.gen(function* () {
        const summary = yield* repository.backup(corpus(sizes), options)
        const { size } = yield* store.stat(catalogOf(summary))
        const percent = 100 * size / summary.bytes
        console.log(
          `${title}: ${size} bytes of catalog for ${summary.bytes} bytes, ${percent.toFixed(3)} %, ` +
            `${(size / summary.files).toFixed(0)} per file, ${(size / summary.chunksNew).toFixed(0)} per extent`,
        )
        assert.ok(percent < most, `${percent} %`)
      }), { compress: false }))
}

share("150 files of 512 KiB", Array.from({ length: 150 }, () => MIB / 2), 0.5)
share("2 files of 48 MiB, in extents of 1 MiB", [48 * MIB, 48 * MIB], 0.1)

it("extents of 16 MiB and more are checked like others", () =>
  inRepository((repository, store) =>
    Effect.gen(function* () {
      yield* repository.backup(corpus([20 * MIB]), options)
      const found = Effect.map(repository.check({ readData: 100 }), ({ findings }) =>
        findings.map(({ object }) => object))
      assert.deepEqual(yield* found, [])
      const [extent] = yield* names(store, "extents/")
      assert.ok((yield* store.stat(extent!)).size > 16 * MIB)
      yield* alter(store, extent!, (bytes) =>
        bytes.subarray(0, 17 * MIB))
      assert.deepEqual(yield* found, [extent])
    }), { compress: false, average: 32 * MIB }))
