/** Deleting what a snapshot does not have, and nothing else. */
import assert from "node:assert/strict"
import * as fs from "node:fs"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { DESCRIPTORS } from "../../../adapters/files/system/descriptors.ts"
import { BYTE_NAMES } from "../../../adapters/files/system/native.ts"
import { deleteOthers } from "../../../adapters/files/target/delete_others.ts"
import type { DeleteOptions, DeleteSummary } from "../../../adapters/files/target/others.ts"
import type { Entry } from "../../../stages/walk/entry.ts"
import { makeExcludes } from "../../../stages/walk/ignore.ts"
import { memorySource } from "../../../stages/walk/memory_source.ts"
import type { MemoryTree } from "../../../stages/walk/memory_tree.ts"
import { skipIf } from "../../skip.ts"
import { list, plant, temporaryDirectory } from "./plant.ts"

const file = { content: "x", mtime: 1_500_000_000_000_000_000n } as const
const directory = { directory: true, mode: 0o755, mtime: 1_400_000_000_000_000_000n } as const
const SNAPSHOT: MemoryTree = { "a": file, "d/b": file, "d/e/c": file, "z": directory }
const entriesOf = (tree: MemoryTree) => memorySource(tree).entries("", {})
const pathsIn = (root: string) => [...list(root).keys()].filter((path) => path !== "").sort()

/** A directory with a tree in it, beside one that must not change. */
const within = (
  tree: MemoryTree,
  body: (at: { readonly root: string; readonly outside: string }) => Effect.Effect<void, unknown>,
) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const base = yield* temporaryDirectory
    const [root, outside] = [`${base}/root`, `${base}/outside`]
    fs.mkdirSync(root)
    fs.mkdirSync(`${outside}/sub`, { recursive: true })
    for (const name of ["f", "g", "sub/f"]) fs.writeFileSync(`${outside}/${name}`, "theirs")
    plant(root, tree)
    yield* body({ root, outside })
    assert.deepEqual(pathsIn(outside), ["f", "g", "sub", "sub/f"])
  })))

/** Deletes in a dry run first, which must say the same and change nothing. */
const run = (
  root: string,
  options: DeleteOptions = {},
  entries: Stream.Stream<Entry, unknown> = entriesOf(SNAPSHOT),
): Effect.Effect<DeleteSummary & { readonly told: ReadonlyArray<string> }, unknown> =>
  Effect.gen(function* () {
    const told: Array<ReadonlyArray<string>> = []
    const before = pathsIn(root)
    const results: Array<DeleteSummary> = []
    for (const dryRun of [true, false]) {
      if (!dryRun) assert.deepEqual(pathsIn(root), before, "a dry run changes nothing")
      const paths: Array<string> = []
      results.push(
        yield* deleteOthers(root, {
          ...options,
          dryRun,
          deleted: (path, kind) => {
            paths.push(path)
            options.deleted?.(path, kind)
          },
        })(entries),
      )
      told.push(paths)
    }
    assert.deepEqual(told[0], told[1])
    assert.deepEqual(results[0], results[1])
    assert.equal(results[1]!.deleted, told[1]!.length)
    return { ...results[1]!, told: told[1]! }
  })

