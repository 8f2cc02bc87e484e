/** Two threads that write at the same time: order, directories that are replaced or left, and failures. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { it } from "node:test"
import { Effect, Exit, Fiber, type Scope } from "effect"
import { Batches } from "../../../adapters/files/target/batches.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import type { TargetOptions, Written } from "../../../stages/walk/target.ts"
import { skipIf } from "../../skip.ts"
import { file, hostile } from "../../suites/target.ts"
import { list, temporaryDirectory } from "./plant.ts"

const target = localTarget.make({ threadAfter: 0 })
const run = <A>(body: (directory: string) => Effect.Effect<A, unknown, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryDirectory, body)))
/** Writes all entries with one call, so that as many as possible are under way at the same time. */
const write = (root: string, entries: ReadonlyArray<Entry>, options: TargetOptions = {}) =>
  Effect.scoped(Effect.gen(function* () {
    const session = yield* target.open(root, options)
    const results = yield* session.write(entries)
    assert.deepEqual(results.map(({ path }) => path), entries.map(({ path }) => path))
    return [...results, ...yield* session.finish]
  }))
const failed = (results: ReadonlyArray<Written>) =>
  results.filter(({ outcome }) => outcome === "failed").map(({ path }) => path)
const directory = (path: string, mode = 0o755, mtime = 7_000_000_000n): Entry => ({
  path,
  kind: "directory",
  metadata: { mode, mtime },
  size: 0,
})
const symlink = (path: string, target: string): Entry => ({ path, kind: "symlink", metadata: {}, size: 0, target })
/** The content of a path beneath a directory. */
const within = (at: string, entry: Entry): Entry => ({
  ...entry,
  path: entry.path === "" || entry.path.startsWith("/") ? entry.path : `${at}/${entry.path}`,
  ...(entry.linkTo === undefined || entry.linkTo.startsWith("/") ? {} : { linkTo: `${at}/${entry.linkTo}` }),
  ...(entry.target?.startsWith("../") ? { target: `../${entry.target}` } : {}),
})

it("nothing outside changes by hostile entries that are under way at the same time", () =>
  run((base) =>
    Effect.gen(function* () {
      fs.mkdirSync(`${base}/outside`)
      fs.writeFileSync(`${base}/outside/secret`, "secret")
      const before = list(`${base}/outside`)
      const entries = hostile.flatMap(([, tricks], n) => [
        directory(`n${n}`),
        ...Array.from({ length: 40 }, (_, i) => file(`n${n}/file-${i}`, "x")),
        ...tricks.map((entry) => within(`n${n}`, entry)),
      ])
      const results = yield* write(`${base}/target`, [directory(""), ...entries])
      assert.deepEqual(list(`${base}/outside`), before)
      assert.deepEqual(fs.readdirSync(base).sort(), ["outside", "target"])
      for (const n of hostile.keys()) {
        const names = fs.readdirSync(`${base}/target/n${n}`)
        assert.equal(names.filter((name) => name.startsWith("file-")).length, 40)
        assert.deepEqual(names.filter((name) => name.startsWith(".penstock")), [])
      }
      assert.ok(failed(results).length >= hostile.length - 2)
    })
  ))

it("a directory in which files are being written is not replaced by a symlink", () =>
  run((base) =>
    Effect.gen(function* () {
      fs.mkdirSync(`${base}/outside`)
      const results = yield* write(`${base}/target`, [
        directory(""),
        file("0", "x"),
        file("1", "x"),
        directory("d"),
        ...Array.from({ length: 300 }, (_, i) => file(`d/${i}`, "x".repeat(i))),
        symlink("d", "../outside"),
        file("d/evil", "x"),
      ])
      assert.deepEqual(fs.readdirSync(`${base}/outside`), [])
      assert.deepEqual(failed(results), ["d"])
      assert.equal(fs.readdirSync(`${base}/target/d`).length, 301)
    })
  ))

