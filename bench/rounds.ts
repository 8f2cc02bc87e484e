/**
 * Does each work with each tool, again and again, side by side: A B A B.
 *
 * A round makes a new repository for each tool. Within a round, each work is done by one tool after the other, so that
 * what else the machine does hits all of them alike. Costs count only when the tree that the tool restored in that
 * round is the source. Unless told otherwise, the first round warms up and does not count. Files are in the page cache;
 * what was written is flushed (`sync`) before each work, so that nobody pays for another.
 */
import { spawnSync } from "node:child_process"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { edit, regularFiles, sizeOf } from "./corpora.ts"
import { difference } from "./compare.ts"
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

/** What a work took; with what passed to and from a server, where repositories are on one. */
export interface WorkCost extends Cost {
  readonly traffic?: Traffic
}

/** Where repositories are, when it is not a folder. */
export interface Server {
  /** The place of a new one. */
  readonly repository: () => string
  /** What has passed so far. */
  readonly traffic: () => Traffic
}

/** Sizes of a repository after the first backup and after that of the edited files, bytes. */
export interface Stored {
  readonly corpus: string
  readonly tool: string
  readonly first: number
  readonly edited: number
  /** What is not content after the first backup: catalogs, indexes, keys. */
  readonly catalog: number | null
}

export interface CorpusResult {
  readonly samples: ReadonlyArray<Sample>
  readonly stored: ReadonlyArray<Stored>
  /** What went wrong, a sentence each. */
  readonly faults: ReadonlyArray<string>
}

const flush = (folder: string): void => {
  spawnSync("sync", ["-f", folder])
}

/** Measures the tools on the tree `source`, which is edited, in `scratch`. Resolves even when tools fail. */
export const measureCorpus = async (options: {
  readonly corpus: string
  readonly source: string
  readonly scratch: string
  readonly tools: ReadonlyArray<Tool>
  readonly runs: number
  /** Whether the first round counts. */
  readonly cold: boolean
  readonly log: (line: string) => void
  readonly server?: Server
}): Promise<CorpusResult> => {
  const { cold, corpus, source, scratch, server, tools, runs, log } = options
  const counted = new Map<string, Array<WorkCost & { round: number }>>()
  const stored = new Map<string, Stored>()
  const faults: Array<string> = []
  const failed = new Set<Tool>()

  for (let round = cold ? 1 : 0; round <= runs; round++) {
    const folder = join(scratch, `round-${round}`)
    const placeOf = new Map<Tool, Place>()
    const costs = new Map<Tool, Map<Work, WorkCost>>(tools.map((tool) => [tool, new Map()]))
    const sizes = new Map<string, number>()
    const attempt = async (tool: Tool, what: string, run: () => Promise<void>): Promise<void> => {
      if (failed.has(tool)) return
      try {
        await run()
      } catch (error) {
        failed.add(tool)
        faults.push(
          `${corpus}, round ${round}: ${tool.name} ${what}: ${error instanceof Error ? error.message : error}`,
        )
        log(faults.at(-1)!)
      }
    }
    for (const [i, tool] of tools.entries()) {
      const at = (name: string): string => join(folder, String(i), name)
      const repository = server?.repository() ?? at("repository")
      const place = { source, repository, target: at("target"), home: at("home") }
      placeOf.set(tool, place)
      mkdirSync(place.home, { recursive: true })
      mkdirSync(place.target)
      await attempt(tool, "prepare", async () => {
        await tool.setUp?.(place)
        for (const command of tool.prepare(place)) await measure(command)
      })
    }
    for (const work of WORKS) {
      if (work === "edited") edit(source, `${corpus} ${round}`)
      for (const tool of tools) {
        const command = tool.works[work]
        const place = placeOf.get(tool)!
        if (command === undefined) continue
        await attempt(tool, work, async () => {
          flush(scratch)
          const before = server?.traffic()
          const cost = await measure(command(place))
          const traffic = before && { traffic: between(before, server!.traffic()) }
          costs.get(tool)!.set(work, { ...cost, ...traffic })
          const here = server === undefined
          if (here && (work === "backup" || work === "edited")) {
            sizes.set(`${work} ${tool.name}`, sizeOf(place.repository))
          }
          if (here && work === "backup" && tool.content !== undefined) {
            sizes.set(`content ${tool.name}`, tool.content(place))
          }
          if (work === "restore") {
            const differs = difference(source, place.target, tool.kept)
            if (differs !== undefined) throw new Error(`the restored tree is not the source: ${differs}`)
            rmSync(place.target, { recursive: true })
          }
        })
      }
    }
    for (const tool of tools) {
      if (failed.has(tool)) continue
      const line = [...costs.get(tool)!].map(([work, cost]) => `${work} ${cost.seconds.toFixed(2)}`).join("  ")
      log(`${corpus} ${round === 0 ? "warm-up" : `round ${round}`}  ${tool.name.padEnd(16)} ${line}`)
      if (round === 0) continue
      for (const [work, cost] of costs.get(tool)!) {
        if (tool.unreported?.includes(work)) continue
        const key = JSON.stringify([tool.name, work])
        counted.set(key, [...counted.get(key) ?? [], { ...cost, round }])
      }
      const first = sizes.get(`backup ${tool.name}`)
      if (first === undefined) continue
      const content = sizes.get(`content ${tool.name}`)
      stored.set(tool.name, {
        corpus,
        tool: tool.name,
        first,
        edited: sizes.get(`edited ${tool.name}`) ?? first,
        catalog: content === undefined ? null : first - content,
      })
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const samples = [...counted].map(([key, costs]) => {
    const [tool, work] = JSON.parse(key) as [string, Work]
    return { corpus, tool, work, costs }
  })
  return { samples, stored: [...stored.values()], faults }
}

/** Number and bytes of the regular files of a tree. */
export const measureTree = (folder: string): { files: number; bytes: number } => {
  const files = regularFiles(folder)
  return { files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0) }
}
