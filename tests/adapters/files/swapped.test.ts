/**
 * Directories that another program swaps for symlinks while they are walked or restored. Nothing is written or read
 * outside.
 */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { describe, it } from "node:test"
import { Worker } from "node:worker_threads"
import { Effect, type Scope, Stream } from "effect"
import { DESCRIPTORS } from "../../../adapters/files/system/descriptors.ts"
import { holding, localContent, type LocalLocator } from "../../../adapters/files/source/content.ts"
import { localSource } from "../../../adapters/files/source/source.ts"
import { localTarget } from "../../../adapters/files/target/target.ts"
import type { Entry, ReaderContent } from "../../../stages/walk/entry.ts"
import type { Written } from "../../../stages/walk/target.ts"
import { skipIf } from "../../skip.ts"
import { readContent } from "../../suites/source.ts"
import { file } from "../../suites/target.ts"
import { list, temporaryDirectory } from "./plant.ts"

const root = process.getuid?.() === 0
const platform = DESCRIPTORS === undefined && "this system cannot hold directories"

interface Place {
  readonly base: string
  readonly target: string
  readonly outside: string
}

/** A target, and beside it a directory that must not change. It has files with restored names, and others. */
const place = <A>(
  body: (at: Place) => Effect.Effect<A, unknown, Scope.Scope>,
  others: ReadonlyArray<string> = [],
): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const base = yield* temporaryDirectory
    const [target, outside] = [`${base}/target`, `${base}/outside`] as const
    fs.mkdirSync(target)
    fs.mkdirSync(`${outside}/sub`, { recursive: true })
    for (const name of ["f", "g", "sub/f", ...others]) fs.writeFileSync(`${outside}/${name}`, "secret", { mode: 0o600 })
    fs.symlinkSync("secret", `${outside}/l`)
    const before = facts(outside)
    const result = yield* body({ base, target, outside })
    assert.deepEqual(facts(outside), before)
    return result
  })))
const facts = (at: string) => [...list(at)].map(([path, { facts, mtime }]) => `${path} ${facts} ${mtime}`)

const metadata = { mode: 0o750, mtime: 1_000_000_000n, ...(root ? { uid: 12345, gid: 12345 } : {}) }
const directory = (path: string): Entry => ({ path, kind: "directory", metadata, size: 0 })
const symlink = (path: string): Entry => ({ path, kind: "symlink", metadata, size: 0, target: "nowhere" })
const fifo = (path: string): Entry => ({ path, kind: "fifo", metadata, size: 0 })
const restored = (path: string, content = "content", more: Partial<Entry> = {}): Entry =>
  file(path, content, { metadata, ...more })

/** A file whose turn runs a callback before it is made. */
const hook = (path: string, act: () => void): Entry =>
  file(path, {
    open: () => {
      act()
      let rest = "content"
      return {
        read: (into) => {
          const { written } = new TextEncoder().encodeInto(rest, into)
          rest = ""
          return written
        },
        finish: () => ({ changed: false, size: 7, metadata: {} }),
        close: () => {},
      }
    },
  }, { size: 7, metadata })

const swap = ({ base, outside, target }: Place, name: string) => () => {
  fs.renameSync(`${target}/${name}`, `${base}/moved`)
  fs.symlinkSync(outside, `${target}/${name}`)
}

const write = (at: Place, entries: ReadonlyArray<Entry>, threadAfter: number, hold = true) =>
  Effect.scoped(Effect.gen(function* () {
    const session = yield* localTarget.make({ threadAfter, hold }).open(at.target, { devices: true })
    const results = yield* session.write(entries)
    return [...results, ...yield* session.finish]
  }))
const failed = (results: ReadonlyArray<Written>) =>
  results.filter(({ outcome }) => outcome === "failed").map(({ path }) => path)

