/** The test files: what each says of itself, and on which runtimes it runs. tests/run.ts has the rules in words. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { importsOf } from "../imports.ts"
import { type Runtime, runtimes } from "../runtimes/command.ts"

/** A test file. */
export interface TestFile {
  readonly path: string
  /** From the folder above the tests: `tests/walk/order.test.ts`. */
  readonly label: string
  /** On every runtime, on one that the day chooses, or on Node because it starts the others itself. */
  readonly runsOn: "every" | "one" | "node"
  /** Whether it must have a process of its own. */
  readonly alone: boolean
  /** How long it runs on one runtime, about. */
  readonly seconds: number
}

/** Seconds on one runtime, by label, as the last `--remember` measured them. */
export type Durations = Readonly<Record<string, number>>

const durationsFile = join(import.meta.dirname, "durations.json")

/** What was measured last. It may be stale: it decides only in what order files run, and which share a process. */
export const readDurations = (): Durations => {
  try {
    return JSON.parse(readFileSync(durationsFile, "utf8")) as Durations
  } catch {
    return {}
  }
}

/** Writes what was measured; of files that did not run, what was known before. */
export const writeDurations = (runs: ReadonlyMap<string, ReadonlyMap<Runtime, { readonly seconds: number }>>): void => {
  const known: Record<string, number> = { ...readDurations() }
  for (const [label, on] of runs) {
    const seconds = [...on.values()].map((run) => run.seconds)
    known[label] = Math.round(10 * seconds.reduce((sum, one) => sum + one, 0) / seconds.length) / 10
  }
  const there = Object.entries(known).filter(([label]) => existsSync(join(import.meta.dirname, "../..", label)))
  const lines = there.sort(([a], [b]) => a < b ? -1 : 1).map(([label, seconds]) =>
    `  ${JSON.stringify(label)}: ${seconds}`
  )
  writeFileSync(durationsFile, `{\n${lines.join(",\n")}\n}\n`)
}

/** Whether a file of tests/stages/ brings in a runtime, or a kernel that has it. */
const bringsRuntime = (specifier: string): boolean =>
  specifier.startsWith("node:") && !/^node:(test|assert)\b/.test(specifier) ||
  /(^|\/)adapters\/(?!store\/)/.test(specifier)

/** Where a file runs: the rules are in words in tests/run.ts. */
const runsOn = (label: string, source: string): TestFile["runsOn"] => {
  const said = /^\/\/ On (every runtime|one runtime|Node): ./m.exec(source)?.[1]
  if (said !== undefined) return said === "Node" ? "node" : said === "one runtime" ? "one" : "every"
  const imports = importsOf(source)
  const room = /^tests\/(formats|stages)\//.exec(label)?.[1]
  const portable = room !== undefined && !/\b\w+Suite\b/.test(source) &&
    ![label, ...imports].some((one) => one.includes("vectors")) &&
    !/\bglobalThis\b|\bskip:|\bdescribe\(\.\.\.skipIf/.test(source) &&
    (room === "formats" || !imports.some(bringsRuntime))
  return portable ? "one" : "every"
}

/** What a file may ask of its process and share it still; anything else may change the process for its neighbours. */
const HARMLESS = /\bprocess\.(argv|execPath|getgid|getuid|pid|platform|versions)\b/g

const isAlone = (source: string): boolean =>
  /^\/\/ Alone: ./m.test(source) || /\bprocess\.\w/.test(source.replace(HARMLESS, "")) ||
  /^import \{(?! versions \}).*\} from "node:process"/m.test(source) ||
  importsOf(source).some((one) => one.includes("/servers/"))

/** All test files beneath a folder, by name. */
export const testFiles = (folder: string, durations: Durations): ReadonlyArray<TestFile> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => {
      const path = join(folder, name)
      const label = relative(resolve(folder, ".."), path).replaceAll("\\", "/")
      const source = readFileSync(path, "utf8")
      return {
        path,
        label,
        runsOn: runsOn(label, source),
        alone: isAlone(source),
        seconds: durations[label] ?? 0.3 + source.length / 10_000,
      }
    })

/** FNV-1a: the same on every machine. */
const hash = (text: string): number => {
  let value = 0x811c9dc5
  for (const sign of text) value = Math.imul(value ^ sign.codePointAt(0)!, 0x01000193)
  return value >>> 0
}

/** Today's rotation: three days in a row, each file that runs on one runtime runs on another. */
export const today = (): number => Math.floor(Date.now() / 86_400_000)

/** The runtime of a file that runs on one. */
export const rotated = (label: string, rotation: number): Runtime =>
  runtimes[(hash(label) + rotation) % runtimes.length]!
