import assert from "node:assert/strict"
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, it } from "node:test"
import { Effect, Stream } from "effect"
import { singleFileStore } from "../../../../adapters/store/single_file/single_file.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { temporaryDirectory } from "../local/directory.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const runPromise = Effect.runPromise
const fails = async (reason: StoreError["reason"], effect: Effect.Effect<unknown, StoreError>) =>
  assert.equal((await runPromise(Effect.flip(effect))).reason, reason)

describe("a single file as an object store", () => {
  const inFile = (use: (path: string) => Promise<void>) =>
    runPromise(Effect.scoped(Effect.flatMap(
      temporaryDirectory,
      (directory) => Effect.promise(() => use(join(directory, "a b.zprt"))),
    )))

  it("opens if the file exists or may be made", () =>
    inFile(async (path) => {
      await fails("not-found", singleFileStore.make(path, "x"))
      await fails("not-found", singleFileStore.make(join(path, "beneath"), "x"))
      mkdirSync(path)
      await fails("io", singleFileStore.make(path, "x", { create: true }))
      await runPromise(singleFileStore.make(join(path, "no", "such", "file"), "x", { create: true }))
      assert.deepEqual(readdirSync(join(path, "no", "such")), [])
      await fails("invalid", singleFileStore.make(path, "../x"))
    }))

  it("holds one object", () =>
    inFile(async (path) => {
      const store = await runPromise(singleFileStore.make(path, "the.object", { create: true }))
      const list = (directory = "") => runPromise(Stream.runCollect(store.list(directory)))
      await fails("not-found", store.get("the.object", { atMost: Infinity }))
      await fails("not-found", store.stat("the.object"))
      assert.deepEqual(await list(), [])
      await runPromise(store.remove("the.object"))
      await runPromise(store.put("the.object", [bytes("hello "), bytes("world")]))
      assert.equal(readFileSync(path, "utf8"), "hello world")
      await fails("exists", store.put("the.object", [bytes("x")]))
      assert.deepEqual(await runPromise(store.get("the.object", { offset: -5, length: 5 })), bytes("world"))
      await fails("corrupt", store.get("the.object", { offset: 10, length: 5 }))
      assert.deepEqual(await list(), [{ name: "the.object", size: 11 }])
      assert.deepEqual(await list("dir/"), [])
      for (const other of ["a b.zprt", "../x", "tmp"]) await fails("invalid", store.get(other, { atMost: Infinity }))
      for (const effect of [store.get("other", { atMost: Infinity }), store.stat("other")]) {
        await fails("not-found", effect)
      }
      await fails("invalid", store.put("other", [bytes("x")]))
      await runPromise(store.remove("other"))
      await runPromise(store.put("the.object", [bytes("new")], { replace: true }))
      assert.equal(readFileSync(path, "utf8"), "new")
      if (process.platform !== "win32") {
        assert.equal(lstatSync(path).mode & 0o777, 0o600)
      }
      await runPromise(store.remove("the.object"))
      assert.deepEqual(readdirSync(join(path, "..")), [])
    }))

  it("replaces the file at the commit of a writer, and leaves nothing of a writer without a commit", () =>
    inFile(async (path) => {
      writeFileSync(path, "old")
      const store = await runPromise(singleFileStore.make(path, "x"))
      await runPromise(Effect.scoped(Effect.gen(function* () {
        const writer = yield* store.create("x", { replace: true })
        yield* writer.append(bytes("ne"))
        yield* writer.append(bytes("w"))
        assert.equal(readFileSync(path, "utf8"), "old")
        assert.equal(readdirSync(join(path, "..")).length, 2)
        yield* writer.commit
        assert.equal(readFileSync(path, "utf8"), "new")
        const lost = yield* store.create("x", { replace: true })
        yield* lost.append(bytes("lost"))
      })))
      assert.equal(readFileSync(path, "utf8"), "new")
      assert.deepEqual(readdirSync(join(path, "..")), ["a b.zprt"])
    }))

  it("writes through a link, and removes a killed program's temporary files after a day", () =>
    inFile(async (path) => {
      const directory = join(path, "..")
      const link = join(directory, "link")
      writeFileSync(path, "old")
      symlinkSync(path, link)
      const left = (name: string, hours: number) => {
        writeFileSync(join(directory, name), "x")
        const time = Date.now() / 1000 - hours * 3600
        utimesSync(join(directory, name), time, time)
      }
      const uuid = "01234567-89ab-cdef-0123-456789abcdef"
      left(`.a b.zprt.${uuid}.part`, 25)
      left(`.a b.zprt.${uuid.replace("0", "f")}.part`, 23)
      left(`.other.${uuid}.part`, 25)
      left(".a b.zprt.mine.part", 25)
      const store = await runPromise(singleFileStore.make(link, "x"))
      assert.equal(readdirSync(directory).filter((name) => name.endsWith(".part")).length, 3)
      await runPromise(store.put("x", [bytes("new")], { replace: true }))
      assert.equal(readFileSync(path, "utf8"), "new")
      assert.ok(lstatSync(link).isSymbolicLink())
    }))
})
