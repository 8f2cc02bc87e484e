/** A whole run: corpora, tools, rounds and files of results. `pipelines.ts`, `peers.ts` and `remote.ts` share it. */
import { cpSync, existsSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join, resolve } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { wholeFidelity } from "../stages/walk/fidelity.ts"
import { builtInFormats } from "../cli/repository/formats.ts"
import { lostOf } from "./compare.ts"
import { CORPORA, type Corpus, makeCorpus } from "./corpora.ts"
import { commit, machine } from "./machine.ts"
import { plot } from "./plot.ts"
import { type Runtime, runtimesOf } from "./programs.ts"
import { markdown, type Results } from "./results.ts"
import { type CorpusResult, measureCorpus, measureTree, type Server } from "./rounds.ts"
import { withScratch } from "./scratch.ts"
import type { Missing, Tool } from "./tool.ts"
import { writeResults } from "./write.ts"

/** Where repositories are. */
export interface Distance {
  /** Follows the name of the corpus in results. */
  readonly label: string
  /** Absent if they are in a folder. */
  readonly server?: Server
}

/** The same tools, with the one of that name first. Ratios are relative to the first. */
const baseFirst = (tools: ReadonlyArray<Tool>, name: string | undefined): ReadonlyArray<Tool> => {
  if (name === undefined) return tools
  const base = tools.find((tool) => tool.name === name)
  if (base === undefined) {
    throw new Error(`--base ${name} is not one of the tools: ${tools.map(({ name }) => name).join(", ")}`)
  }
  return [base, ...tools.filter((tool) => tool !== base)]
}

const shellWord = (word: string): string => /^[\w-]+$/.test(word) ? word : `'${word}'`

/**
 * Measures tools as the arguments of the command say, and writes `NAME.json`, `NAME.md` and `NAME.svg`. Ratios are
 * relative to the first tool. The exit code is 1 if a tool failed or restored a tree that differs from the source; it
 * never depends on a time.
 */
export const measureTools = async (
  name: string,
  runtimes: ReadonlyArray<Runtime>,
  list: (runtimes: ReadonlyArray<Runtime>, formats: ReadonlyArray<string>) => Promise<ReadonlyArray<Tool | Missing>>,
  distances: ReadonlyArray<Distance> = [{ label: "" }],
): Promise<void> => {
  const { values } = parseArgs({
    options: {
      corpus: { type: "string", multiple: true, default: ["small", "large", "media"] },
      scale: { type: "string", default: "1" },
      runs: { type: "string", default: "3" },
      cold: { type: "boolean", default: false },
      runtime: { type: "string", multiple: true, default: [...runtimes] },
      format: { type: "string", multiple: true, default: [builtInFormats[0]!.name] },
      tool: { type: "string", multiple: true, default: [] },
      base: { type: "string" },
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
  if (!(scale > 0) || !(runs >= 1)) throw new Error("--scale must be above 0, and --runs at least 1")
  const wanted = (tool: Tool | Missing): boolean =>
    values.tool.length === 0 || values.tool.includes(tool.name) || tool.name.startsWith("penstock ")
  const listed = (await list(runtimesOf(values.runtime), values.format)).filter(wanted)
  const odd = values.tool.find((name) => !listed.some((tool) => tool.name === name))
  if (odd !== undefined) throw new Error(`${odd} is not one of the tools`)
  const tools = baseFirst(listed.filter((tool): tool is Tool => !("missing" in tool)), values.base)
  const missing = listed.filter((tool): tool is Missing => "missing" in tool)
  if (tools[0] === undefined) throw new Error("No tool can be measured")
  for (const tool of tools) console.error(`${tool.name}: ${tool.version}`)
  for (const tool of missing) console.error(`${tool.name}: missing, ${tool.missing}`)

  const parts: Array<CorpusResult> = []
  const corpora: Array<Results["corpora"][number]> = []
  const date = new Date().toISOString()
  for (const given of values.corpus) {
    const generated = (CORPORA as ReadonlyArray<string>).includes(given)
    if (!generated && !existsSync(given)) {
      throw new Error(`${given} is neither a folder nor one of ${CORPORA.join(", ")}`)
    }
    const corpus = generated ? given : basename(resolve(given))
    for (const { label, server } of distances) {
      await withScratch(values.scratch, async (scratch) => {
        const source = join(scratch, "source")
        if (generated) makeCorpus(corpus as Corpus, source, { seed: values.seed, scale })
        // A copy, because it is edited.
        else cpSync(given, source, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
        const name = `${corpus}${label}`
        corpora.push({ name, scale: generated ? scale : null, ...measureTree(source) })
        parts.push(
          await measureCorpus({
            corpus: name,
            source,
            scratch,
            tools,
            runs,
            cold: values.cold,
            log: console.error,
            ...(server === undefined ? {} : { server }),
          }),
        )
      })
    }
  }
  const results: Results = {
    name: values.name,
    date,
    machine: machine(values.machine, values.scratch),
    commit: values.commit ?? commit(),
    command: [
      `npm run bench:${name} --`,
      ...values.corpus.map((one) => `--corpus ${basename(one)}`),
      ...values.format.length === 1 && values.format[0] === builtInFormats[0]!.name
        ? []
        : values.format.map((one) => `--format ${one}`),
      ...values.runtime.map((one) => `--runtime ${one}`),
      ...values.tool.map((one) => `--tool ${one}`),
      ...values.base === undefined ? [] : [`--base ${shellWord(values.base)}`],
      `--scale ${scale} --runs ${runs}${values.cold ? " --cold" : ""}`,
    ].join(" "),
    note: values.note,
    seed: values.seed,
    runs,
    cold: values.cold,
    tools: tools.map(({ name, kind, version, kept }) => ({ name, kind, version, lost: lostOf(kept ?? wholeFidelity) })),
    missing,
    corpora,
    samples: parts.flatMap((part) => part.samples),
    stored: parts.flatMap((part) => part.stored),
    faults: parts.flatMap((part) => part.faults),
  }
  writeResults(values.out, results, markdown(results), plot(results))
  if (results.faults.length > 0) process.exitCode = 1
}