describe("swapped at the worst moment", () => {
  const within: ReadonlyArray<readonly [string, (at: Place) => ReadonlyArray<Entry>]> = [
    ["a file is made", () => []],
    ["a symlink is made", () => [symlink("d/l")]],
    ["a fifo is made", () => [fifo("d/f")]],
    ["a directory is made", () => [directory("d/new"), restored("d/new/f")]],
    ["a directory that is there outside", () => [directory("d/sub"), restored("d/sub/f")]],
    ["a directory takes the place of a file", () => [directory("d/f")]],
    ["a file that is equal to one outside", () => [restored("d/f", "secret"), restored("d/g", "secret")]],
    ["hard links, from inside and from outside", () => [
      restored("d/new", "secret"),
      restored("d/link", "secret", { linkTo: "d/new" }),
      restored("e", "secret", { linkTo: "d/f" }),
    ]],
  ]
  for (const threadAfter of [Infinity, 0]) {
    for (const [what, entries] of within) {
      it(
        ...skipIf(platform, `${what}, ${threadAfter === 0 ? "two threads" : "one thread"}`),
        () =>
          place((at) =>
            Effect.gen(function* () {
              const results = yield* write(at, [
                directory("d"),
                restored("d/first"),
                hook("d/hook", swap(at, "d")),
                restored("d/last"),
                ...entries(at),
              ], threadAfter)
              assert.deepEqual(failed(results), [])
              // The directory has all files, wherever it is now.
              for (const name of ["first", "hook", "last"]) {
                assert.equal(fs.readFileSync(`${at.base}/moved/${name}`, "utf8"), "content")
              }
              assert.equal(fs.statSync(`${at.base}/moved`).mode & 0o777, 0o750)
              assert.equal(fs.statSync(`${at.base}/moved`).mtimeMs, 1000)
            })
          ),
      )
    }
  }

  it(
    ...skipIf(platform, "a directory that existed before and is left as it was"),
    () =>
      place((at) =>
        Effect.gen(function* () {
          fs.mkdirSync(`${at.target}/d`)
          fs.chmodSync(`${at.target}/d`, 0o500)
          yield* write(at, [hook("d/hook", swap(at, "d")), restored("d/last")], Infinity)
          assert.equal(fs.statSync(`${at.base}/moved`).mode & 0o777, 0o500)
          assert.deepEqual(fs.readdirSync(`${at.base}/moved`).sort(), ["hook", "last"])
        })
      ),
  )

  it(
    ...skipIf(platform, "a parent, so deep that not all directories are held"),
    () =>
      place((at) =>
        Effect.gen(function* () {
          const deep = Array.from({ length: 300 }, (_, i) => Array(i + 1).fill("d").join("/"))
          const results = yield* write(at, [
            ...deep.map(directory),
            hook(`${deep.at(-1)}/hook`, swap(at, "d")),
            restored(`${deep.at(-1)}/last`),
            restored("after"),
          ], Infinity)
          // Their directories cannot be found again to set their metadata.
          assert.ok(failed(results).length > 100)
          const bottom = `${at.base}/moved/${Array(299).fill("d").join("/")}`
          assert.deepEqual(fs.readdirSync(bottom).sort(), ["hook", "last"])
          assert.equal(fs.readFileSync(`${at.target}/after`, "utf8"), "content")
        })
      ),
  )

  it("the attack works: by paths, files would be written outside", () =>
    Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const base = yield* temporaryDirectory
      const at = { base, target: `${base}/target`, outside: `${base}/outside` }
      fs.mkdirSync(at.outside)
      yield* write(at, [directory("d"), hook("d/hook", swap(at, "d"))], Infinity, false)
      assert.deepEqual(fs.readdirSync(at.outside), ["hook"])
    }))))

  const names = Array.from({ length: 400 }, (_, i) => `f${1000 + i}`)
  it(
    ...skipIf(platform, "a walk reads the old content, and nothing outside"),
    () =>
      place((at) =>
        Effect.gen(function* () {
          fs.mkdirSync(`${at.target}/d/sub`, { recursive: true })
          for (const name of [...names, "sub/f"]) fs.writeFileSync(`${at.target}/d/${name}`, "mine")
          let swapped = false
          const entries = yield* localSource.make().entries(at.target, {}).pipe(
            // The first entries that a walk gives end in the middle of `d`.
            Stream.tap(() =>
              Effect.sync(() => {
                if (!swapped) swap(at, "d")()
                swapped = true
              })
            ),
            Stream.mapEffect(({ content, path }) => Effect.map(read(content), (text) => ({ path, text }))),
            Stream.runCollect,
          )
          assert.deepEqual(
            entries.map(({ path }) => path),
            ["", "d", ...names.map((name) => `d/${name}`), "d/sub", "d/sub/f"],
          )
          assert.deepEqual([...new Set(entries.map(({ text }) => text))].sort(), ["mine", "nothing"])
        }), names),
  )

  it(
    ...skipIf(platform, "content that is read later, by other threads or again"),
    () =>
      place((at) =>
        Effect.gen(function* () {
          fs.mkdirSync(`${at.target}/d/sub`, { recursive: true })
          fs.mkdirSync(`${at.target}/e`)
          for (const name of ["d/f", "d/sub/f", "e/f"]) fs.writeFileSync(`${at.target}/${name}`, "mine")
          const entries = yield* Stream.runCollect(localSource.make().entries(at.target, {}))
          const contents = entries.flatMap(({ content }) => content === undefined ? [] : [content as ReaderContent])
          swap(at, "d")()
          const again = yield* Effect.forEach(contents, read)
          assert.deepEqual(again, ["nothing", "nothing", "mine"])
          const beside = yield* Effect.promise(() =>
            holding((heldOf) =>
              Effect.runPromise(
                Effect.forEach(contents, ({ locator }) => read(localContent(locator as LocalLocator, heldOf))),
              )
            )
          )
          assert.deepEqual(beside, again)
        })
      ),
  )
})

