/** Redirects, uploads, interruptions, passwords, and limits of bandwidth. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect } from "effect"
import { httpStore } from "../../../../adapters/store/http/http.ts"
import { type Meter, Pace, PIECE } from "../../../../adapters/store/limit/pace.ts"
import { webdavStore } from "../../../../adapters/store/webdav/webdav.ts"
import { scripted, serve } from "./scripted.ts"
import {
  collection,
  content,
  failure,
  login,
  multistatus,
  openAt,
  openDav,
  patient,
  SECRET,
  withServer,
} from "./store_at.ts"

test("redirects are followed for reading only, and the password is not sent to another server", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const other = yield* scripted
      other.answer((request, response) => serve(content, request, response))
      const store = yield* openAt(server)
      server.answer((_, response) => response.writeHead(302, { location: `${other.url}/y?signature=1` }).end())
      assert.deepEqual(yield* store.get("x", { atMost: Infinity }), content)
      assert.equal(other.asked.at(-1)?.headers.authorization, undefined)
      assert.notEqual(server.asked.at(-1)?.headers.authorization, undefined)

      server.answer((request, response) =>
        request.path === "/y" ? serve(content, request, response) : response.writeHead(307, { location: "/y" }).end()
      )
      assert.deepEqual(yield* store.get("x", { offset: 3, length: 4 }), content.slice(3, 7))
      assert.notEqual(server.asked.at(-1)?.headers.authorization, undefined)

      for (
        const location of ["http://[", "ftp://host/x", "javascript:alert(1)", `${other.url}/x?signature=1`, "/loop"]
      ) {
        server.answer((_, response) => response.writeHead(301, { location }).end())
        other.answer((_, response) => response.writeHead(503).end())
        assert.match((yield* failure(store.get("x", { atMost: Infinity }))).reason, /^(io|unavailable)$/)
      }
      server.answer((_, response) => response.writeHead(301, { location: "/repo/x/" }).end())
      assert.equal((yield* failure(store.get("x", { atMost: Infinity }))).reason, "not-found")

      const asked = other.asked.length
      const dav = yield* openDav(server)
      for (const status of [301, 302, 303, 307, 308]) {
        server.answer((request, response) =>
          request.method === "PUT"
            ? response.writeHead(status, { location: `${other.url}/x?signature=1` }).end()
            : response.writeHead(201).end()
        )
        const error = yield* failure(dav.put("x", [content], { unique: true }))
        assert.match(error.message, /redirects to http:.*give that address/)
      }
      assert.equal(other.asked.length, asked)
    })
  ))

test("a failed upload says why, and is tried again if that may help", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const dav = yield* openDav(server)
      const big = new Uint8Array(3_000_000)
      for (
        const [status, reason] of [[401, "denied"], [403, "denied"], [413, "io"], [507, "full"], [
          503,
          "unavailable",
        ]] as const
      ) {
        server.answer((_, response) => response.writeHead(status).end())
        assert.equal((yield* failure(dav.put("x", [big], { unique: true }))).reason, reason)
        let puts = 0
        server.answer((request, response) =>
          request.method === "PUT" && ++puts < 3 ? response.writeHead(status).end() : response.writeHead(201).end()
        )
        const again = yield* Effect.result(patient(dav).put("y", [big, big], { replace: true }))
        assert.equal(again._tag, reason === "unavailable" ? "Success" : "Failure")
      }
      assert.equal(server.asked.at(-1)?.received, 6_000_000)
      server.answer((request, response) =>
        request.method === "PUT" ? response.destroy() : response.writeHead(201).end()
      )
      assert.equal((yield* failure(dav.put("x", [big], { unique: true }))).reason, "unavailable")
      const hasty = yield* openDav(server, 500)
      server.answer((request, response) => request.method === "PUT" ? undefined : response.writeHead(201).end())
      assert.match((yield* failure(hasty.put("x", [big], { unique: true }))).message, /no byte moved for 1 s/)
    })
  ))

test("an interrupted request drops the connection", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const closed = new Promise<void>((resolve) =>
        server.answer((_, response) => {
          response.on("close", resolve)
          response.writeHead(200, { "content-length": 10 })
          response.write("x")
        })
      )
      assert.equal((yield* Effect.timeoutOption(store.get("x", { atMost: Infinity }), "500 millis"))._tag, "None")
      yield* Effect.promise(() => closed)
    })
  ))

test("nothing can be written over http, and the error says so", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      assert.equal(store.properties.readOnly, true)
      const writes = [store.put("x", [content]), store.remove("x"), Effect.asVoid(store.create("x"))]
      for (const write of writes) {
        const error = yield* failure(write)
        assert.equal(error.reason, "denied")
        assert.match(error.message, /"x".*read-only/)
      }
      assert.equal(server.asked.length, 0)
    })
  ))

test("passwords in URLs, and over networks in the clear, are refused", () =>
  Effect.runPromise(Effect.gen(function* () {
    const make = (location: string) =>
      failure(location.startsWith("webdav") ? webdavStore.make(location) : httpStore.make(location))
    for (
      const location of [`https://u:${SECRET}@h/`, `webdav+https://u:${SECRET}@h/`, `webdav:https://u:${SECRET}@h/`]
    ) {
      assert.match((yield* make(location)).message, /leave it out and set PENSTOCK_(HTTP|WEBDAV)_PASSWORD/)
    }
    assert.match((yield* make("https://u@h/")).message, /no password for the user "u".*PENSTOCK_HTTP_PASSWORD/)
    assert.match((yield* make("webdav+https://u@h/")).message, /PENSTOCK_WEBDAV_PASSWORD/)
    assert.equal((yield* make("https://h/?signature=1")).reason, "invalid")
    const clear = httpStore.make("http://h.example/", { login })
    assert.match((yield* failure(clear)).message, /in the clear/)
    assert.match((yield* failure(webdavStore.make("webdav:http://h.example/", { login }))).message, /in the clear/)
  })))

/** A meter that passes up to `bytes` bytes, and records the requests. */
const meterOf = (allowed: number): Meter & { readonly asked: ReadonlyArray<number> } => {
  const asked: Array<number> = []
  let passed = 0
  return {
    asked,
    charge: (bytes) =>
      Effect.suspend(() => {
        asked.push(bytes)
        passed += bytes
        return passed > allowed ? Effect.never : Effect.void
      }),
    owe: () => {},
  }
}

