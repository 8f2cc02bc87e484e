/**
 * Speed of kernels, portable and native, on the runtime that runs this file:
 *
 *   node bench/kernels.ts [chunk|hash|compress|encrypt]        deno run -A bench/kernels.ts        bun bench/kernels.ts
 *
 * MB/s of plain content (MB = 10^6 bytes), the median of the rounds. Outputs of the implementations are compared before anything is timed.
 */
import assert from "node:assert/strict"
import { cpus } from "node:os"
import process from "node:process"
import { Redacted } from "effect"
import { hasNodeChacha } from "../adapters/kernels/encrypt.ts"
import { wasmFastCdc } from "../adapters/kernels/fastcdc.ts"
import { napiBlake3, wasmBlake3 } from "../adapters/kernels/hash.ts"
import { nativeKernels } from "../adapters/kernels/native.ts"
import { fastcdc } from "../stages/chunk/fastcdc.ts"
import { adaptive } from "../stages/compress/adaptive.ts"
import { gzip } from "../stages/compress/gzip.ts"
import { zstd } from "../stages/compress/zstd.ts"
import { aes256gcm } from "../stages/encrypt/aes256gcm.ts"
import { xchacha20poly1305 } from "../stages/encrypt/xchacha20poly1305.ts"
import { blake3 } from "../stages/hash/blake3.ts"
import { sha256 } from "../stages/hash/sha256.ts"
import { type Chunker, type KernelSpec, type KernelStage, type KernelTable, makeKernel } from "../stages/kernel.ts"

const SIZES = [64 << 10, 1 << 20]
const ROUNDS = 7
const ROUND_MS = 150

/** Bytes that do not compress. */
const noise = (size: number): Uint8Array => {
  const out = new Uint8Array(size)
  for (let at = 0; at < size; at += 65536) crypto.getRandomValues(out.subarray(at, at + 65536))
  return out
}

/** Bytes that compress about threefold with zstd: words picked with a skew, among numbers. */
const text = (size: number): Uint8Array => {
  const random = new Uint32Array(noise(size * 4 + 4096).buffer)
  const letters = Array.from(
    { length: 2000 },
    (_, i) => (random[i % 1000]! % 1e9 * (i + 1)).toString(36).slice(0, 3 + i % 7),
  )
  let words = ""
  for (let i = 1000; words.length < size; i++) {
    const r = random[i]!
    words += r % 11 === 0 ? `${r % 10000}\n` : `${letters[Math.floor((r % 44721) ** 2 / 1e6)]} `
  }
  return new TextEncoder().encode(words).slice(0, size)
}

/** MB/s of `run`, which handles `size` bytes. */
const speed = (size: number, run: () => unknown): number => {
  const rates: Array<number> = []
  let calls = 1
  for (let round = 0; round < ROUNDS + 2; round++) {
    const start = performance.now()
    for (let i = 0; i < calls; i++) run()
    const elapsed = performance.now() - start
    // The first two rounds warm up and find how many calls fill a round.
    if (round < 2) calls = Math.max(1, Math.round(calls * ROUND_MS / Math.max(elapsed, 0.01)))
    else rates.push(size * calls / elapsed / 1000)
  }
  return rates.sort((a, b) => a - b)[ROUNDS >> 1]!
}

const label = (size: number): string => size < 1 << 20 ? `${size >> 10} KiB` : `${size >> 20} MiB`
const report = (what: string, size: number, implementation: string, run: () => unknown, note = ""): void =>
  console.log(
    [
      what.padEnd(26),
      label(size).padStart(7),
      implementation.padEnd(22),
      `${speed(size, run).toFixed(0)} MB/s`.padStart(11),
      note,
    ]
      .join("  ").trimEnd(),
  )

const equal = (a: Uint8Array, b: Uint8Array, what: string): void =>
  assert.ok(Buffer.compare(a, b) === 0, `${what}: the implementations disagree`)

/** Implementations of a spec: the portable one and those of tables. */
const made = <S extends KernelStage>(spec: KernelSpec<S>, tables: Readonly<Record<string, KernelTable>>) =>
  Object.entries({ portable: {}, ...tables }).map(([name, table]) => [name, makeKernel(spec, table)] as const)

