/**
 * What every kernel must do. Each suite takes a spec and a table of accelerators. With an empty table it tests the
 * portable kernel. With `nativeKernels` it tests the native kernel and compares it with the portable one.
 */
import assert from "node:assert/strict"
import { describe, it } from "node:test"
import fc from "fast-check"
import {
  type Chunker,
  ID_BYTES,
  KernelError,
  type KernelSpec,
  type KernelStage,
  type KernelTable,
  makeKernel,
} from "../../stages/kernel/kernel.ts"
import { noise, prose } from "./noise.ts"

/** The reason of the KernelError that `run` throws, or "none" when it returns. Anything else thrown fails the test. */
export const reasonOf = (run: () => unknown): KernelError["reason"] | "none" => {
  try {
    run()
    return "none"
  } catch (error) {
    assert.ok(error instanceof KernelError, `not a KernelError: ${String(error)}`)
    assert.ok(error.message.length > 20)
    return error.reason
  }
}

/** Contents that kernels may get wrong: empty, tiny, around block sizes, runs, compressible and incompressible. */
const contents: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["nothing", new Uint8Array(0)],
  ["one byte", Uint8Array.of(7)],
  ...[65535, 65536, 131071, 131072, 131073].map((n) => [`${n} bytes of noise`, noise(n)] as const),
  ["300000 zeros", new Uint8Array(300_000)],
  ["prose", prose(400_000)],
  ["a view into a larger buffer", prose(70_000).subarray(1001, 66_003)],
]

const keep = <A>(input: Uint8Array, run: () => A): A => {
  const before = input.slice()
  const result = run()
  assert.ok(Buffer.compare(before, input) === 0, "the input was modified")
  return result
}

const same = (actual: Uint8Array, expected: Uint8Array): void => {
  if (Buffer.compare(actual, expected) !== 0) {
    assert.fail(`${actual.length} bytes differ from the ${expected.length} expected`)
  }
}

const both = <S extends KernelStage>(spec: KernelSpec<S>, table: KernelTable) => ({
  kernel: makeKernel(spec, table),
  portable: makeKernel(spec),
})

/** All cuts of `content` as a whole. */
export const cutsOf = (chunker: Chunker, content: Uint8Array): Array<number> => {
  const cuts: Array<number> = []
  for (let at = 0; at < content.length;) cuts.push(at = chunker.cut(content, at, content.length))
  return cuts
}

/** The same, through a buffer that gets pieces of the given sizes and keeps no more than needed. */
const cutsOfPieces = (chunker: Chunker, content: Uint8Array, sizes: ReadonlyArray<number>): Array<number> => {
  const cuts: Array<number> = []
  let held = new Uint8Array(0)
  let read = 0
  let start = 0
  for (let i = 0; start < content.length;) {
    if (held.length < chunker.maximum && read < content.length) {
      const piece = content.subarray(read, read + sizes[i++ % sizes.length]!)
      read += piece.length
      held = new Uint8Array(Buffer.concat([held, piece]))
      continue
    }
    // Bytes around the content at hand must not matter.
    const padded = new Uint8Array(held.length + 200).fill(i)
    padded.set(held, 100)
    const end = chunker.cut(padded, 100, 100 + held.length) - 100
    assert.ok(end > 0 && end <= held.length)
    cuts.push(start += end)
    held = held.slice(end)
  }
  return cuts
}

