import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { createInterface } from "node:readline"
import { describe, it } from "node:test"
import { fileURLToPath } from "node:url"
import { Effect, Stream } from "effect"
import { localStore } from "../../../../adapters/store/local/local.ts"
import { temporaryDirectory } from "./directory.ts"

const script = fileURLToPath(import.meta.resolve("./put_process.ts"))

const start = (...args: ReadonlyArray<string>): ChildProcess =>
  spawn(process.execPath, [...("Deno" in globalThis ? ["run", "-A"] : []), script, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  })

describe("localStore and other processes", () => {
  it(
    "holds only whole objects after a writer was killed",
    { timeout: 60_000 },
    () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const done = new Set<string>()
        for (const kills of [1, 17]) {
          yield* Effect.promise(async () => {
            const child = start(directory, "fill")
            let lines = 0
            const closed = once(child, "close")
            createInterface({ input: child.stdout! }).on("line", (name) => {
              done.add(name)
              if (++lines === kills) child.kill("SIGKILL")
            })
            await closed
          }).pipe(Effect.timeout("50 seconds"))
          const store = yield* localStore.make(directory)
          const objects = yield* Stream.runCollect(store.list(""))
          const names = new Set(objects.map(({ name }) => name))
          assert.ok([...done].every((name) => names.has(name)), "an object that was done is missing")
          for (const { name, size } of objects) {
            assert.equal(size, 2 << 20, name)
            const bytes = yield* store.get(name, { atMost: Infinity })
            const expected = Number(name.slice(name.lastIndexOf("/") + 1)) % 251
            assert.ok(bytes.every((byte) => byte === expected), name)
            yield* store.remove(name)
          }
          done.clear()
        }
      }))),
  )

  it(
    "lets one of several processes win each name",
    { timeout: 60_000 },
    () =>
      Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const wins = yield* Effect.promise(async () => {
          const wins: Array<[string, string]> = []
          const children = ["1", "2"].map((id) => {
            const child = start(directory, "race", id)
            const lines = createInterface({ input: child.stdout! })
            const ready = once(lines, "line")
            const closed = once(child, "close")
            lines.on("line", (line) => line === "ready" || wins.push([line, id]))
            return { child, ready, closed }
          })
          await Promise.all(children.map(({ ready }) => ready))
          for (const { child } of children) child.stdin!.end("go\n")
          for (const { closed } of children) assert.equal((await closed)[0], 0)
          return wins
        }).pipe(Effect.timeout("50 seconds"))
        assert.equal(wins.length, 200)
        assert.equal(new Map(wins).size, 200)
        const store = yield* localStore.make(directory)
        for (const [name, id] of wins) {
          assert.equal(new TextDecoder().decode(yield* store.get(name, { atMost: Infinity })), id)
        }
      }))),
  )
})
