import assert from "node:assert/strict"
import { join } from "node:path"
import { describe, it } from "node:test"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import { openStore } from "../../../../adapters/store/open/open.ts"
import { temporaryDirectory } from "../local/directory.ts"

const bytes = new TextEncoder().encode("hello")

describe("openStore", () => {
  it("opens one directory by its path and its URL", () =>
    Effect.runPromise(Effect.scoped(
      Effect.gen(function* () {
        const path = join(yield* temporaryDirectory, "a b%20c#d")
        assert.equal((yield* Effect.flip(openStore(path))).reason, "not-found")
        const byPath = yield* openStore(path, { create: true })
        yield* byPath.put("x", [bytes])
        const byUrl = yield* openStore(pathToFileURL(path).href)
        assert.deepEqual(yield* byUrl.get("x", { atMost: Infinity }), bytes)
        assert.equal(byUrl.properties.location, path)
      }).pipe(Effect.orDie),
    )))

  it("opens a store in a SQLite file", () =>
    Effect.runPromise(Effect.scoped(
      Effect.gen(function* () {
        const location = `sqlite:${join(yield* temporaryDirectory, "a b.sqlite")}`
        assert.equal((yield* Effect.flip(openStore(location))).reason, "not-found")
        yield* Effect.scoped(Effect.flatMap(openStore(location, { create: true }), (store) => store.put("x", [bytes])))
        assert.deepEqual(yield* (yield* openStore(location)).get("x", { atMost: Infinity }), bytes)
        assert.equal((yield* Effect.flip(openStore("sqlite:"))).reason, "invalid")
      }).pipe(Effect.orDie),
    )))

  it("shares stores in memory by name", () =>
    Effect.runPromise(Effect.scoped(
      Effect.gen(function* () {
        assert.equal((yield* Effect.flip(openStore("memory:open-test"))).reason, "not-found")
        yield* (yield* openStore("memory:open-test", { create: true })).put("x", [bytes])
        assert.deepEqual(
          yield* (yield* openStore("memory:open-test", { create: true })).get("x", { atMost: Infinity }),
          bytes,
        )
        assert.deepEqual(yield* (yield* openStore("memory:open-test")).get("x", { atMost: Infinity }), bytes)
        const other = yield* openStore("memory:open-test-2", { create: true })
        assert.equal((yield* Effect.flip(other.get("x", { atMost: Infinity }))).reason, "not-found")
      }).pipe(Effect.orDie),
    )))

  it("names the supported locations in its errors", () =>
    Effect.runPromise(Effect.scoped(
      Effect.gen(function* () {
        for (
          const location of [
            "gopher://bucket/x",
            "host:path",
            "webdav+https:x",
            "webdav:x",
            "https:x",
            "file:relative",
            "file://host/x",
            "sftp:x",
            "",
          ]
        ) {
          const error = yield* Effect.flip(openStore(location))
          assert.equal(error.reason, "invalid", `${location}: ${error.message}`)
        }
        assert.match((yield* Effect.flip(openStore("gopher://bucket/x"))).message, /"gopher:".*file:.*memory:/)
      }).pipe(Effect.orDie),
    )))
})
