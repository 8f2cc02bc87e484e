/**
 * A run that is killed (`kill -9`), as a part of the contract of {@link Format}: what was there stays whole, nothing
 * needs repair, and the next run completes. The other process kills itself at a chosen operation of its store, before
 * it or in the midst of it.
 */
import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { it } from "node:test"
import { fileURLToPath } from "node:url"
import { isDeepStrictEqual } from "node:util"
import { Effect, type Scope } from "effect"
import { localSource } from "../../../adapters/files/source/source.ts"
import { fault } from "../../../adapters/store/fault/fault.ts"
import type { Repository } from "../../../formats/repository.ts"
import type { SqliteEngine } from "../../../stages/catalog/sqlite/sqlite.ts"
import type { ObjectStore } from "../../../stages/store/store.ts"
import { Source } from "../../../stages/walk/source.ts"
import { memoryDirectory } from "../../adapters/store/local/directory.ts"
import { childCommand } from "../../child.ts"
import { factsOf, kept, sorted } from "./facts.ts"
import { noise } from "../noise.ts"
import { runFormat } from "./environment.ts"
import { diskStore, openIn, options, reachIn, type Subject } from "./subject.ts"
import { isOfStoppedRun } from "./faults.ts"

const child = fileURLToPath(import.meta.resolve("./child.ts"))

/** Where a run is killed: this share of its operations are done. */
const MOMENTS = [0.2, 0.6, 0.95] as const

/** 24 files of 0.5 MB in 4 directories; of the second state, some are others. */
const plant = (root: string, state: number): void => {
  for (let d = 0; d < 4; d++) {
    mkdirSync(join(root, `d${d}`), { recursive: true })
    for (let f = 0; f < 6; f++) {
      const seed = f % 2 === 0 ? 1 + d * 6 + f : 100 + state * 100 + d * 6 + f
      writeFileSync(join(root, `d${d}`, `f${f}${seed}`), noise(5000 * f + d, seed))
    }
  }
}

/** Runs a backup in another process, which kills itself at an operation. */
const killed = async (subject: Subject, repository: string, tree: string, at: number, within: boolean) => {
  const [program, ...args] = childCommand(child)
  const running = spawn(program, [...args, subject.module, repository, tree, String(at), String(within)], {
    stdio: ["ignore", "ignore", "pipe"],
  })
  let errors = ""
  running.stderr.on("data", (part) => errors += part)
  const [code, signal] = await once(running, "close")
  assert.equal(signal ?? code, "SIGKILL", errors)
}

/** The test of one format. */
export const formatKill = (subject: Subject): void => {
  const backup = (repository: Repository, tree: string) =>
    Effect.provide(
      Effect.flatMap(Source, ({ entries }) => repository.backup(entries(tree, {}), options)),
      localSource.layer,
    )
  const clean = (repository: Repository) =>
    Effect.map(
      repository.check({ readData: 100 }),
      ({ findings }) => assert.deepEqual(findings.filter((one) => !isOfStoppedRun(one)), []),
    )
  const factsAt = (index: number) => (repository: Repository) =>
    Effect.gen(function* () {
      const snapshot = (yield* repository.snapshots).at(index)!
      return sorted(kept(yield* factsOf(repository.entries(snapshot)), subject.format.fidelity, subject))
    })
  const factsOfFirst = factsAt(0)
  const factsOfLast = factsAt(-1)

  /** The next run completes on what is left in a store. */
  const completes = (
    store: ObjectStore,
    tree: string,
    right: unknown,
  ): Effect.Effect<void, unknown, SqliteEngine | Scope.Scope> =>
    Effect.gen(function* () {
      const repository = yield* reachIn(subject, store)
      const { problems } = yield* backup(repository, tree)
      assert.deepEqual(problems, [])
      assert.deepEqual(yield* factsOfLast(repository), right)
      yield* clean(yield* openIn(subject, store))
    })

  it(`${subject.name}: a run that is killed`, { timeout: 120_000 }, () =>
    runFormat(Effect.gen(function* () {
      const directory = yield* memoryDirectory
      const [first, second] = [join(directory, "first"), join(directory, "second")] as const
      plant(first, 0)
      plant(second, 1)
      const original = join(directory, "original")
      const store = yield* diskStore(subject, original)
      yield* backup(yield* reachIn(subject, store), first)
      const before = yield* factsOfLast(yield* openIn(subject, store))

      // How many operations a run has, and what it stores.
      const copy = (name: string) => {
        cpSync(original, join(directory, name), { recursive: true })
        return diskStore(subject, join(directory, name))
      }
      const counted = fault(yield* copy("counted"), { effect: "fail", nth: Infinity })
      const whole = yield* openIn(subject, counted)
      yield* backup(whole, second)
      const operations = counted.operations()
      const after = yield* factsOfLast(whole)

      for (const [i, moment] of MOMENTS.entries()) {
        const name = `killed ${i}`
        const left = yield* copy(name)
        const at = Math.max(2, Math.round(moment * operations))
        yield* Effect.promise(() => killed(subject, join(directory, name), second, at, i % 2 === 0))
        const repository = yield* openIn(subject, left)
        yield* clean(repository)
        // Late, it may have been done.
        const last = yield* factsOfLast(repository)
        const where = `killed at operation ${at} of ${operations}`
        if (!isDeepStrictEqual(last, after)) assert.deepEqual(last, before, where)
        if (subject.snapshots === true) assert.deepEqual(yield* factsOfFirst(repository), before, where)
        yield* completes(left, second, after)
      }

      // The first run of all, as it makes the repository.
      yield* Effect.promise(() => killed(subject, join(directory, "new"), second, 3, true))
      yield* completes(yield* diskStore(subject, join(directory, "new")), second, after)
    })))
}
