/**
 * Whether the tests notice wrong code: `node tests/mutants.ts --seed 1 --count 40`.
 *
 * Draws by seed small wrong changes (tests/mutants/changes.ts) of decoders, stores and stages, makes each in a copy of
 * the checkout, and runs the tests that reach the changed file by what they import, the nearest first, until one fails.
 * Changes that do not compile are drawn again. Files of adapters/ are tested on the three runtimes, others, which are
 * portable, on Node.
 *
 * Prints a line for each: where, the change, and the test that caught it, or that it survived. One that was still
 * running its tests after `--limit` seconds (600) has survived so far: the line says how many files there were. A test
 * that fails without the change, too, has caught nothing.
 *
 * `--from N` starts with another number than 1, so that `--from 11 --count 10` is the second of four slices. What is
 * known is kept in tmp/mutants/ for as long as no source changes, so that the same command goes on where it was
 * stopped.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { dirname, join, resolve } from "node:path"
import process from "node:process"
import { parseArgs } from "node:util"
import { distancesFrom } from "./imports.ts"
import { type Change, changed, changesOf, kinds, randomOf } from "./mutants/changes.ts"
import { readDurations, testFiles } from "./runner/files.ts"
import { isClean, makeRunner } from "./runner/process.ts"
import { runtimes } from "./runtimes/command.ts"

const root = resolve(import.meta.dirname, "..")
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "40" },
    from: { type: "string", default: "1" },
    limit: { type: "string", default: "600" },
  },
})
const [seed, count, from, limit] = [values.seed, values.count, values.from, values.limit].map(Number) as [
  number,
  number,
  number,
  number,
]

/** Where changes are made: the decoders and encoders of the formats, the stores, the stages. */
const areas = ["formats/", "adapters/store/", "stages/"] as const

/** What became of a mutant. */
interface Outcome {
  readonly number: number
  readonly where: string
  readonly change: string
  readonly result: string
  readonly caught: boolean
  readonly seconds: number
}

const git = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
if (git.status !== 0) throw new Error(`git cannot list the files of the checkout: ${git.stderr}`)
const tracked = git.stdout.split("\0").filter((path) => path !== "" && existsSync(join(root, path)))
const stamp = createHash("sha256")
for (const path of tracked) stamp.update(path).update(readFileSync(join(root, path)))

const work = join(root, "tmp/mutants")
const notes = join(work, `${seed}-${stamp.digest("hex").slice(0, 12)}.jsonl`)
mkdirSync(work, { recursive: true })
const known = new Map(
  (existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [])
    .map((line) => JSON.parse(line) as Outcome).map((outcome) => [outcome.number, outcome]),
)

/** The copy: the files, and the packages by hard links, or by a symbolic one where that cannot be. */
const tree = mkdtempSync(join(work, "tree-"))
const runner = makeRunner(tree, Math.min(120, limit))
const end = (): void => {
  runner.stop()
  rmSync(tree, { recursive: true, force: true })
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    end()
    process.exit(130)
  })
}
const copy = (): void => {
  for (const path of tracked) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    copyFileSync(join(root, path), join(tree, path))
  }
  if (spawnSync("cp", ["-al", join(root, "node_modules"), join(tree, "node_modules")]).status !== 0) {
    rmSync(join(tree, "node_modules"), { recursive: true, force: true })
    symlinkSync(join(root, "node_modules"), join(tree, "node_modules"))
  }
}

const compiles = (): boolean =>
  spawnSync(
    join(tree, "node_modules/.bin/tsc"),
    // What is not used any more is no error of the types.
    ["-p", tree, "--noUnusedLocals", "false", "--noUnusedParameters", "false", "--noImplicitReturns", "false"],
    { stdio: "ignore" },
  ).status === 0

const read = (path: string): string => readFileSync(join(root, path), "utf8")
const sites = new Map(areas.map((area) => [
  area,
  tracked.filter((path) => path.startsWith(area) && path.endsWith(".ts"))
    .flatMap((path) => changesOf(read(path)).map((change) => ({ path, change }))),
]))