it("files, links to them, two files of one path, and directories that come twice", () =>
  run((base) =>
    Effect.gen(function* () {
      const mtime = 1_600_000_000_000_000_000n
      const metadata = { mode: 0o640, mtime }
      const results = yield* write(`${base}/target`, [
        directory("", 0o711),
        file("a", "first", { metadata }),
        file("b", "second", { metadata }),
        file("c", "third", { metadata }),
        file("link", "third", { linkTo: "c", metadata }),
        file("c", "fourth", { metadata }),
        file("g", "one file", { metadata }),
        file("h", "one file", { linkTo: "g", metadata }),
        file("i", "soon a symlink", { metadata }),
        symlink("i", "a"),
        directory("d", 0o555),
        ...Array.from({ length: 200 }, (_, i) => file(`d/${i}`, String(i), { metadata })),
        directory("e", 0o500),
        file("e/x", "x", { metadata }),
        directory("f"),
        // Not depth-first: the walk has already left `d`.
        file("d/late", "late", { metadata }),
        file("e/x/y", "beneath a file"),
        directory("e/x", 0o700),
        file("e/x/y", "beneath what was a file"),
        file("f", "in the place of an empty directory", { metadata }),
      ])
      assert.deepEqual(failed(results), ["e/x/y"])
      const at = `${base}/target`
      assert.deepEqual(
        ["a", "b", "c", "link", "d/0", "d/199", "d/late", "e/x/y", "f"].map((name) =>
          fs.readFileSync(`${at}/${name}`, "utf8")
        ),
        [
          "first",
          "second",
          "fourth",
          "third",
          "0",
          "199",
          "late",
          "beneath what was a file",
          "in the place of an empty directory",
        ],
      )
      assert.equal(fs.lstatSync(`${at}/g`).nlink, 2)
      assert.equal(fs.readlinkSync(`${at}/i`), "a")
      const facts = (name: string) => {
        const { mode, mtimeMs } = fs.lstatSync(`${at}/${name}`)
        return `${(mode & 0o7777).toString(8)} ${Math.round(mtimeMs)}`
      }
      assert.deepEqual(["", "d", "e", "e/x"].map(facts), ["711 7000", "555 7000", "500 7000", "700 7000"])
      assert.deepEqual(["a", "c", "d/7", "d/late", "f"].map(facts), Array(5).fill(`640 ${mtime / 1_000_000n}`))
      assert.ok(![...list(at).keys()].some((name) => name.includes(".penstock")))
    })
  ))

it("an interrupted restore leaves only whole files", () =>
  run((base) =>
    Effect.gen(function* () {
      const content = "x".repeat(20_000)
      const entries = [directory(""), ...Array.from({ length: 2000 }, (_, i) => file(`f${i}`, content))]
      const fiber = yield* Effect.forkChild(write(`${base}/target`, entries))
      while (!fs.existsSync(`${base}/target/f300`)) yield* Effect.sleep(1)
      yield* Fiber.interrupt(fiber)
      for (const name of fs.readdirSync(`${base}/target`)) {
        assert.match(name, /^f\d+$/)
        assert.equal(fs.statSync(`${base}/target/${name}`).size, content.length)
      }
    })
  ))

it("all files are written without the thread too", () =>
  run((base) =>
    Effect.gen(function* () {
      fs.mkdirSync(`${base}/d`)
      const batches = new Batches(".temporary-", 0)
      assert.throws(() => batches.takes(1))
      yield* Effect.promise(() => batches.settle())
      assert.equal(batches.takes(1), true)
      const facts = { temporary: 0, made: 0o600, uid: -1, gid: -1, mode: -1, time: NaN }
      batches.add("a", `${base}/d/a`, new Uint8Array(3), facts)
      batches.add("b", `${base}/gone/b`, new Uint8Array(3), facts)
      assert.throws(() => batches.check("a"))
      assert.deepEqual(yield* Effect.promise(() => batches.settle()), ["b"])
      assert.deepEqual(fs.readdirSync(`${base}/d`), ["a"])
      yield* Effect.promise(() => batches.stop())
      assert.equal(batches.takes(1), false)
    })
  ))

const mount = (at: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      fs.mkdirSync(at)
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", at], { stdio: "ignore" })
    }),
    () => Effect.sync(() => execFileSync("umount", [at])),
  )
const mountable = Exit.isSuccess(
  await Effect.runPromiseExit(Effect.scoped(Effect.flatMap(temporaryDirectory, (base) => mount(`${base}/m`)))),
)

it(
  ...skipIf(!mountable && "it needs the right to mount", "a full disk stops the restore, and leaves only whole files"),
  () =>
    run((base) =>
      Effect.gen(function* () {
        yield* mount(`${base}/small`)
        const entries = [directory("d"), ...Array.from({ length: 300 }, (_, i) => file(`d/${i}`, new Uint8Array(8192)))]
        const exit = yield* Effect.exit(write(`${base}/small`, entries))
        assert.match(JSON.stringify(exit), /"full"/)
        for (const name of fs.readdirSync(`${base}/small/d`)) {
          assert.match(name, /^\d+$/)
          assert.equal(fs.statSync(`${base}/small/d/${name}`).size, 8192)
        }
      })
    ),
)