const chunk = (): void => {
  const content = noise(32 << 20)
  for (const average of [4096, 65536, 1 << 20]) {
    const kernels = made(fastcdc({ average }), { WebAssembly: { "chunk:fastcdc": wasmFastCdc } })
    const cuts = (chunker: Chunker): Array<number> => {
      const ends: Array<number> = []
      for (let at = 0; at < content.length;) ends.push(at = chunker.cut(content, at, content.length))
      return ends
    }
    for (const [, kernel] of kernels) assert.deepEqual(cuts(kernel), cuts(kernels[0]![1]))
    for (const [name, kernel] of kernels) {
      report(`fastcdc, average ${label(average)}`, content.length, name, () => cuts(kernel))
    }
  }
}

const hash = (): void => {
  const napi = napiBlake3()
  const wasm = wasmBlake3()
  if (napi === undefined) console.log("@napi-rs/blake-hash does not load here: not measured")
  const tables: Record<string, KernelTable> = {
    ...(wasm === undefined ? {} : { "blake3-wasm": { "hash:blake3": () => wasm() } }),
    ...(napi === undefined ? {} : { "@napi-rs/blake-hash": { "hash:blake3": () => napi() } }),
  }
  for (const [spec, others] of [[blake3, tables], [sha256, { "node:crypto": nativeKernels }]] as const) {
    for (const size of SIZES) {
      const content = noise(size)
      const kernels = made(spec, others)
      for (const [name, kernel] of kernels) equal(kernel.digest(content), kernels[0]![1].digest(content), name)
      for (const [name, kernel] of kernels) report(spec.name, size, name, () => kernel.digest(content))
    }
  }
}

const compress = (): void => {
  const tables = { native: nativeKernels }
  for (const spec of [zstd({ level: 1 }), zstd({ level: 3 }), adaptive(zstd({ level: 3 })), gzip({ level: 6 })]) {
    for (const size of SIZES) {
      for (const [kind, content] of [["text", text(size)], ["noise", noise(size)]] as const) {
        const kernels = made(spec, tables)
        const what = `${spec.name} ${spec.params.level} ${kind}`
        const encoded = makeKernel(spec, nativeKernels).encode(content)
        for (const [name, kernel] of kernels) {
          equal(kernel.decode(encoded, size), content, what)
          equal(makeKernel(spec, nativeKernels).decode(kernel.encode(content), size), content, what)
          const ratio = (size / kernel.encode(content).length).toFixed(2)
          report(what, size, `${name} encode`, () => kernel.encode(content), `ratio ${ratio}`)
        }
        for (const [name, kernel] of kernels) report(what, size, `${name} decode`, () => kernel.decode(encoded, size))
      }
    }
  }
}

const encrypt = (): void => {
  if (!hasNodeChacha()) console.log("node:crypto has no chacha20-poly1305 here: native is the portable one")
  const key = Redacted.make(noise(32))
  for (const spec of [aes256gcm(key), xchacha20poly1305(key)]) {
    for (const size of SIZES) {
      const content = noise(size)
      const kernels = made(spec, { native: nativeKernels })
      for (const [, one] of kernels) {
        for (const [name, other] of kernels) equal(one.open(other.seal(content)), content, name)
      }
      for (const [name, kernel] of kernels) {
        const sealed = kernel.seal(content)
        report(spec.name, size, `${name} seal`, () => kernel.seal(content))
        report(spec.name, size, `${name} open`, () => kernel.open(sealed))
      }
    }
  }
}

const groups: Readonly<Record<string, () => void>> = { chunk, hash, compress, encrypt }
const { bun, deno, node, v8 } = process.versions as Record<string, string | undefined>
const runtime = bun !== undefined
  ? `Bun ${bun}`
  : deno !== undefined
  ? `Deno ${deno}, V8 ${v8}`
  : `Node ${node}, V8 ${v8}`
console.log(
  `${runtime}; ${process.platform} ${process.arch}; ${cpus().length} x ${cpus()[0]?.model}; ${
    new Date().toISOString()
  }`,
)
const chosen = process.argv.slice(2)
for (const [name, run] of Object.entries(groups)) if (chosen.length === 0 || chosen.includes(name)) run()
