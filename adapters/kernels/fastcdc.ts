/**
 * FastCDC by WebAssembly: the cuts of stages/chunk/fastcdc.ts, in less time.
 *
 * WebAssembly adds 64-bit numbers in one step, while JavaScript has to split each hash. On random data it is at least
 * about twice as fast on Node, Bun and Deno, at every average from 256 bytes to 1 MiB (`bench/kernels.ts --kernel
 * chunk`), so it is used on all three.
 */
import * as Redacted from "effect/Redacted"
import { type FastCdcParams, makeFastCdc } from "../../stages/chunk/fastcdc.ts"
import { type GearTable, gearTable } from "../../stages/chunk/gear.ts"
import type { Chunker } from "../../stages/kernel/kernel.ts"
import { trusted } from "../../stages/kernel/trusted.ts"
import { FASTCDC_WASM } from "./fastcdc_wasm.ts"
import { instancesOf } from "./instance.ts"

/** What the module exports. See fastcdc.as. */
interface Scanner {
  readonly memory: WebAssembly.Memory
  readonly find: (
    at: number,
    strict: number,
    loose: number,
    end: number,
    strictBits: number,
    looseBits: number,
  ) => number
}

/** Where content begins in the module's memory: behind the gear table. */
const CONTENT = 2048

/** Bytes that are copied into the module's memory at once: few enough to stay in the cache of the processor. */
const WINDOW = 32_768

/** Bytes before the first possible cut that are hashed without a look at the hash. */
const WARM_UP = 63

const instance = instancesOf<Scanner>(FASTCDC_WASM)

/** An instance of the module with this table, where WebAssembly runs. */
const scanner = (gear: GearTable): Scanner | undefined => {
  const made = instance()
  if (made === undefined) return undefined
  const table = new DataView(made.memory.buffer)
  for (let b = 0; b < 256; b++) {
    table.setInt32(8 * b, gear.low[b]!, true)
    table.setInt32(8 * b + 4, gear.high[b]!, true)
  }
  return made
}

/** Whether {@link wasmFastCdc} runs as WebAssembly here. */
export const hasWasmFastCdc = (): boolean => instance() !== undefined

/**
 * Kernel of `fastcdc`. Where WebAssembly is missing, this is the portable chunker, whose cuts are the same. Each
 * chunker has an instance of the module, which keeps the gear table. Throws KernelError `unsupported` for options that
 * are missing or out of range.
 */
export const wasmFastCdc = (params: FastCdcParams): Chunker => {
  const portable = makeFastCdc(params)
  const { average, minimum, seed } = params
  const module = scanner(gearTable(Redacted.isRedacted(seed) ? Redacted.value(seed) : seed))
  if (module === undefined) return portable
  const { find, memory } = module
  const held = new Uint8Array(memory.buffer)
  const { maximum } = portable
  const bits = Math.round(Math.log2(average))
  return trusted<Chunker>({
    maximum,
    cut: (bytes, from, to) => {
      if (to - from <= minimum) return to
      const end = Math.min(to, from + maximum)
      // The hash of a position ends with the byte before it, so the last byte decides nothing.
      const last = end - 1
      let unseen = WARM_UP
      for (let at = from + minimum - 64; at < last; at += WINDOW) {
        const stop = Math.min(last, at + WINDOW)
        const moved = at - CONTENT
        held.set(bytes.subarray(at, stop), CONTENT)
        const cut = find(CONTENT, CONTENT + unseen, from + average - 1 - moved, stop - moved, bits + 2, bits - 2)
        if (cut !== 0) return cut + moved
        unseen = 0
      }
      return end
    },
  })
}