/** Laws of chunkers. All chunks but the last have at least `minimum` bytes. */
export const chunkerSuite = (
  name: string,
  spec: KernelSpec<"chunk">,
  table: KernelTable = {},
  minimum = 1,
): void => {
  describe(`chunker ${name}`, () => {
    const { kernel, portable } = both(spec, table)
    it("cuts at the same places, however the content is sliced", () => {
      fc.assert(
        fc.property(
          fc.nat(100),
          fc.nat(40_000),
          fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 }),
          (seed, length, sizes) => {
            const content = seed % 2 === 0 ? noise(length, seed) : prose(length, seed)
            const cuts = keep(content, () => cutsOf(kernel, content))
            assert.deepEqual(cutsOfPieces(kernel, content, sizes), cuts)
            assert.deepEqual(cutsOf(portable, content), cuts)
          },
        ),
        { numRuns: 40 },
      )
    })
    it("makes chunks within its bounds, which cover the content", () => {
      for (const [label, content] of contents) {
        let start = 0
        for (const end of cutsOf(kernel, content)) {
          assert.ok(end - start <= kernel.maximum, `${label}: ${end - start} bytes`)
          assert.ok(end - start >= minimum || end === content.length, `${label}: ${end - start} bytes`)
          start = end
        }
        assert.equal(start, content.length, label)
      }
    })
  })
}

/** Laws of hashers. */
export const hasherSuite = (name: string, spec: KernelSpec<"hash">, table: KernelTable = {}): void => {
  describe(`hasher ${name}`, () => {
    const { kernel, portable } = both(spec, table)
    it("agrees with the portable hasher, whole and in pieces", () => {
      fc.assert(
        fc.property(fc.nat(9000), fc.array(fc.nat(4000), { maxLength: 5 }), (length, sizes) => {
          const content = noise(length, length)
          const expected = portable.digest(content)
          assert.equal(expected.length, ID_BYTES)
          same(keep(content, () => kernel.digest(content)), expected)
          const state = kernel.create()
          let at = 0
          for (const size of sizes) state.update(content.subarray(at, at += size))
          state.update(content.subarray(at))
          same(state.digest(), expected)
        }),
        { numRuns: 60 },
      )
      const large = noise(1_500_000)
      same(kernel.digest(large), portable.digest(large))
    })
    it("keeps states apart and returns fresh arrays", () => {
      const a = kernel.create()
      const b = kernel.create()
      a.update(Uint8Array.of(1))
      b.update(Uint8Array.of(2))
      const first = a.digest()
      same(first, portable.digest(Uint8Array.of(1)))
      assert.equal(first.constructor, Uint8Array)
      assert.equal(first.buffer.byteLength, ID_BYTES)
      first.fill(0)
      same(b.digest(), portable.digest(Uint8Array.of(2)))
      same(kernel.digest(Uint8Array.of(1)), portable.digest(Uint8Array.of(1)))
    })
  })
}

/**
 * Laws of compressors. `shrinks`: the factor by which prose must shrink at least, 1 by default. `detectsTruncation`:
 * false for a compressor whose output has no end mark.
 */
