/**
 * Does each work with each tool, again and again, side by side: A B A B.
 *
 * A round makes a new repository for each tool. Within a round, the tools take turns at each work, so that everything
 * else that the machine does affects all of them alike. The costs of a round count only if the tree that the tool
 * restored in it is the source. The first round warms up and does not count, unless it is asked for. Files are in the
 * page cache. Written data is flushed (`sync`) before each work, so that no tool pays for the one before.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { difference } from "./compare.ts"
import { edit, regularFiles, sizeOf } from "./corpora.ts"
import { between, type Traffic } from "./counting_proxy.ts"
import { type Cost, measure } from "./measure.ts"
import { type Place, type Tool, type Work, WORKS } from "./tool.ts"

/** Costs of one work by one tool, one for each round that counts, in the order of the rounds. */
export interface Sample {
  readonly corpus: string
  readonly tool: string
  readonly work: Work
  readonly costs: ReadonlyArray<WorkCost & { readonly round: number }>
}

/** What a work cost. With the traffic, if repositories are on a server. */
export interface WorkCost extends Cost {
  readonly traffic?: Traffic
}

/** A server that holds the repositories, instead of a folder. */
export interface Server {
  /** The location of a new repository. */
  readonly repository: () => string
  /** The traffic so far. */
  readonly traffic: () => Traffic
}

/** The size of a repository after the first backup and after that of the edited files, in bytes. */
export interface Stored {
  readonly corpus: string
  readonly tool: string
  readonly first: number
  readonly edited: number
  /** The part after the first backup that is not content: catalogs, indexes, keys. Null if that is not known. */
  readonly catalog: number | null
}

export interface CorpusResult {
  readonly samples: ReadonlyArray<Sample>
  readonly stored: ReadonlyArray<Stored>
  /** What went wrong, one sentence each. */
  readonly faults: ReadonlyArray<string>
}

/** How to measure tools on one corpus. */
export interface CorpusOptions {
  readonly corpus: string
  /** The tree of the corpus, which is edited. */
  readonly source: string
  /** A folder for repositories and restored trees. */
  readonly scratch: string
  readonly tools: ReadonlyArray<Tool>
  /** Rounds that count. */
  readonly runs: number
  /** Do not warm up: the first round counts. */
  readonly cold: boolean
  readonly log: (line: string) => void
  readonly server?: Server
}

const flush = (folder: string): void => {
  spawnSync("sync", ["-f", folder])
}

/** One tool in one round. */
class Turn {
  readonly tool: Tool
  readonly costs = new Map<Work, WorkCost>()
  /** Sizes of the repository, in bytes. */
  stored: { first?: number; content?: number; edited?: number } = {}
  readonly #place: Place
  readonly #options: CorpusOptions

  constructor(tool: Tool, place: Place, options: CorpusOptions) {
    this.tool = tool
    this.#place = place
    this.#options = options
  }

  async prepare(): Promise<void> {
    mkdirSync(this.#place.home, { recursive: true })
    mkdirSync(this.#place.target)
    await this.tool.setUp?.(this.#place)
    for (const command of this.tool.prepare(this.#place)) await measure(command)
  }

  /** Does a work and measures it. Rejects if it fails, or if a restored tree is not the source. */
  async perform(work: Work): Promise<void> {
    const { scratch, server } = this.#options
    const command = this.tool.works[work]
    if (command === undefined) return
    flush(scratch)
    const before = server?.traffic()
    const cost = await measure(command(this.#place))
    const traffic = before && { traffic: between(before, server!.traffic()) }
    this.costs.set(work, { ...cost, ...traffic })
    if (work === "restore") this.#compare()
    else if (server === undefined) this.#weigh(work)
  }

  #compare(): void {
    const { source, target } = this.#place
    const found = difference(source, target, this.tool.kept)
    if (found !== undefined) throw new Error(`the restored tree differs from the source: ${found}`)
    rmSync(target, { recursive: true })
  }

  #weigh(work: Work): void {
    if (work === "backup") {
      const content = this.tool.content?.(this.#place)
      this.stored = { first: sizeOf(this.#place.repository), ...(content === undefined ? {} : { content }) }
    } else if (work === "edited") this.stored.edited = sizeOf(this.#place.repository)
  }
}

/** Measures the tools on one corpus. Resolves even if tools fail: a tool that failed once is left out from then on. */
export const measureCorpus = async (options: CorpusOptions): Promise<CorpusResult> => {
  const { cold, corpus, log, runs, scratch, server, source, tools } = options
  const counted = new Map<string, Array<WorkCost & { round: number }>>()
  const stored = new Map<string, Stored>()
  const faults: Array<string> = []
  const failed = new Set<Tool>()

  for (let round = cold ? 1 : 0; round <= runs; round++) {
    const folder = join(scratch, `round-${round}`)
    const turns = tools.map((tool, i) => {
      const at = (name: string): string => join(folder, String(i), name)
      const repository = server?.repository() ?? at("repository")
      return new Turn(tool, { source, repository, target: at("target"), home: at("home") }, options)
    })
    const unlessFailed = async (tool: Tool, what: string, work: () => Promise<void>): Promise<void> => {
      if (failed.has(tool)) return
      try {
        await work()
      } catch (error) {
        const fault = `${corpus}, round ${round}: ${tool.name} ${what}: ${
          error instanceof Error ? error.message : error
        }`
        failed.add(tool)
        faults.push(fault)
        log(fault)
      }
    }
    for (const turn of turns) await unlessFailed(turn.tool, "prepare", () => turn.prepare())
    for (const work of WORKS) {
      if (work === "edited") edit(source, `${corpus} ${round}`)
      for (const turn of turns) await unlessFailed(turn.tool, work, () => turn.perform(work))
    }
    for (const { costs, stored: { content, edited, first }, tool } of turns) {
      if (failed.has(tool)) continue
      const line = [...costs].map(([work, cost]) => `${work} ${cost.seconds.toFixed(2)}`).join("  ")
      log(`${corpus} ${round === 0 ? "warm-up" : `round ${round}`}  ${tool.name.padEnd(16)} ${line}`)
      if (round === 0) continue
      for (const [work, cost] of costs) {
        if (tool.unreported?.includes(work)) continue
        const key = JSON.stringify([tool.name, work])
        counted.set(key, [...counted.get(key) ?? [], { ...cost, round }])
      }
      if (first === undefined) continue
      const catalog = content === undefined ? null : first - content
      stored.set(tool.name, { corpus, tool: tool.name, first, edited: edited ?? first, catalog })
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const samples = [...counted].map(([key, costs]) => {
    const [tool, work] = JSON.parse(key) as [string, Work]
    return { corpus, tool, work, costs }
  })
  return { samples, stored: [...stored.values()], faults }
}

/** The number of the regular files of a tree, and their bytes. */
export const measureTree = (folder: string): { files: number; bytes: number } => {
  const files = regularFiles(folder)
  return { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
}
