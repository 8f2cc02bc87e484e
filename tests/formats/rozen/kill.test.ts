/** A backup that is killed at any moment leaves nothing to repair, and the next run uses the chunks that it stored. */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { it } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import { localStore } from "../../../adapters/store/local/local.ts"
import { ObjectStore } from "../../../stages/store/store.ts"
import { factsOf } from "../../suites/format/facts.ts"
import { noise } from "../../suites/noise.ts"
import { runFormat } from "../../suites/format/environment.ts"
import { memoryDirectory } from "../../adapters/store/local/directory.ts"
import { childCommand } from "../../child.ts"
import { kindOf, secrets, small } from "./harness.ts"
import { isOfStoppedRun } from "../../suites/format/faults.ts"

const script = fileURLToPath(import.meta.resolve("./child.ts"))
const KILLS = 10

/** 2,000 files of 58 MB in 40 directories. */
const plant = (root: string): void => {
  for (let d = 0; d < 40; d++) {
    mkdirSync(join(root, `d${d}`), { recursive: true })
    for (let f = 0; f < 50; f++) {
      writeFileSync(join(root, `d${d}`, `f${f}`), noise(f % 5 === 4 ? 64 << 10 : 20_000 + f, 1 + d * 50 + f))
    }
  }
}

/**
 * Runs the child; kills it so many milliseconds after it began to work. Gives what it printed, and how long it worked.
 */
const backup = async (
  store: string,
  source: string,
  killAfter?: number,
): Promise<{ readonly out: string; readonly worked: number }> => {
  const [program, ...args] = childCommand(script)
  const child = spawn(program, [...args, "backup", store, source], { stdio: ["ignore", "pipe", "pipe"] })
  let out = ""
  let errors = ""
  let began = 0
  let worked = 0
  child.stderr.on("data", (part) => errors += part)
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line === "ready") {
      began = performance.now()
      if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter)
    } else {
      out += line
      worked = performance.now() - began
    }
  })
  const [code] = await once(child, "close")
  if (killAfter === undefined) assert.equal(code, 0, errors)
  return { out, worked }
}

it("ten kills at random moments", { timeout: 120_000 }, () =>
  runFormat(Effect.gen(function* () {
    const directory = yield* memoryDirectory
    const tree = join(directory, "tree")
    plant(tree)

    const seed = Date.now() % 100_000
    console.log(`seed ${seed}`)
    // The moments are spread over the time that a run takes; a first guess of it shrinks with every run that ends
    // before it is killed.
    let span = 1000
    let repositoryPath = join(directory, "0")
    let packs = 0
    for (const [i, moment] of new Uint32Array(noise(KILLS * 4, seed).buffer).entries()) {
      const after = (moment / 2 ** 32) * span
      const { out, worked } = yield* Effect.promise(() => backup(repositoryPath, tree, after))
      const store = yield* localStore.make(repositoryPath, { create: true })
      const objects = yield* Stream.runCollect(store.list(""))
      packs = objects.filter(({ name }) => kindOf(name) === "roz").length
      console.log(
        `killed after ${Math.round(after)} ms: ${objects.length} objects, ${packs} packs${out && ", was done"}`,
      )
      if (!objects.some(({ name }) => kindOf(name) === "key")) continue
      const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
      const { findings } = yield* repository.check({ readData: 0 })
      // Between the key and the config there is a moment; the next run makes up for it.
      const config = objects.some(({ name }) => name === "ROZEN.json")
      assert.deepEqual(
        findings.filter((one) => !isOfStoppedRun(one)).map(({ object }) => object),
        config ? [] : ["ROZEN.json"],
        `after ${after} ms, seed ${seed}`,
      )
      if (out === "") continue
      // This one was not killed: the next starts anew, unless it is the last.
      span = Math.min(span, worked)
      if (i < KILLS - 1) repositoryPath = join(directory, `${i + 1}`)
    }
    const store = yield* localStore.make(repositoryPath, { create: true })
    const { out } = yield* Effect.promise(() => backup(repositoryPath, tree))
    const summary = JSON.parse(out)
    assert.deepEqual(summary.problems, [])
    if (packs > 0) assert.ok(summary.chunksReused > 0, `${packs} packs were there, and nothing of them was reused`)
    const repository = yield* Effect.provideService(small.open(secrets), ObjectStore, store)
    const { findings } = yield* repository.check({ readData: 100 })
    assert.deepEqual(findings.filter((one) => !isOfStoppedRun(one)), [])
    const facts = yield* factsOf(repository.entries((yield* repository.snapshots).at(-1)!))
    let files = 0
    for (const name of readdirSync(tree, { recursive: true, encoding: "utf8" })) {
      const fact = facts.get(name)!
      if (fact.kind !== "file") continue
      files++
      assert.equal(fact.content, createHash("sha256").update(readFileSync(join(tree, name))).digest("hex"), name)
    }
    assert.equal(files, 2000)
  })))
