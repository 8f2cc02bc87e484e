/** The files of a cache: damage, limits, rights, full disks, and several processes. */
import assert from "node:assert/strict"
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { cache } from "../../../../adapters/store/cache/cache.ts"
import { cacheDirectory } from "../../../../adapters/store/cache/directory.ts"
import { counting } from "../../../../adapters/store/counting/counting.ts"
import { localStore } from "../../../../adapters/store/local/local.ts"
import { memoryStore } from "../../../../adapters/store/memory/memory.ts"
import { temporaryDirectory } from "../local/directory.ts"
import { bytesOf, filesIn, filled, holds, inCache, openCached, reads, text, withCache } from "./with_cache.ts"

describe("the files of a cache", () => {
  it("finds all damage of its files, and reads the object again", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = yield* filled
        yield* text(yield* openCached(inner, directory), "a.map")
        const [path] = filesIn(directory)
        const whole = fs.readFileSync(path!)
        const damages = [
          ...Array.from(whole, (_, at) => {
            const damaged = Uint8Array.from(whole)
            damaged[at]! ^= 1 << at % 8
            return damaged
          }),
          ...Array.from(whole, (_, length) => whole.subarray(0, length)),
          Buffer.concat([whole, new Uint8Array(1)]),
        ]
        for (const [i, damaged] of damages.entries()) {
          const before = reads(inner)
          fs.writeFileSync(path!, damaged)
          const store = yield* openCached(inner, directory)
          const range = { offset: 6, length: 5 }
          const part = i % 2 === 0
            ? yield* text(store, "a.map")
            : `hello ${new TextDecoder().decode(yield* store.get("a.map", range))}`
          assert.equal(part, "hello world")
          assert.equal(reads(inner), before + 2)
          assert.deepEqual(fs.readFileSync(path!), whole)
        }
        // The copy of another object, or of another repository.
        yield* inner.put("z.map", [bytesOf("HELLO WORLD")])
        yield* text(yield* openCached(inner, directory), "z.map")
        fs.renameSync(filesIn(directory).find((other) => other !== path)!, path!)
        assert.equal(yield* text(yield* openCached(inner, directory), "a.map"), "hello world")
      })
    ))

  it("stays within its limit, and keeps the copies that were used last", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = counting(yield* memoryStore.make())
        const bytes = 20_000
        const store = cache(inner, { directory, holds, bytes })
        const size = (): number => filesIn(directory).reduce((sum, path) => sum + fs.statSync(path).size, 0)
        const name = (i: number): string => `${i}.map`
        for (let i = 0; i < 60; i++) {
          yield* store.put(name(i), [new Uint8Array(1000)])
          assert.ok(size() <= bytes, String(size()))
          // Some file systems keep times in seconds, so the times are set.
          for (const path of filesIn(directory)) {
            const { mtimeMs } = fs.statSync(path)
            fs.utimesSync(path, mtimeMs / 1000 - 10, mtimeMs / 1000 - 10)
          }
          yield* cache(inner, { directory, holds, bytes }).get(name(0), { atMost: Infinity })
        }
        assert.ok(size() > bytes / 2)
        const before = reads(inner)
        for (const i of [0, 59, 58]) yield* store.get(name(i), { atMost: Infinity })
        assert.equal(reads(inner), before)
        yield* store.get(name(20), { atMost: Infinity })
        assert.equal(reads(inner), before + 1)
        // An object that is too large is read in ranges, and not kept.
        yield* store.put("large.map", [new Uint8Array(bytes / 4 + 1)])
        assert.equal((yield* store.get("large.map", { offset: -1, length: 1 })).length, 1)
        assert.equal(inner.counts().bytesRead, reads(inner) * 1000 - 1000 + 1)
      })
    ))

  it("is private, is tagged as a cache, and can be removed at any time", () =>
    inCache((directory) =>
      Effect.gen(function* () {
        const inner = yield* filled
        const store = yield* openCached(inner, directory)
        yield* text(store, "a.map")
        if (process.platform !== "win32") {
          for (
            const path of [
              directory,
              ...fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).map((p) => join(directory, p)),
            ]
          ) {
            const info = fs.statSync(path)
            assert.equal(info.mode & 0o777, info.isDirectory() ? 0o700 : 0o600, path)
          }
        }
        assert.match(
          fs.readFileSync(join(directory, "CACHEDIR.TAG"), "utf8"),
          /^Signature: 8a477f597d28d172789f06886806bc55\n/,
        )
        fs.rmSync(join(directory, fs.readdirSync(directory).find((name) => name.length === 64)!), { recursive: true })
        assert.equal(yield* text(store, "a.map"), "hello world")
        assert.equal(filesIn(directory).length, 1)
        fs.rmSync(directory, { recursive: true })
        assert.equal(yield* text(store, "a.map"), "hello world")
        yield* store.put("e.map", [bytesOf("more")])
        assert.equal(yield* text(store, "e.map"), "more")
        assert.equal(yield* text(yield* openCached(inner, directory), "a.map"), "hello world")
      })
    ))

  it("warns once and continues if its path is not a directory, belongs to others, or cannot be written", async () => {
    const cases: ReadonlyArray<readonly [RegExp, (directory: string) => void]> = [
      [/ENOTDIR|EEXIST/, (directory) => fs.writeFileSync(directory, "a file")],
      [/it holds other files, and is no cache/, (directory) => {
        fs.mkdirSync(directory, { mode: 0o700 })
        fs.writeFileSync(join(directory, "letter"), "")
      }],
      ...(process.platform === "win32" ? [] : [
        [/others may write to it/, (directory: string) => {
          fs.mkdirSync(directory)
          fs.chmodSync(directory, 0o777)
        }] as const,
      ]),
    ]
    for (const [message, spoil] of cases) {
      const lines = await withCache((directory) =>
        Effect.gen(function* () {
          spoil(directory)
          const inner = yield* filled
          const store = yield* openCached(inner, directory)
          for (let i = 0; i < 2; i++) {
            assert.equal(yield* text(store, "a.map"), "hello world")
            assert.equal((yield* store.get("b.map", { offset: 0, length: 4 })).length, 4)
            yield* store.put(`new${i}.map`, [bytesOf("new")])
          }
          assert.equal(inner.counts().bytesRead, 3 + 2 * (11 + 4))
        })
      )
      assert.equal(lines.length, 1, lines.join("\n"))
      assert.match(lines[0]!, /^The cache .*cache cannot be used: .*; continuing without it$/)
      assert.match(lines[0]!, message)
    }
  })

  const noMount = process.getuid?.() !== 0
    ? "making a file system that is full needs root"
    : spawnSync("sh", ["-c", "command -v mount umount"]).status === 0
    ? false
    : "mount is not installed"

  it("continues with its copies when its disk is full", { skip: noMount }, async () => {
    const lines = await withCache((directory) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          fs.mkdirSync(directory, { mode: 0o700 })
          const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=700", "none", directory])
          assert.equal(mounted.status, 0, String(mounted.stderr))
        }),
        () =>
          Effect.gen(function* () {
            const inner = counting(yield* memoryStore.make())
            const store = cache(inner, { directory, holds })
            const large = new Uint8Array(20_000).fill(7)
            for (let i = 0; i < 6; i++) yield* store.put(`${i}.map`, [large])
            for (let i = 0; i < 6; i++) assert.deepEqual(yield* store.get(`${i}.map`, { atMost: Infinity }), large)
            assert.ok(reads(inner) >= 3 && reads(inner) < 6, String(reads(inner)))
            // Nothing is left of the copies that did not fit.
            assert.deepEqual(fs.readdirSync(directory).filter((name) => name.startsWith("tmp-")), [])
            assert.equal(filesIn(directory).length, 6 - reads(inner))
          }),
        () => Effect.sync(() => assert.equal(spawnSync("umount", [directory]).status, 0)),
      )
    )
    assert.equal(lines.length, 1, lines.join("\n"))
    assert.match(lines[0]!, /cannot be used: no space is left on its disk; continuing without it$/)
  })

  it("is shared by processes while it is too small and is removed", { timeout: 120_000 }, async () => {
    const lines = await withCache((directory) =>
      Effect.scoped(Effect.gen(function* () {
        const path = join(yield* temporaryDirectory, "store")
        const store = yield* localStore.make(path, { create: true })
        for (let i = 0; i < 12; i++) yield* store.put(`x/${i}`, [new Uint8Array(3000 + 100 * i).fill(i)])
        const script = fileURLToPath(new URL("./cache_process.ts", import.meta.url).href)
        const start = (): Promise<string> =>
          new Promise((done, fail) => {
            const args = ["Deno" in globalThis ? ["run", "-A"] : [], script, path, directory, "15"].flat()
            const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] })
            let output = ""
            child.stdout.on("data", (part) => output += part)
            child.stderr.on("data", (part) => output += part)
            child.on("error", fail)
            child.on("close", (code) => done(`${output}${code === 0 ? "" : `exit code ${code}`}`))
          })
        const ended = Promise.all([start(), start(), start()])
        let over = false
        void ended.finally(() => over = true)
        yield* Effect.promise(async () => {
          while (!over) {
            await new Promise((go) => setTimeout(go, 50))
            if (!fs.existsSync(directory)) continue
            const name = fs.readdirSync(directory).find((name) => name.length === 64)
            if (name === undefined) continue
            try {
              fs.rmSync(join(directory, name), { recursive: true, force: true })
            } catch {
              // A process has written to the directory meanwhile.
            }
          }
        })
        assert.deepEqual(yield* Effect.promise(() => ended), ["", "", ""])
      }))
    )
    assert.deepEqual(lines, [])
  })

  it("is in the directory that the environment names", () => {
    const { PENSTOCK_CACHE_DIR, XDG_CACHE_HOME } = process.env
    const set = (name: string, value: string | undefined): void => {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
    try {
      set("PENSTOCK_CACHE_DIR", "/x/own")
      set("XDG_CACHE_HOME", "/x/all")
      assert.equal(cacheDirectory(), "/x/own")
      set("PENSTOCK_CACHE_DIR", "")
      assert.equal(cacheDirectory(), join("/x/all", "penstock"))
      // The specification of XDG says that a relative path must be ignored.
      for (const none of [undefined, "", "relative", "./x"]) {
        set("XDG_CACHE_HOME", none)
        assert.equal(cacheDirectory(), join(homedir(), ".cache", "penstock"))
      }
    } finally {
      set("PENSTOCK_CACHE_DIR", PENSTOCK_CACHE_DIR)
      set("XDG_CACHE_HOME", XDG_CACHE_HOME)
    }
  })
})
