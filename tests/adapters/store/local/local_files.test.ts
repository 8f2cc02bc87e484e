import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { mkdir, readdir, rm, stat, symlink, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { describe, it } from "node:test"
import { Effect, Fiber, type Scope, Stream } from "effect"
import { localStore } from "../../../../adapters/store/local/local.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { temporaryDirectory } from "./directory.ts"

const test = (
  title: string,
  body: (directory: string) => Effect.Effect<void, StoreError, Scope.Scope>,
  skip?: string,
): void => {
  it(
    title,
    { timeout: 60_000, ...(skip === undefined ? {} : { skip }) },
    () => Effect.runPromise(Effect.scoped(Effect.flatMap(temporaryDirectory, body))),
  )
}

const reasonOf = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onSuccess: () => "success", onFailure: (error) => error.reason })

const errorOf = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<StoreError, never, R> =>
  Effect.orDie(Effect.flip(effect))

const leftovers = (directory: string): Effect.Effect<Array<string>> =>
  Effect.promise(() => readdir(join(directory, "tmp")).catch(() => []))

const small = new Uint8Array(10)
const windows = process.platform === "win32" ? "no modes and links on Windows" : undefined

/** Why a small file system cannot be mounted here, or undefined. */
const noMount = ((): string | undefined => {
  if (process.platform !== "linux") return "needs Linux"
  if (process.getuid?.() !== 0) return "needs root to mount"
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" })
    return undefined
  } catch {
    return "mounting is not allowed here"
  }
})()

/** Why a directory cannot be made append-only here, or undefined. */
const noAppendOnly = ((): string | undefined => {
  if (process.platform !== "linux") return "needs Linux"
  if (process.getuid?.() !== 0) return "needs root for chattr"
  const directory = mkdtempSync(join(tmpdir(), "penstock-append-"))
  try {
    for (const attribute of ["+a", "-a"]) execFileSync("chattr", [attribute, directory], { stdio: "ignore" })
    return undefined
  } catch {
    return `chattr is not installed, or does not work in ${tmpdir()}`
  } finally {
    rmSync(directory, { recursive: true })
  }
})()

const mounted = (directory: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory])
      return directory
    }),
    () => Effect.sync(() => execFileSync("umount", [directory])),
  )

