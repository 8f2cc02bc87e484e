/** Buzhash by WebAssembly: the cuts of stages/chunk/buzhash.ts, at usual sizes in less time. */
import * as Redacted from "effect/Redacted"
import { type BuzhashParams, makeBuzhash } from "../../stages/chunk/buzhash.ts"
import { buzhashTables } from "../../stages/chunk/buzhash_tables.ts"
import type { Chunker } from "../../stages/kernel/kernel.ts"
import { trusted } from "../../stages/kernel/trusted.ts"
import { BUZHASH_WASM } from "./buzhash_wasm.ts"
import { instancesOf } from "./instance.ts"

/** What the module exports. See buzhash.as. */
interface Scanner {
  readonly memory: WebAssembly.Memory
  readonly find: (at: number, end: number, window: number, mask: number) => number
}

/** Where content begins in the module's memory: behind the tables. */
const CONTENT = 2048

/** Positions that are looked at in one call, at most. The window of the last is in memory, too: up to 65,535 bytes. */
const PART = 131_072

const scanner = instancesOf<Scanner>(BUZHASH_WASM)

/** Whether {@link wasmBuzhash} runs as WebAssembly here. */
export const hasWasmBuzhash = (): boolean => scanner() !== undefined

/**
 * Kernel of `buzhash`. Where WebAssembly is missing, this is the portable chunker, whose cuts are the same. Throws
 * KernelError `unsupported` for options that are missing or out of range.
 */
export const wasmBuzhash = (params: BuzhashParams): Chunker => {
  const portable = makeBuzhash(params)
  const module = scanner()
  if (module === undefined) return portable
  const { find, memory } = module
  const { average, minimum, seed, window } = params
  const { enter, leave } = buzhashTables(Redacted.isRedacted(seed) ? Redacted.value(seed) : seed, window)
  const view = new DataView(memory.buffer)
  for (let byte = 0; byte < 256; byte++) {
    view.setInt32(4 * byte, enter[byte]!, true)
    view.setInt32(1024 + 4 * byte, leave[byte]!, true)
  }
  const held = new Uint8Array(memory.buffer)
  const { maximum } = portable
  // What is copied beyond a cut is useless, and each call goes through a whole window first.
  const part = Math.min(PART, Math.max(2048, 2 * average, 2 * window))
  return trusted<Chunker>({
    maximum,
    cut: (bytes, from, to) => {
      const end = Math.min(to, from + maximum)
      const last = end - window
      for (let at = from + minimum; at < last; at += part) {
        const stop = Math.min(last, at + part)
        held.set(bytes.subarray(at, stop + window), CONTENT)
        const found = find(CONTENT, CONTENT + stop - at, window, average - 1)
        if (found !== 0) return at + found - CONTENT
      }
      return end
    },
  })
}
