/** The read-only store on real servers. */
import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { test } from "node:test"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { httpStore } from "../../../../adapters/store/http/http.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { apache, apacheMissing } from "../../../servers/apache.ts"
import { nginx, nginxMissing } from "../../../servers/nginx.ts"
import { python, pythonMissing } from "../../../servers/python.ts"
import { serverFolder } from "../../../servers/process.ts"
import { PASSWORD, USER } from "../../../servers/web_server.ts"
import { skipIf } from "../../../skip.ts"

const content = Uint8Array.from({ length: 70_000 }, (_, i) => i * 31 + (i >> 8))
const objects: Readonly<Record<string, number>> = {
  "ROZEN.json": 10,
  "empty": 0,
  "DATA/ab/a-long-name-that-listings-cut-0123456789abcdef0123456789abcdef0123456789abcdef.roz": 70_000,
  "DATA/cd/A_b.c": 1,
  "x/tmp/y": 3,
}
const plant = (folder: string): void => {
  for (const [name, size] of Object.entries({ ...objects, "tmp/unfinished": 5, "DATA/not an object": 5 })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content.subarray(0, size))
  }
}

const reads = (url: string, locked: boolean): Effect.Effect<void, StoreError> =>
  Effect.gen(function* () {
    const login = { user: USER, password: Redacted.make(PASSWORD) }
    const store = yield* httpStore.make(url, locked ? { login } : {})
    const list = (directory: string) =>
      Effect.map(Stream.runCollect(store.list(directory)), (all) =>
        Object.fromEntries(all.map(({ name, size }) => [name, size])))
    assert.deepEqual(yield* list(""), objects)
    assert.deepEqual(Object.keys(yield* list("DATA/cd/")), ["DATA/cd/A_b.c"])
    for (const none of ["D/", "DATA/a/", "ROZEN.json/"]) {
      assert.deepEqual(yield* list(none), {}, none)
    }
    for (const [name, size] of Object.entries(objects)) {
      assert.deepEqual(yield* store.get(name, { atMost: Infinity }), content.slice(0, size))
      assert.deepEqual(yield* store.stat(name), { name, size })
      assert.deepEqual(yield* store.get(name, { offset: -size, length: size }), content.slice(0, size))
      assert.equal(
        (yield* Effect.flip(store.get(name, { offset: size, length: 1 })).pipe(Effect.orDie)).reason,
        "corrupt",
      )
    }
    const big = Object.keys(objects)[2]!
    assert.deepEqual(yield* store.get(big, { offset: 60_000, length: 10_000 }), content.slice(60_000))
    assert.deepEqual(yield* store.get(big, { offset: -5, length: 2 }), content.slice(-5, -3))
    for (const missing of ["nothing", "DATA", "DATA/ab", "ROZEN.json/x"]) {
      assert.equal(
        (yield* Effect.flip(store.get(missing, { atMost: Infinity })).pipe(Effect.orDie)).reason,
        "not-found",
        missing,
      )
      assert.equal((yield* Effect.flip(store.stat(missing)).pipe(Effect.orDie)).reason, "not-found", missing)
    }
    if (locked) {
      const wrong = yield* httpStore.make(url, { login: { ...login, password: Redacted.make("wr0ng") } })
      const error = yield* Effect.flip(wrong.get("ROZEN.json", { atMost: Infinity })).pipe(Effect.orDie)
      assert.equal(error.reason, "denied")
      assert.ok(!error.message.includes("wr0ng"))
    }
  })

const runScoped = (effect: Effect.Effect<void, StoreError, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(effect))

for (const [name, server, missing] of [["nginx", nginx, nginxMissing], ["Apache", apache, apacheMissing]] as const) {
  test(
    ...skipIf(missing, `objects in the listings of ${name}, with and without a password`),
    () =>
      runScoped(Effect.flatMap(server, ({ files, folder, locked }) => {
        plant(folder)
        return Effect.andThen(reads(files, false), reads(locked, true))
      })),
  )
}

test(
  ...skipIf(pythonMissing, "objects in the listings of python3 -m http.server, and in a manifest"),
  () =>
    runScoped(Effect.gen(function* () {
      const folder = yield* serverFolder
      plant(folder)
      const url = yield* python(folder)
      yield* reads(url, false)
      // As the documentation says.
      const made = spawnSync("sh", [
        "-c",
        "find . -type f ! -path './tmp/*' ! -name '* *' -printf '%s %P\\n' > OBJECTS.txt",
      ], {
        cwd: folder,
      })
      assert.equal(made.status, 0)
      yield* reads(url, false)
    })),
)