describe("localStore and its files", () => {
  test("says that the system does not permit a removal", (directory) =>
    Effect.gen(function* () {
      const store = yield* localStore.make(directory)
      yield* store.put("a/object", [small])
      const chattr = (attribute: string) =>
        Effect.sync(() => void execFileSync("chattr", [attribute, join(directory, "a")]))
      yield* Effect.acquireRelease(chattr("+a"), () => chattr("-a"))
      const error = yield* errorOf(store.remove("a/object"))
      assert.equal(error.reason, "denied")
      assert.match(error.message, /not permitted; check the owner, mode and attributes/)
      assert.deepEqual(yield* store.get("a/object", { atMost: 10 }), small)
    }), noAppendOnly)

  test("makes directories for its owner only, keeps those that exist, and takes no other names", (directory) =>
    Effect.gen(function* () {
      const store = yield* localStore.make(directory)
      yield* store.put("a/b/object", [small])
      yield* store.makeDirectories!(["a/b/", "a/c/", "d/"])
      assert.deepEqual(
        yield* Effect.promise(() => readdir(directory, { recursive: true })).pipe(
          Effect.map((names) => names.sort()),
        ),
        ["a", "a/b", "a/b/object", "a/c", "d", "tmp"],
      )
      if (windows === undefined) {
        assert.equal((yield* Effect.promise(() => stat(join(directory, "a/c")))).mode & 0o777, 0o700)
      }
      for (const name of ["../d/", "tmp/", "e"]) {
        assert.equal(yield* reasonOf(store.makeDirectories!(["f/", name])), "invalid")
      }
      assert.equal(yield* Effect.promise(() => readdir(directory)).pipe(Effect.map((names) => names.length)), 3)
    }))

  test("is for its owner only", (directory) =>
    Effect.gen(function* () {
      const root = join(directory, "new/store")
      const store = yield* localStore.make(root, { create: true })
      yield* store.put("DATA/ab/x", [small])
      const mode = (path: string) => Effect.promise(async () => (await stat(join(directory, path))).mode & 0o777)
      for (const path of ["new", "new/store", "new/store/DATA", "new/store/DATA/ab", "new/store/tmp"]) {
        assert.equal(yield* mode(path), 0o700, path)
      }
      assert.equal(yield* mode("new/store/DATA/ab/x"), 0o600)
    }), windows)

  test("is made only with create", (directory) =>
    Effect.gen(function* () {
      const absent = join(directory, "absent")
      const error = yield* errorOf(localStore.make(absent))
      assert.equal(error.reason, "not-found")
      assert.ok(error.message.includes(absent))
      yield* Effect.promise(() => writeFile(join(directory, "file"), ""))
      for (const path of ["file", "file/beneath"]) {
        for (const create of [true, false]) {
          assert.equal(yield* reasonOf(localStore.make(join(directory, path), { create })), "io")
        }
      }
      yield* localStore.make(absent, { create: true })
      yield* localStore.make(absent, { create: true })
      assert.deepEqual(yield* Effect.promise(() => readdir(absent)), [])
    }), windows)

  test("leaves no temporary file after interruptions and failures", (directory) =>
    Effect.gen(function* () {
      const store = yield* localStore.make(directory)
      const content = new Uint8Array(300_000)
      const write = Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create("w")
        yield* writer.append(content)
        yield* writer.commit
      }))
      for (let turns = 0; turns < 60; turns++) {
        yield* store.remove("p")
        yield* store.remove("w")
        const fiber = yield* Effect.forkChild(Effect.all([store.put("p", [content]), write], { concurrency: 2 }))
        for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => new Promise((r) => setImmediate(r)))
        yield* Fiber.interrupt(fiber)
        assert.deepEqual(yield* leftovers(directory), [], `after ${turns} turns`)
        for (const { size } of yield* Stream.runCollect(store.list(""))) assert.equal(size, content.length)
      }
      yield* store.put("x", [small])
      assert.equal(yield* reasonOf(store.put("x", [small])), "exists")
      assert.equal(yield* reasonOf(store.put("x/beneath", [small])), "io")
      yield* store.put("d/y", [small])
      assert.equal(yield* reasonOf(store.put("d", [small], { replace: true })), "io")
      assert.deepEqual(yield* leftovers(directory), [])
    }))

  test("removes day-old temporary files when it is opened", (directory) =>
    Effect.gen(function* () {
      yield* Effect.promise(async () => {
        await mkdir(join(directory, "tmp/directory"), { recursive: true })
        const now = Date.now() / 1000
        for (const [name, hours] of [["new", 0], ["recent", 23], ["old", 25], ["older", 1000]] as const) {
          await writeFile(join(directory, "tmp", name), "part of an object")
          await utimes(join(directory, "tmp", name), now, now - hours * 3600)
        }
      })
      const store = yield* localStore.make(directory)
      assert.deepEqual((yield* leftovers(directory)).toSorted(), ["directory", "new", "recent"])
      assert.deepEqual(yield* Stream.runCollect(store.list("")), [])
    }))

  test("does not list links, pipes and foreign names as objects", (directory) =>
    Effect.gen(function* () {
      const store = yield* localStore.make(directory)
      yield* store.put("DATA/x", [small])
      yield* Effect.promise(async () => {
        await symlink("x", join(directory, "DATA/link"))
        await symlink("/etc", join(directory, "etc"))
        await writeFile(join(directory, "DATA/not a name"), "")
        await mkdir(join(directory, "lost+found"))
        await writeFile(join(directory, "lost+found/x"), "")
        execFileSync("mkfifo", [join(directory, "DATA/pipe")])
      })
      assert.deepEqual(yield* Stream.runCollect(store.list("")), [{ name: "DATA/x", size: 10 }])
      for (const name of ["DATA/link", "DATA/pipe"]) {
        assert.equal(yield* reasonOf(store.get(name, { atMost: Infinity })), "not-found", name)
        assert.equal(yield* reasonOf(store.stat(name)), "not-found", name)
      }
    }), windows)

  test("makes vanished directories again", (directory) =>
    Effect.gen(function* () {
      const store = yield* localStore.make(directory)
      yield* store.put("DATA/ab/x", [small])
      for (const gone of ["DATA", "tmp"]) {
        yield* Effect.promise(() => rm(join(directory, gone), { recursive: true }))
        yield* store.put(`DATA/ab/${gone}`, [small])
      }
      assert.equal((yield* Stream.runCollect(store.list("DATA/ab/"))).length, 2)
    }))

  test("fails if the whole directory vanishes", (directory) =>
    Effect.gen(function* () {
      const root = join(directory, "store")
      const store = yield* localStore.make(root, { create: true })
      yield* store.put("DATA/x", [small])
      yield* Effect.promise(() => rm(root, { recursive: true }))
      assert.equal(yield* reasonOf(store.put("DATA/x", [small])), "io")
      assert.equal(yield* reasonOf(store.get("DATA/x", { atMost: Infinity })), "not-found")
      assert.equal(yield* reasonOf(Stream.runDrain(store.list(""))), "io")
    }))

  test("reports a full disk, and continues when there is room", (directory) =>
    Effect.gen(function* () {
      yield* mounted(directory)
      const store = yield* localStore.make(directory)
      yield* store.put("a", [new Uint8Array(400_000)])
      for (const replace of [false, true]) {
        const error = yield* errorOf(
          store.put("b", [new Uint8Array(300_000), new Uint8Array(700_000)], { replace }),
        )
        assert.equal(error.reason, "full")
        assert.ok(error.message.includes(`"b"`) && error.message.includes(directory))
      }
      yield* Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create("w")
        yield* writer.append(new Uint8Array(300_000))
        assert.equal(yield* reasonOf(writer.append(new Uint8Array(700_000))), "full")
        // A part of the last bytes may have been written, so the writer is broken.
        assert.equal(yield* reasonOf(writer.commit), "invalid")
      }))
      assert.deepEqual(yield* leftovers(directory), [])
      assert.deepEqual(yield* Stream.runCollect(store.list("")), [{ name: "a", size: 400_000 }])
      yield* store.remove("a")
      yield* store.put("b", [new Uint8Array(600_000)])
    }), noMount)

  test("reports missing rights to write, and can still be read", (directory) =>
    Effect.gen(function* () {
      yield* mounted(directory)
      yield* (yield* localStore.make(directory)).put("DATA/a", [small])
      execFileSync("mount", ["-o", "remount,ro", directory])
      const store = yield* localStore.make(directory)
      assert.equal(yield* reasonOf(store.put("DATA/b", [small])), "denied")
      assert.equal(yield* reasonOf(store.create("DATA/b")), "denied")
      assert.equal(yield* reasonOf(store.remove("DATA/a")), "denied")
      assert.equal((yield* store.get("DATA/a", { atMost: Infinity })).length, 10)
    }), noMount)
})
