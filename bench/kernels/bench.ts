/** Times kernels on the runtime that runs this file, and compares their outputs. */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import {
  type KernelOf,
  type KernelSpec,
  type KernelStage,
  type KernelTable,
  makeKernel,
} from "../../stages/kernel/kernel.ts"
import { type Spread, spread } from "../spread.ts"

/** The kinds of kernels that can be asked for. */
export const GROUPS = ["chunk", "hash", "compress", "encrypt", "catalog"] as const
export type Group = (typeof GROUPS)[number]

/** The panels of a report: the steps of a pipeline and back. */
export const PANELS = ["chunk", "hash", "compress", "decompress", "seal", "open", "catalog"] as const
export type Panel = (typeof PANELS)[number]

/** The speed of one implementation. */
export interface Speed {
  readonly type: "speed"
  readonly panel: Panel
  /** What it does: `fastcdc, average 1 MiB`; `zstd 3, text`. */
  readonly what: string
  readonly implementation: string
  /** Bytes of each call; null if that has no meaning. */
  readonly size: number | null
  readonly unit: "MB/s" | "1000 entries/s"
  readonly rate: Spread
  /** The length of the input divided by that of the output. */
  readonly ratio?: number
}

/** A digest of the output of all implementations here, for comparison with other runtimes. */
export interface Output {
  readonly type: "output"
  readonly what: string
  readonly digest: string
}

/** Something that does not run on this runtime. */
export interface Absent {
  readonly type: "absent"
  readonly what: string
}

export type Line = Speed | Output | Absent

/** How long to measure. */
export interface Effort {
  readonly rounds: number
  /** Length of a round in milliseconds. */
  readonly ms: number
  /** Entries of catalogs. */
  readonly entries: number
}

/** A speed without its rate. */
export type Timed = Omit<Speed, "type" | "rate" | "unit" | "size"> & { readonly size: number }

/** Rounds to four digits, more than any measurement is worth. */
const short = (rate: number): number => Number(rate.toPrecision(4))

export class Bench {
  readonly effort: Effort | undefined
  readonly #print: (line: Line) => void

  /** Without an effort, outputs are only compared. */
  constructor(effort: Effort | undefined, print: (line: Line) => void) {
    this.effort = effort
    this.#print = print
  }

  speed(speed: Omit<Speed, "type">): void {
    const { min, median, max } = speed.rate
    this.#print({ type: "speed", ...speed, rate: { min: short(min), median: short(median), max: short(max) } })
  }

  absent(what: string): void {
    this.#print({ type: "absent", what })
  }

  /** Throws unless all outputs are the same bytes. */
  same(what: string, outputs: ReadonlyArray<Uint8Array>): void {
    for (const output of outputs) {
      assert.ok(Buffer.compare(output, outputs[0]!) === 0, `${what}: the implementations disagree`)
    }
    if (this.effort === undefined) {
      this.#print({ type: "output", what, digest: createHash("sha256").update(outputs[0]!).digest("hex") })
    }
  }

  /**
   * Times calls of `run`, each of which handles `bytes` bytes (by default `size`). A round has as many calls as fill
   * its time. Two more rounds warm up.
   */
  time(timed: Timed, run: () => unknown, bytes: number = timed.size): void {
    if (this.effort === undefined) return
    const rates: Array<number> = []
    let calls = 1
    for (let round = -2; round < this.effort.rounds; round++) {
      const start = performance.now()
      for (let i = 0; i < calls; i++) run()
      const elapsed = performance.now() - start
      if (round < 0) calls = Math.max(1, Math.round(calls * this.effort.ms / Math.max(elapsed, 0.01)))
      else rates.push(bytes * calls / Math.max(elapsed, 0.001) / 1000)
    }
    this.speed({ ...timed, unit: "MB/s", rate: spread(rates) })
  }
}

/** A kernel with a name for reports. */
export interface Made<S extends KernelStage> {
  readonly name: string
  readonly kernel: KernelOf[S]
}

/** The implementations of a spec: the portable one, and that of each table under the name of the table. */
export const made = <S extends KernelStage>(
  spec: KernelSpec<S>,
  tables: Readonly<Record<string, KernelTable>>,
): ReadonlyArray<Made<S>> =>
  Object.entries({ portable: {}, ...tables })
    .filter(([name, table]) => name === "portable" || `${spec.stage}:${spec.name}` in table)
    .map(([name, table]) => ({ name, kernel: makeKernel(spec, table) }))