/** The text of a content, or a word for content that cannot be read. */
const read = (content: Entry["content"]): Effect.Effect<string> =>
  Effect.promise(() =>
    content === undefined ? Promise.resolve("nothing") : readContent(content).then(
      (bytes) => Buffer.from(bytes).toString(),
      () => "nothing",
    )
  )

describe("swapped all the time", () => {
  const attacked = <A, E>(at: Place, inside: string, body: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const aside = `${at.base}/aside`
        fs.mkdirSync(aside, { recursive: true })
        const [stop, swaps] = [new Int32Array(new SharedArrayBuffer(4)), new Int32Array(new SharedArrayBuffer(4))]
        const url = new URL("./attacker.ts", import.meta.url)
        const workerData = { inside, aside, outside: at.outside, stop, swaps }
        const worker = new Worker(url as ConstructorParameters<typeof Worker>[0], { workerData })
        const ended = new Promise<unknown>((resolve) => worker.on("exit", resolve))
        return { ended, stop, swaps }
      }),
      () => body,
      ({ ended, stop, swaps }) =>
        Effect.promise(async () => {
          Atomics.store(stop, 0, 1)
          await ended
          assert.ok(Atomics.load(swaps, 0) > 10, "the attacker did something")
        }),
    )

  const directories = Array.from({ length: 8 }, (_, i) => `d${i}`)
  const tree = directories.flatMap((name): ReadonlyArray<Entry> => [
    directory(name),
    ...Array.from({ length: 60 }, (_, i) => restored(`${name}/f${i}`)),
    restored(`${name}/f`, "secret"),
    restored(`${name}/link`, "secret", { linkTo: `${name}/f` }),
    symlink(`${name}/l`),
    directory(`${name}/sub`),
    restored(`${name}/sub/f`),
  ])

  for (const threadAfter of [Infinity, 0]) {
    it(
      ...skipIf(platform, `a restore writes nothing outside, ${threadAfter === 0 ? "two threads" : "one thread"}`),
      () =>
        place((at) =>
          attacked(
            at,
            at.target,
            Effect.gen(function* () {
              for (const end = Date.now() + 2000; Date.now() < end;) {
                yield* write(at, tree, threadAfter)
                yield* Effect.sleep(1)
              }
            }),
          )
        ),
    )
  }

  it(...skipIf(platform, "a walk reads nothing outside"), () =>
    place((at) =>
      Effect.gen(function* () {
        for (const { content, kind, path } of tree) {
          if (kind === "directory") fs.mkdirSync(`${at.target}/${path}`)
          else if (content !== undefined) fs.writeFileSync(`${at.target}/${path}`, "mine")
        }
        const theirs = fs.statSync(`${at.outside}/sub/f`).ino
        yield* attacked(
          at,
          at.target,
          Effect.gen(function* () {
            for (const end = Date.now() + 2000; Date.now() < end;) {
              const entries = yield* Stream.runCollect(localSource.make().entries(at.target, {}))
              for (const { content, metadata, path, target } of entries) {
                assert.notEqual(metadata.inode, BigInt(theirs), path)
                assert.ok(target === undefined || target === at.outside, path)
                assert.notEqual(yield* read(content), "secret")
              }
              yield* Effect.sleep(1)
            }
          }),
        )
      })
    ))
})
