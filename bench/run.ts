/** A whole run: corpora, tools, rounds, and the three files of results. What `pipelines.ts` and `peers.ts` share. */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, cpus, release, tmpdir, totalmem } from "node:os"
import { basename, join, resolve } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { CORPORA, type Corpus, makeCorpus } from "./corpora.ts"
import { plot } from "./plot.ts"
import { markdown, type Results } from "./results.ts"
import { type CorpusResult, measureCorpus, measureTree } from "./rounds.ts"
import type { Missing, Tool } from "./tools.ts"

const root = resolve(import.meta.dirname, "..")
const git = (...args: ReadonlyArray<string>): string =>
  spawnSync("git", ["-C", root, ...args], { encoding: "utf8" }).stdout?.trim() ?? ""

const machine = (described: string, scratch: string): Results["machine"] => {
  const cpu = cpus()[0]?.model.trim() ?? "unknown"
  const kernel = `${process.platform} ${/^\d+\.\d+/.exec(release())?.[0] ?? release()} ${process.arch}`
  const [cores, memory] = [availableParallelism(), totalmem()]
  const description = described || `${cores} cores, ${Math.round(memory / 2 ** 30)} GiB, ${cpu}, ${kernel}`
  const fileSystem = spawnSync("stat", ["-f", "-c", "%T", scratch], { encoding: "utf8" }).stdout?.trim() || "unknown"
  return { description, cores, memory, cpu, kernel, fileSystem }
}

/**
 * Measures and writes `NAME.json`, `NAME.md` and `NAME.svg`. The first of the tools is the one that ratios are of. The exit code is 1 when a tool failed
 * or restored something else than the source; it never depends on a time.
 */
export const run = async (
  name: string,
  runtimes: ReadonlyArray<string>,
  list: (runtimes: ReadonlyArray<string>) => Array<Tool | Missing>,
): Promise<void> => {
  const { values } = parseArgs({
    options: {
      corpus: { type: "string", multiple: true, default: ["small", "large", "media"] },
      scale: { type: "string", default: "1" },
      runs: { type: "string", default: "3" },
      runtime: { type: "string", multiple: true, default: [...runtimes] },
      seed: { type: "string", default: "1" },
      name: { type: "string", default: name },
      out: { type: "string", default: join(import.meta.dirname, "results") },
      scratch: { type: "string", default: tmpdir() },
      machine: { type: "string", default: "" },
      commit: { type: "string" },
      note: { type: "string", default: "" },
    },
  })
  const [scale, runs] = [Number(values.scale), Number(values.runs)]
  if (!(scale > 0) || !(runs >= 1)) throw new Error("--scale is above 0, --runs at least 1")
  const listed = list(values.runtime)
  const tools = listed.filter((tool): tool is Tool => !("missing" in tool))
  const missing = listed.filter((tool): tool is Missing => "missing" in tool)
  if (tools[0] === undefined) throw new Error("there is no tool to measure")
  for (const tool of tools) console.error(`${tool.name}: ${tool.version}`)
  for (const tool of missing) console.error(`${tool.name}: missing, ${tool.missing}`)

  const parts: Array<CorpusResult> = []
  const corpora: Array<Results["corpora"][number]> = []
  const date = new Date().toISOString()
  for (const wanted of values.corpus) {
    const generated = (CORPORA as ReadonlyArray<string>).includes(wanted)
    if (!generated && !existsSync(wanted)) {
      throw new Error(`${wanted} is neither a folder nor one of ${CORPORA.join(", ")}`)
    }
    const corpus = generated ? wanted : basename(resolve(wanted))
    const scratch = mkdtempSync(join(values.scratch, "penstock-bench-"))
    try {
      const source = join(scratch, "source")
      if (generated) makeCorpus(corpus as Corpus, source, { seed: values.seed, scale })
      // A copy, because it will be edited.
      else cpSync(wanted, source, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
      corpora.push({ name: corpus, scale: generated ? scale : null, ...measureTree(source) })
      parts.push(await measureCorpus({ corpus, source, scratch, tools, runs, log: console.error }))
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  const results: Results = {
    name: values.name,
    date,
    machine: machine(values.machine, values.scratch),
    commit: values.commit ??
      git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--untracked-files=no") && "+"),
    command: [
      `npm run bench:${name} --`,
      ...values.corpus.map((one) => `--corpus ${basename(one)}`),
      ...values.runtime.map((one) => `--runtime ${one}`),
      `--scale ${scale} --runs ${runs}`,
    ].join(" "),
    note: values.note,
    seed: values.seed,
    runs,
    tools: tools.map(({ name, kind, version }) => ({ name, kind, version })),
    missing,
    corpora,
    samples: parts.flatMap((part) => part.samples),
    stored: parts.flatMap((part) => part.stored),
    faults: parts.flatMap((part) => part.faults),
  }
  mkdirSync(values.out, { recursive: true })
  const at = join(values.out, values.name)
  writeFileSync(`${at}.json`, `${JSON.stringify(results, null, 2)}\n`)
  writeFileSync(`${at}.md`, markdown(results))
  writeFileSync(`${at}.svg`, plot(results))
  console.error(`written: ${at}.json, .md, .svg`)
  if (results.faults.length > 0) process.exitCode = 1
}
