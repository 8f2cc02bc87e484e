/**
 * Create-only writes on real servers: races between stores, claims of killed writers, and a server that is killed.
 */
import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { Effect, type Scope, Stream } from "effect"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import type { StoreError } from "../../../../stages/store/store.ts"
import { apache, apacheMissing } from "../../../servers/apache.ts"
import { nginx, nginxMissing } from "../../../servers/nginx.ts"
import type { WebServer } from "../../../servers/web_server.ts"
import { skipIf } from "../../../skip.ts"
import { openNewCollection } from "./open.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const servers = [["nginx", nginx, nginxMissing], ["Apache", apache, apacheMissing]] as const
const short = { stale: 1500, lease: 1000 }

/** Lets the server change files that the test made in its folder. */
const openToServer = (folder: string): void => {
  chmodSync(folder, 0o777)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) openToServer(join(folder, entry.name))
  }
}

for (const [name, server, missing] of servers) {
  const on = (
    title: string,
    body: (server: WebServer, folder: string) => Effect.Effect<void, StoreError, Scope.Scope>,
  ): void => {
    test(...skipIf(missing, `${name}: ${title}`), () =>
      Effect.runPromise(
        Effect.scoped(Effect.flatMap(server, (server) => body(server, join(server.folder, "one/two")))),
      ))
  }
  /** The path of the claim of a name. */
  const claimOf = (folder: string, object: string, generation: number): string =>
    join(folder, "tmp/claims", `${createHash("sha256").update(object).digest("hex").slice(0, 40)}.${generation}`)

  on("of writers through several stores one wins, and nothing is left", (server, folder) =>
    Effect.gen(function* () {
      const stores = yield* Effect.all([
        openNewCollection(server),
        openNewCollection(server),
        openNewCollection(server),
      ])
      for (let round = 0; round < 5; round++) {
        const outcomes = yield* Effect.forEach(
          Array.from({ length: 9 }, (_, i) => i),
          (i) =>
            Effect.match(stores[i % 3]!.put(`r/${round}`, [bytes(`writer ${i}`)]), {
              onSuccess: () => `writer ${i}`,
              onFailure: ({ reason }) => reason,
            }),
          { concurrency: "unbounded" },
        )
        const winners = outcomes.filter((outcome) => outcome !== "exists")
        assert.equal(winners.length, 1, outcomes.join())
        assert.deepEqual(yield* stores[0]!.get(`r/${round}`, { atMost: Infinity }), bytes(winners[0]!))
      }
      assert.deepEqual(readdirSync(join(folder, "tmp")), ["claims"])
      assert.deepEqual(readdirSync(join(folder, "tmp/claims")), [])
    }))

  on("a claim that a killed writer left does not keep the name for ever", (server, folder) =>
    Effect.gen(function* () {
      const store = yield* openNewCollection(server, {}, short)
      yield* store.put("before", [bytes("x")])
      for (const generation of [0, 1]) mkdirSync(claimOf(folder, "ROZEN.json", generation))
      openToServer(join(folder, "tmp"))
      const outcomes = yield* Effect.forEach(
        [1, 2, 3],
        (i) =>
          Effect.match(store.put("ROZEN.json", [bytes(String(i))]), {
            onSuccess: () => "",
            onFailure: (e) => e.reason,
          }),
        { concurrency: "unbounded" },
      )
      assert.deepEqual(outcomes.sort(), ["", "exists", "exists"])
      assert.deepEqual((yield* store.get("ROZEN.json", { atMost: Infinity })).length, 1)
      assert.equal((yield* Effect.flip(store.put("ROZEN.json", [bytes("x")]))).reason, "exists")
      yield* store.remove("ROZEN.json")
      yield* store.put("ROZEN.json", [bytes("again")])
    }).pipe(Effect.catch((error) => Effect.die(error))))

  on("a writer that was stopped for longer than its claim lasts does not use it", (server) =>
    Effect.gen(function* () {
      const store = yield* openNewCollection(server, {}, { stale: 60_000, lease: -1 })
      const error = yield* Effect.flip(store.put("x", [bytes("x")]))
      assert.equal(error.reason, "unavailable")
      assert.equal((yield* Effect.flip(store.get("x", { atMost: Infinity }))).reason, "not-found")
    }).pipe(Effect.catch((error) => Effect.die(error))))

  on(
    "a missing collection is not-found, and one that may not be made is denied",
    (server, folder) =>
      Effect.gen(function* () {
        const missing = yield* Effect.flip(openNewCollection(server, { create: false })).pipe(Effect.orDie)
        assert.equal(missing.reason, "not-found")
        assert.match(missing.message, /^There is no collection webdav\+http:.*one\/two\/$/)
        const store = yield* openNewCollection(server)
        yield* store.put("x", [bytes("x")])
        assert.equal((yield* Effect.flip(store.put("x/beneath", [bytes("x")])).pipe(Effect.orDie)).object, "x/beneath")
        assert.deepEqual(readdirSync(folder).sort(), ["tmp", "x"])
      }),
  )

  on("what was left a day ago is removed, what is younger stays", (server, folder) =>
    Effect.gen(function* () {
      const first = yield* openNewCollection(server)
      yield* first.put("first", [])
      const [old, young] = [join(folder, "tmp/old"), join(folder, "tmp/young")]
      const claims = [claimOf(folder, "a", 0), claimOf(folder, "b", 0)] as const
      for (const claim of claims) mkdirSync(claim, { recursive: true })
      for (const file of [old, young]) writeFileSync(file, "x")
      const dayAgo = Date.now() / 1000 - 25 * 3600
      utimesSync(old, dayAgo, dayAgo)
      utimesSync(claims[0], dayAgo, dayAgo)
      openToServer(join(folder, "tmp"))
      const store = yield* openNewCollection(server)
      assert.deepEqual(yield* Stream.runCollect(store.list("")), [{ name: "first", size: 0 }])
      yield* store.put("x", [bytes("x")], { unique: true })
      assert.deepEqual([old, young, ...claims].map((path) => existsSync(path)), [false, true, false, true])
    }))

  on(
    "the server is killed and started again during writes, and each object is there once, whole",
    (server) =>
      Effect.gen(function* () {
        const store = retry(yield* openNewCollection(server, {}, short), { base: "20 millis", longest: "200 millis" })
        const contentOf = (i: number): Uint8Array => new Uint8Array(i % 5 === 0 ? 2_000_000 : 20_000).fill(i + 1)
        const all = Array.from({ length: 60 }, (_, i) => i)
        const write = Effect.forEach(
          all,
          (i) =>
            store.put(
              `DATA/${i % 3}/${i}`,
              [contentOf(i)],
              i % 4 === 0 ? {} : i % 4 === 1 ? { replace: true } : { unique: true },
            ),
          { concurrency: 4, discard: true },
        )
        const interfere = Effect.promise(async () => {
          for (let i = 0; i < 3; i++) {
            await new Promise((resolve) => setTimeout(resolve, 60))
            await server.kill()
            await server.start()
          }
        })
        yield* Effect.all([write, interfere], { concurrency: "unbounded" })
        const names = (yield* Stream.runCollect(store.list(""))).map(({ name }) => name).sort()
        assert.deepEqual(names, all.map((i) => `DATA/${i % 3}/${i}`).sort())
        for (const i of all) {
          assert.deepEqual(yield* store.get(`DATA/${i % 3}/${i}`, { atMost: Infinity }), contentOf(i))
        }
      }),
  )

  on(
    "large writers use a file of this machine, and a commit can be tried again",
    (server) =>
      Effect.gen(function* () {
        const store = yield* openNewCollection(server)
        const part = Uint8Array.from({ length: 3_000_000 }, (_, i) => i * 7 + (i >> 9))
        yield* Effect.scoped(Effect.gen(function* () {
          const writer = yield* store.create("big", { unique: true })
          for (let i = 0; i < 5; i++) yield* writer.append(part)
          yield* Effect.promise(server.kill)
          assert.equal((yield* Effect.flip(writer.commit).pipe(Effect.orDie)).reason, "unavailable")
          yield* Effect.promise(server.start)
          yield* writer.commit
        }))
        for (let i = 0; i < 5; i++) {
          assert.deepEqual(yield* store.get("big", { offset: i * part.length, length: part.length }), part)
        }
      }),
  )
}