/**
 * Makes the n-th change that compiles, and leaves it in the tree. Each number has its own draws, so that slices need
 * not know of others.
 */
const draw = (number: number): { readonly path: string; readonly change: Change } => {
  const random = randomOf(seed, number)
  const pick = <A>(from: ReadonlyArray<A>): A => from[Math.floor(random() * from.length)]!
  for (;;) {
    const [area, kind] = [pick(areas), pick(kinds)]
    const site = pick(sites.get(area)!.filter(({ change }) => change.kind === kind))
    if (site === undefined) continue
    writeFileSync(join(tree, site.path), changed(read(site.path), site.change))
    if (compiles()) return site
    writeFileSync(join(tree, site.path), read(site.path))
  }
}

const tests = testFiles(join(root, "tests"), readDurations())
  .map((file) => ({ ...file, distances: distancesFrom(root, file.label) }))

/** The test files that reach a source, with the nearest first, and of those the quickest. */
const relevant = (path: string): ReadonlyArray<string> =>
  tests.filter(({ distances }) => distances.has(path))
    .sort((a, b) => a.distances.get(path)! - b.distances.get(path)! || a.seconds - b.seconds)
    .map(({ label }) => label)

/** Test files, with the runtime, that pass without a change, or do not. */
const sound = new Map<string, boolean>()

const tryOut = async (number: number): Promise<Outcome> => {
  const { path, change } = draw(number)
  const started = performance.now()
  const seconds = (): number => Math.round((performance.now() - started) / 1000)
  const source = read(path)
  const line = source.slice(0, change.offset).split("\n").length
  const told = {
    number,
    where: `${path}:${line}`,
    change: `${change.kind}: ${shorten(change.from)} → ${shorten(change.to)}`,
  }
  const files = relevant(path)
  const on = path.startsWith("adapters/") ? runtimes : ["node"] as const
  try {
    for (const [done, label] of files.entries()) {
      for (const runtime of on) {
        if (seconds() > limit) {
          return { ...told, caught: false, result: `SURVIVED ${done} of ${files.length} files`, seconds: seconds() }
        }
        const file = join(tree, label)
        const run = (await runner.run(runtime, [file])).get(file)!
        if (isClean(run)) continue
        const key = `${runtime} ${label}`
        if (!sound.has(key)) {
          writeFileSync(join(tree, path), source)
          sound.set(key, isClean((await runner.run(runtime, [file])).get(file)!))
          writeFileSync(join(tree, path), changed(source, change))
        }
        if (sound.get(key) === false) continue
        const by = run.results.find(({ outcome }) => outcome === "failed")?.name ?? run.faults[0] ?? ""
        return { ...told, caught: true, result: `${label} on ${runtime}: ${shorten(by)}`, seconds: seconds() }
      }
    }
    return { ...told, caught: false, result: `SURVIVED all of ${files.length} files`, seconds: seconds() }
  } finally {
    writeFileSync(join(tree, path), source)
  }
}

const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, " ")
  return line.length > 70 ? `${line.slice(0, 69)}…` : line
}

const print = ({ change, number, result, seconds, where }: Outcome): void =>
  console.log(`${String(number).padStart(3)}  ${where.padEnd(44)} ${change}\n     ${result} (${seconds} s)`)

try {
  const outcomes: Array<Outcome> = []
  for (let number = from; number < from + count; number++) {
    let outcome = known.get(number)
    if (outcome === undefined) {
      if (!existsSync(join(tree, "package.json"))) copy()
      outcome = await tryOut(number)
      appendFileSync(notes, `${JSON.stringify(outcome)}\n`)
    }
    outcomes.push(outcome)
    print(outcome)
  }
  const caught = outcomes.filter((outcome) => outcome.caught).length
  console.log(`seed ${seed}: ${caught} caught, ${outcomes.length - caught} survived`)
  for (const [key, good] of sound) if (!good) console.log(`${key} fails without any change, and was left out`)
} finally {
  end()
}