export const compressorSuite = (
  name: string,
  spec: KernelSpec<"compress">,
  table: KernelTable = {},
  options: { readonly shrinks?: number; readonly detectsTruncation?: boolean } = {},
): void => {
  describe(`compressor ${name}`, () => {
    const { kernel, portable } = both(spec, table)
    it("decodes what it encoded, and what the portable compressor encoded", () => {
      for (const [label, content] of contents) {
        const encoded = keep(content, () => kernel.encode(content))
        same(kernel.encode(content), encoded)
        for (const decoder of [kernel, portable]) {
          same(keep(encoded, () => decoder.decode(encoded, content.length)), content)
        }
        same(kernel.decode(portable.encode(content), content.length), content)
        assert.ok(encoded.length <= content.length + 64 + content.length / 4096, label)
      }
      const content = prose(400_000)
      assert.ok(kernel.encode(content).length * (options.shrinks ?? 1) <= content.length + 200)
    })
    it("decodes any small content as it was", () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
          const encoded = kernel.encode(content)
          same(kernel.decode(encoded, content.length), content)
          same(portable.decode(encoded, content.length), content)
          same(kernel.decode(portable.encode(content), 1000), content)
        }),
        { numRuns: 100 },
      )
    })
    it("refuses content beyond the limit", () => {
      for (const [label, content] of contents) {
        if (content.length === 0) continue
        for (const encoded of [kernel.encode(content), portable.encode(content)]) {
          assert.equal(reasonOf(() => kernel.decode(encoded, content.length - 1)), "limit", label)
          assert.equal(reasonOf(() => kernel.decode(encoded, 0)), "limit", label)
        }
      }
    })
    it("refuses input that is cut off", { skip: options.detectsTruncation === false && "it has no end mark" }, () => {
      for (const encoded of [kernel.encode(prose(3000)), portable.encode(prose(3000)), kernel.encode(prose(300_000))]) {
        for (let i = 0; i < 60; i++) {
          const length = i < 20 ? i : Math.floor(encoded.length * (i - 19) / 42)
          assert.equal(
            reasonOf(() => kernel.decode(encoded.subarray(0, length), 1 << 20)),
            "corrupt",
            `${length} bytes`,
          )
        }
      }
    })
    it("throws only KernelError for damaged bytes, and gives no more content than allowed", () => {
      const samples = [kernel.encode(prose(2000)), portable.encode(prose(2000)), kernel.encode(prose(20_000))]
      fc.assert(
        fc.property(
          fc.nat(samples.length - 1),
          fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
          fc.nat(30_000),
          (which, flips, limit) => {
            const damaged = samples[which]!.slice()
            for (const [at, change] of flips) damaged[at % damaged.length]! ^= change
            reasonOf(() => assert.ok(keep(damaged, () => kernel.decode(damaged, limit)).length <= limit))
          },
        ),
        { numRuns: 300 },
      )
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          reasonOf(() => assert.ok(kernel.decode(bytes, 500).length <= 500))
        }),
        { numRuns: 200 },
      )
    })
  })
}

/** Laws of ciphers. `other`: the same cipher under another key. */
export const cipherSuite = (
  name: string,
  spec: KernelSpec<"encrypt">,
  other: KernelSpec<"encrypt">,
  table: KernelTable = {},
): void => {
  describe(`cipher ${name}`, () => {
    const { kernel, portable } = both(spec, table)
    it("opens what it sealed, and what the portable cipher sealed", () => {
      for (const [, content] of contents) {
        for (const aad of [undefined, new Uint8Array(0), noise(33)]) {
          const sealed = keep(content, () => kernel.seal(content, aad))
          assert.equal(sealed.length, content.length + kernel.overhead)
          same(keep(sealed, () => kernel.open(sealed, aad)), content)
        }
      }
      for (const content of [new Uint8Array(0), noise(1), noise(100_001)]) {
        same(portable.open(kernel.seal(content, noise(5)), noise(5)), content)
        same(kernel.open(portable.seal(content, noise(5)), noise(5)), content)
      }
    })
    it("seals the same message differently each time", () => {
      const sealed = Array.from({ length: 500 }, () => Buffer.from(kernel.seal(Uint8Array.of(1))).toString("hex"))
      assert.equal(new Set(sealed).size, sealed.length)
    })
    it("refuses any flipped bit, any cut, another key and other additional data", () => {
      const aad = Uint8Array.of(1, 2, 3)
      const sealed = kernel.seal(noise(20), aad)
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const altered = sealed.slice()
        altered[bit >> 3]! ^= 1 << (bit & 7)
        assert.equal(reasonOf(() => kernel.open(altered, aad)), "forged", `bit ${bit}`)
      }
      for (let length = 0; length < sealed.length; length++) {
        assert.equal(reasonOf(() => kernel.open(sealed.subarray(0, length), aad)), "forged", `${length} bytes`)
      }
      assert.equal(reasonOf(() => kernel.open(new Uint8Array([...sealed, 0]), aad)), "forged")
      assert.equal(reasonOf(() => kernel.open(sealed)), "forged")
      assert.equal(reasonOf(() => kernel.open(sealed, Uint8Array.of(1, 2))), "forged")
      assert.equal(reasonOf(() => makeKernel(other, table).open(sealed, aad)), "forged")
      assert.equal(reasonOf(() => kernel.open(noise(200))), "forged")
    })
  })
}