for (const hold of [true, false]) {
  describe(hold ? "held" : "by paths", () => {
    it("deletes files, links and directories of every depth, and follows no link", () =>
      within({
        ...SNAPSHOT,
        "": directory,
        "d": directory,
        "more": file,
        "d/dangling": { symlink: "nowhere" },
        "d/more/deep/er": file,
        "d/more/pipe": { special: "fifo" },
        ...(BYTE_NAMES ? { "d/\udcff\udcfe": { content: "x" } } : {}),
      }, ({ outside, root }) =>
        Effect.gen(function* () {
          fs.symlinkSync(outside, `${root}/link`)
          fs.symlinkSync(outside, `${root}/d/more/link`)
          fs.chmodSync(`${root}/d/more/deep`, 0o500)
          fs.chmodSync(`${root}/d`, 0o555)
          fs.utimesSync(`${root}/d`, 1_400_000_000, 1_400_000_000)
          const { problems } = yield* run(root, { hold })
          assert.deepEqual(problems, [])
          assert.deepEqual(pathsIn(root), ["a", "d", "d/b", "d/e", "d/e/c", "z"])
          const { mode, mtimeMs } = fs.statSync(`${root}/d`)
          assert.deepEqual([mode & 0o777, mtimeMs], [0o555, 1_400_000_000_000], "the directory keeps mode and time")
        })))

    it("does not enter a link in the place of a directory of the snapshot", () =>
      within({ "a": file }, ({ outside, root }) =>
        Effect.gen(function* () {
          fs.symlinkSync(outside, `${root}/d`)
          assert.deepEqual((yield* run(root, { hold })).told, [])
        })))

    it("deletes only what is selected, in directories where something is selected", () =>
      within(
        { ...SNAPSHOT, "z/more.o": file, "d/more.o": file, "d/more.c": file, "more.o": file },
        ({ root }) =>
          Effect.gen(function* () {
            const objects = makeExcludes(["*.o", "/d/b"])!
            const selected = (path: string, kind: string) => path !== "" && objects(path, kind === "directory")
            // Nothing of the directory z is selected in the snapshot, so it is not looked at, as in restic.
            assert.deepEqual([...(yield* run(root, { hold, selected })).told].sort(), ["d/more.o", "more.o"])
          }),
      ))

    it("keeps what is left out, even in a directory that the snapshot does not have", () =>
      within(
        { ...SNAPSHOT, "new/keep": file, "new/other": file, "new/deep/keep": file, "new/gone/x": file },
        ({ root }) =>
          Effect.gen(function* () {
            const keep = makeExcludes(["keep"])!
            const { problems } = yield* run(root, {
              hold,
              selected: (path, kind) => path === "" || !keep(path, kind === "directory"),
            })
            assert.deepEqual(problems, [])
            assert.deepEqual(pathsIn(root).filter((path) => path.startsWith("new")), [
              "new",
              "new/deep",
              "new/deep/keep",
              "new/keep",
            ])
          }),
      ))

    it("keeps what it is told to spare, by any path that leads there", () =>
      within(
        { ...SNAPSHOT, "backups/repo/DATA": file, "backups/other": file },
        ({ outside, root }) =>
          Effect.gen(function* () {
            fs.symlinkSync(`${root}/backups/repo`, `${outside}/../repo`)
            yield* run(root, { hold, spare: [`${outside}/../repo`, "/no/such/path"] })
            assert.deepEqual(pathsIn(root).filter((path) => path.startsWith("backups")), [
              "backups",
              "backups/repo",
              "backups/repo/DATA",
            ])
          }),
      ))
  })
}

it("deletes nothing when the list of files breaks off, or is out of order", () =>
  within({ ...SNAPSHOT, "more": file, "d/e/more": file }, ({ root }) =>
    Effect.gen(function* () {
      const before = pathsIn(root)
      const broken = Stream.concat(entriesOf(SNAPSHOT), Stream.fail("broken"))
      assert.equal(yield* Effect.flip(deleteOthers(root)(broken)), "broken")
      const entry = (path: string): Entry => ({ path, kind: "file", metadata: {}, size: 1 })
      const disordered = Stream.make(entry("d/b"), entry("a"), entry("d/e/c"))
      const error = yield* Effect.flip(deleteOthers(root)(disordered))
      assert.match(error.message, /does not list its files in order/)
      assert.deepEqual(pathsIn(root), before)
    })))

it("takes directories without entries of their own, as zprt lists files", () =>
  within({ ...SNAPSHOT, "d/more": file, "more": file }, ({ root }) =>
    Effect.gen(function* () {
      const files = Stream.filter(entriesOf(SNAPSHOT), ({ kind }) => kind === "file")
      assert.deepEqual([...(yield* run(root, {}, files)).told].sort(), ["d/more", "more", "z"])
    })))

it("names what it cannot delete, and goes on", () =>
  within({ ...SNAPSHOT, "d/more/x": file, "more": file }, ({ root }) =>
    Effect.gen(function* () {
      let first = true
      const { deleted, problems } = yield* deleteOthers(root, {
        deleted: () => {
          if (first) fs.writeFileSync(`${root}/d/more/new`, "of another program")
          first = false
        },
      })(entriesOf(SNAPSHOT))
      assert.equal(deleted, 2)
      assert.deepEqual(problems, [{ path: "d/more", message: "Directory not empty" }])
      assert.deepEqual(pathsIn(root), ["a", "d", "d/b", "d/e", "d/e/c", "d/more", "d/more/new", "z"])
    })))

const platform = DESCRIPTORS === undefined && "this system cannot hold directories"
describe("a directory is swapped for a link to another place while it is emptied", () => {
  for (const swapped of ["d", "d/more", "d/more/sub"]) {
    it(
      ...skipIf(platform, swapped),
      () =>
        within(
          { ...SNAPSHOT, "d/more/a": file, "d/more/f": file, "d/more/sub/f": file, "d/f": file },
          (at) =>
            Effect.gen(function* () {
              let first = true
              yield* deleteOthers(at.root, {
                deleted: () => {
                  if (!first) {
                    return
                  }
                  first = false
                  fs.renameSync(`${at.root}/${swapped}`, `${at.root}/moved`)
                  fs.symlinkSync(at.outside, `${at.root}/${swapped}`)
                },
              })(entriesOf(SNAPSHOT))
              assert.equal(first, false)
            }),
        ),
    )
  }
})
