/** Paths that are too long for a system call: everything beneath them is kept or named. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { describe, it } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { DESCRIPTORS } from "../../../adapters/files/system/descriptors.ts"
import { localSource } from "../../../adapters/files/source/source.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { DEPTH_MAXIMUM } from "../../../stages/walk/path.ts"
import { skipIf } from "../../skip.ts"
import { writeEntries } from "../../suites/target.ts"
import { temporaryDirectory } from "./plant.ts"

const run = <A>(body: (directory: string) => Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryDirectory, body)))
const walk = (root: string, hold = true) =>
  Effect.map(
    Stream.runCollect(localSource.make({ hold }).entries(root, {})),
    (entries): ReadonlyArray<Entry> => entries,
  )

/**
 * Makes nested directories with a few files in the last one, by a shell that takes a few thousand bytes of path at a
 * time. One by one, a process for each would take most of the time of these tests.
 */
const plantDeep = (root: string, name: string, levels: number, last: string): void => {
  fs.mkdirSync(root)
  const atOnce = Math.max(1, Math.floor(3000 / (name.length + 1)))
  const steps: Array<string> = []
  for (let left = levels; left > 0; left -= atOnce) {
    const path = Array(Math.min(left, atOnce)).fill(name).join("/")
    steps.push(`mkdir -p ${path} && cd -P ${path} || exit 1`)
  }
  execFileSync("sh", [], { cwd: root, input: [...steps, last].join("\n"), stdio: ["pipe", "ignore", "ignore"] })
}
/**
 * One line for each file, by programs that go name by name themselves. Without the times of directories, which are
 * those of now.
 */
const listDeep = (root: string): string => {
  const find = (...args: ReadonlyArray<string>): string =>
    execFileSync("find", [".", ...args], { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 })
  return find("-type", "d", "-printf", "%m %p\\n") + find("!", "-type", "d", "-printf", "%y %m %T@ %s %l %n %p\\n") +
    find("-type", "f", "-execdir", "sha256sum", "{}", ";")
}

const cannotHold = DESCRIPTORS === undefined && "this system cannot hold directories"
const LEAVES = "echo text > file; ln file hard; ln -s nowhere link; mkfifo fifo; mkdir empty; " +
  "head -c 100000 /dev/zero > zeros; touch -h -d @1000 . file link fifo empty zeros"

describe("paths of more than 4,096 bytes", () => {
  for (const [levels, name] of [[40, "d".repeat(200)], [500, "d".repeat(10)]] as const) {
    it(
      ...skipIf(cannotHold, `${levels} nested directories are walked, read, restored, and unchanged afterwards`),
      () =>
        run((base) =>
          Effect.gen(function* () {
            plantDeep(`${base}/from`, name, levels, LEAVES)
            const entries = yield* walk(`${base}/from`)
            assert.equal(entries.length, 1 + levels + 6)
            assert.ok(entries.at(-1)!.path.length > 4096)
            for (const threadAfter of [Infinity, 0]) {
              const target = localTarget.make({ threadAfter })
              for (const outcome of ["written", "unchanged"]) {
                const results = yield* writeEntries(target, `${base}/to-${threadAfter}`, entries)
                assert.deepEqual(results.filter((result) => "message" in result), [])
                assert.deepEqual(results.slice(1).filter((result) => result.outcome !== outcome), [])
              }
              // These come without a message.
              assert.ok(listDeep(`${base}/to-${threadAfter}`) === listDeep(`${base}/from`))
            }
          })
        ),
    )
  }

  it("where directories cannot be held, paths that are too deep are named", () =>
    run((base) =>
      Effect.gen(function* () {
        plantDeep(`${base}/from`, "d".repeat(200), 40, "echo text > file")
        const entries = yield* walk(`${base}/from`, false)
        const { kind, path, problem } = entries.at(-1)!
        assert.equal(kind, "unreadable")
        assert.match(problem!, /name too long/i)
        assert.ok(path.length < 4096 + 201)
        const whole: ReadonlyArray<Entry> = Array.from({ length: 40 }, (_, i) => ({
          path: Array(i + 1).fill("d".repeat(200)).join("/"),
          kind: "directory",
          metadata: {},
          size: 0,
        }))
        const results = yield* writeEntries(localTarget.make({ hold: false }), `${base}/to`, whole)
        assert.equal(results.length, 40)
        const first = results.findIndex(({ outcome }) => outcome === "failed")
        assert.ok(first > 10 && results.slice(first).every(({ outcome }) => outcome === "failed"))
        assert.match(JSON.stringify(results.at(-1)), /name too long/i)
      })
    ))

  it(
    ...skipIf(
      cannotHold,
      "the 2,048th nested directory is named once, if it is not empty",
    ),
    () =>
      run((base) =>
        Effect.gen(function* () {
          plantDeep(`${base}/from`, "d", DEPTH_MAXIMUM + 50, "touch file")
          const entries = yield* walk(`${base}/from`)
          assert.equal(entries.length, 1 + DEPTH_MAXIMUM + 1)
          const { kind, path, problem } = entries.at(-1)!
          assert.deepEqual([kind, path.length], ["unreadable", 2 * DEPTH_MAXIMUM - 1])
          assert.equal(problem, "What is in it is left out: it lies more than 2,048 directories deep")
        })
      ),
  )

  it(
    ...skipIf(cannotHold, "a directory whose content would have endless paths is named once"),
    () =>
      run((base) =>
        Effect.gen(function* () {
          plantDeep(`${base}/from`, "d".repeat(255), 260, "touch a b c")
          const entries = yield* walk(`${base}/from`)
          const odd = entries.filter(({ kind }) => kind !== "directory")
          assert.equal(odd.length, 1)
          assert.match(odd[0]!.problem!, /left out/)
          assert.equal(odd[0]!.path, entries.at(-2)!.path)
          assert.ok(odd[0]!.path.length <= 65_535 && odd[0]!.path.length > 65_000)
        })
      ),
  )
})
