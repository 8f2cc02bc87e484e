/** The Rabin fingerprint by WebAssembly, which has numbers of 64 bits: the cuts of stages/chunk/rabin.ts. */
import { polynomialOption } from "../../stages/chunk/polynomial.ts"
import { makeRabin, type RabinParams } from "../../stages/chunk/rabin.ts"
import { rabinTables, WINDOW } from "../../stages/chunk/rabin_tables.ts"
import type { Chunker } from "../../stages/kernel/kernel.ts"
import { trusted } from "../../stages/kernel/trusted.ts"
import { instancesOf } from "./instance.ts"
import { RABIN_WASM } from "./rabin_wasm.ts"

/** What the module exports. See rabin.as. */
interface Scanner {
  readonly memory: WebAssembly.Memory
  readonly find: (at: number, end: number, mask: bigint) => number
}

/** Where content begins in the module's memory: behind the tables. */
const CONTENT = 4096

/** Positions that are looked at in one call, at most: their bytes stay in the cache of the processor. */
const PART = 32_768

const scanner = instancesOf<Scanner>(RABIN_WASM)

/** Whether {@link wasmRabin} runs as WebAssembly here. */
export const hasWasmRabin = (): boolean => scanner() !== undefined

/**
 * Kernel of `rabin`. Where WebAssembly is missing, this is the portable chunker, whose cuts are the same. Throws
 * KernelError `unsupported` for options that are missing or out of range.
 */
export const wasmRabin = (params: RabinParams): Chunker => {
  const portable = makeRabin(params)
  const module = scanner()
  if (module === undefined) return portable
  const { find, memory } = module
  const { fold, leave } = rabinTables(polynomialOption("rabin", params.polynomial))
  const view = new DataView(memory.buffer)
  for (const [base, table] of [[0, leave], [2048, fold]] as const) {
    for (let byte = 0; byte < 256; byte++) {
      view.setInt32(base + 8 * byte, table.low[byte]!, true)
      view.setInt32(base + 8 * byte + 4, table.high[byte]!, true)
    }
  }
  const held = new Uint8Array(memory.buffer)
  const { average, minimum } = params
  const { maximum } = portable
  const mask = BigInt(average - 1)
  // A cut in the first half makes the look at the second one useless.
  const part = Math.min(PART, Math.max(1024, average >>> 3))
  return trusted<Chunker>({
    maximum,
    cut: (bytes, from, to) => {
      const end = Math.min(to, from + maximum)
      for (let at = from + minimum; at < end; at += part) {
        const stop = Math.min(end, at + part)
        held.set(bytes.subarray(at - WINDOW, stop), CONTENT)
        const found = find(CONTENT + WINDOW, CONTENT + WINDOW + stop - at, mask)
        if (found !== 0) return at + found - CONTENT - WINDOW
      }
      return end
    },
  })
}