test("an upload charges the meter for each piece, and sends no more", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openDav(server)
      server.answer(({ method }, response) =>
        method === "PROPFIND"
          ? response.writeHead(207).end(multistatus(collection("/repo/tmp/")))
          : response.writeHead(201).end()
      )
      const big = new Uint8Array(5 * PIECE + 100)
      const put = (meter: Meter) =>
        Effect.provideService(store.put("a", [big], { replace: true }), Pace, { upload: meter })
      yield* put(meterOf(Infinity)) // this one also cleans up
      const free = meterOf(Infinity)
      yield* put(free)
      assert.equal(free.asked.reduce((sum, bytes) => sum + bytes, 0), big.length)
      assert.ok(free.asked.every((bytes) => bytes <= PIECE))
      assert.equal(server.asked.findLast(({ method }) => method === "PUT")!.received, big.length)
      const held = meterOf(2 * PIECE)
      assert.equal((yield* Effect.timeoutOption(put(held), "300 millis"))._tag, "None")
      assert.equal(held.asked.length, 3)
      // A small body is charged, too.
      const small = meterOf(Infinity)
      yield* Effect.provideService(store.put("b", [content], { replace: true }), Pace, { upload: small })
      assert.equal(small.asked.reduce((sum, bytes) => sum + bytes, 0), content.length)
    })
  ))

test("a download charges the meter for all bytes that come", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const big = new Uint8Array(3_000_000).fill(7)
      server.answer((request, response) => serve(big, request, response))
      const store = yield* openAt(server)
      const get = (meter: Meter) =>
        Effect.provideService(store.get("a", { atMost: Infinity }), Pace, { download: meter })
      const free = meterOf(Infinity)
      assert.equal((yield* get(free)).length, big.length)
      assert.equal(free.asked.reduce((sum, bytes) => sum + bytes, 0), big.length)
      const held = meterOf(0)
      assert.equal((yield* Effect.timeoutOption(get(held), "300 millis"))._tag, "None")
      assert.equal(held.asked.length, 1)
    })
  ))
