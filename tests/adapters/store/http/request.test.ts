/** Faults of web servers, and the errors of a store for them, without and with `retry`. */
import assert from "node:assert/strict"
import { test } from "node:test"
import { Effect, Redacted, type Scope, Stream } from "effect"
import { httpStore } from "../../../../adapters/store/http/http.ts"
import { type Meter, Pace, PIECE } from "../../../../adapters/store/limit/pace.ts"
import { retry } from "../../../../adapters/store/retry/retry.ts"
import { webdavStore } from "../../../../adapters/store/webdav/webdav.ts"
import type { ObjectStore, StoreError } from "../../../../stages/store/store.ts"
import { type Answer, cut, type Scripted, scripted, serve } from "./scripted.ts"

const SECRET = "pass-w0rd"
const login = { user: "somebody", password: Redacted.make(SECRET) }
const content = Uint8Array.from({ length: 100_000 }, (_, i) => i * 31 + (i >> 8))

const withServer = (body: (server: Scripted) => Effect.Effect<void, StoreError, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(scripted, body)))
const openAt = (server: Scripted, idle = 60_000): Effect.Effect<ObjectStore, StoreError> =>
  httpStore.make(`${server.url}/repo`, { login, idle })
const patient = (store: ObjectStore): ObjectStore => retry(store, { base: "1 millis", longest: "5 millis" })

/** The error of an effect. Its message is one sentence without secrets. */
const failure = <A, R>(effect: Effect.Effect<A, StoreError, R>): Effect.Effect<StoreError, never, R> =>
  effect.pipe(
    Effect.flip,
    Effect.catch(() => Effect.die(new Error("it succeeded"))),
    Effect.tap((error) =>
      Effect.sync(() => {
        const all = `${error.message} ${JSON.stringify(error)} ${String(error.cause)}`
        for (const secret of [SECRET, "Basic", btoa(`somebody:${SECRET}`), "signature"]) {
          assert.ok(!all.includes(secret), `"${all}" has a secret in it`)
        }
        assert.match(error.message, /^[A-Z"].*[^.\n]$/)
      })
    ),
  )

const reasons: ReadonlyArray<readonly [status: number, reason: StoreError["reason"], message: RegExp]> = [
  [401, "denied", /password/],
  [403, "denied", /forbids/],
  [404, "not-found", /not in/],
  [410, "not-found", /not in/],
  [413, "io", /limit/],
  [418, "io", /418/],
  [429, "unavailable", /too many requests/],
  [500, "unavailable", /log/],
  [502, "unavailable", /proxy/],
  [503, "unavailable", /overloaded/],
  [504, "unavailable", /proxy/],
  [507, "full", /space/],
  [599, "unavailable", /599/],
]

test("each status has a reason and a sentence, and unavailable is tried again", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      for (const [status, reason, message] of reasons) {
        server.answer((_, response) => response.writeHead(status).end("<html>what a server says</html>"))
        const error = yield* failure(store.get("a/b", { atMost: Infinity }))
        assert.equal(error.reason, reason, String(status))
        assert.match(error.message, message)
        assert.match(error.message, /"a\/b"/)
        server.answer((request, response, nth) =>
          nth < 3 ? response.writeHead(status).end() : serve(content, request, response)
        )
        const again = yield* Effect.result(patient(store).get("a/b", { atMost: Infinity }))
        assert.equal(again._tag, reason === "unavailable" ? "Success" : "Failure", String(status))
      }
    })
  ))

test("Retry-After is passed on, in seconds and as a date", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const after = (value: string) =>
        Effect.suspend(() => {
          server.answer((_, response) => response.writeHead(503, { "retry-after": value }).end())
          return Effect.map(failure(store.get("x", { atMost: Infinity })), ({ retryAfter }) => retryAfter)
        })
      assert.equal(yield* after("7"), 7000)
      assert.equal(yield* after("0"), 0)
      const date = yield* after(new Date(Date.now() + 60_000).toUTCString())
      assert.ok(date !== undefined && date > 30_000 && date <= 60_000, String(date))
      assert.equal(yield* after(new Date(0).toUTCString()), 0)
      for (const none of ["soon", "-1", "1.5", "99999999999999"]) assert.equal(yield* after(none), undefined, none)
    })
  ))

const bad: ReadonlyArray<readonly [what: string, answer: Answer, reason: StoreError["reason"], range?: boolean]> = [
  ["no answer", (_, response) => response.destroy(), "unavailable"],
  ["cut before the body", (_, response) => cut(response, content.length, new Uint8Array(0)), "unavailable"],
  ["cut in the body", (_, response) => cut(response, content.length, content.subarray(0, 5000)), "unavailable"],
  ["stands still", (_, response) => {
    response.writeHead(200, { "content-length": content.length })
    response.write(content.subarray(0, 10))
  }, "unavailable"],
  ["no length", (_, response) => {
    response.writeHead(200)
    response.write(content.subarray(0, 10))
    response.end(content.subarray(10))
  }, "io"],
  ["compressed", (_, response) => {
    response.writeHead(200, { "content-length": 20, "content-encoding": "x-strange" }).end(new Uint8Array(20))
  }, "io"],
  [
    "another range",
    (_, response) => {
      response.writeHead(206, { "content-length": 10, "content-range": `bytes 0-9/${content.length}` })
      response.end(content.subarray(0, 10))
    },
    "io",
    true,
  ],
  [
    "a shorter range",
    (_, response) => {
      response.writeHead(206, { "content-length": 5, "content-range": `bytes 20-24/${content.length}` })
      response.end(content.subarray(20, 25))
    },
    "io",
    true,
  ],
  [
    "a range of another length",
    (_, response) => {
      response.writeHead(206, { "content-length": 11, "content-range": `bytes 20-29/${content.length}` })
      response.end(content.subarray(20, 31))
    },
    "io",
    true,
  ],
  [
    "a part that is not named",
    (_, response) => response.writeHead(206, { "content-length": 10 }).end(content.subarray(20, 30)),
    "io",
    true,
  ],
  ["an unasked part", (_, response) => {
    response.writeHead(206, { "content-length": 10, "content-range": `bytes 0-9/${content.length}` })
    response.end(content.subarray(0, 10))
  }, "io"],
  [
    "a cut range",
    (_, response) => {
      response.writeHead(206, { "content-length": 10, "content-range": `bytes 20-29/${content.length}` })
      response.write(content.subarray(20, 23), () => setTimeout(() => response.destroy(), 10))
    },
    "unavailable",
    true,
  ],
  ["too short for the range", (request, response) => serve(content.subarray(0, 25), request, response), "io", true],
  ["shorter than the range", (request, response) => serve(content.subarray(0, 20), request, response), "corrupt", true],
]

for (const [what, answer, reason, range] of bad) {
  test(`an answer that does not match the request is refused: ${what}`, () =>
    withServer((server) =>
      Effect.gen(function* () {
        const store = yield* openAt(server, what === "stands still" ? 500 : undefined)
        const read = (from: ObjectStore) => from.get("x", range ? { offset: 20, length: 10 } : { atMost: Infinity })
        server.answer(answer)
        const error = yield* failure(read(store))
        // For a range that ends beyond the object, servers send the bytes that exist.
        assert.equal(error.reason, what === "too short for the range" ? "corrupt" : reason, error.message)
        server.answer((request, response, nth) =>
          nth < 2 ? answer(request, response, nth) : serve(content, request, response)
        )
        const again = yield* Effect.result(read(patient(store)))
        if (reason === "unavailable") {
          assert.ok(again._tag === "Success")
          assert.deepEqual(again.success, range ? content.slice(20, 30) : content)
        } else {
          assert.equal(again._tag, "Failure")
        }
      })
    ))
}

test("a range is cut out of the whole object if the server ignores ranges", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      server.answer((request, response) => serve(content, { ...request, headers: {} }, response))
      const ranges = [[0, 1], [5, 70_000], [99_999, 1], [-1, 1], [-100_000, 100_000], [-50, 20]] as const
      for (const [offset, length] of ranges) {
        const from = offset < 0 ? content.length + offset : offset
        assert.deepEqual(yield* store.get("x", { offset, length }), content.slice(from, from + length))
      }
      assert.equal((yield* failure(store.get("x", { offset: 99_999, length: 2 }))).reason, "corrupt")
      assert.equal((yield* failure(store.get("x", { offset: -100_001, length: 2 }))).reason, "corrupt")
    })
  ))

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

const multistatus = (inside: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><d:multistatus xmlns:d="DAV:">${inside}</d:multistatus>`
const collection = (href: string): string =>
  `<d:response><d:href>${href}</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>` +
  `<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>`

const openDav = (server: Scripted, idle = 60_000): Effect.Effect<ObjectStore, StoreError> => {
  server.answer((_, response) => response.writeHead(207).end(multistatus(collection("/repo/"))))
  return webdavStore.make(`webdav+${server.url}/repo`, { login, idle })
}

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

test("hostile listings in XML are refused, and addresses elsewhere are not listed", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const dav = yield* openDav(server)
      const entities = `<!DOCTYPE x [<!ENTITY a "${"x".repeat(100)}"><!ENTITY b "${"&a;".repeat(100)}">]>`
      const refused = [
        "",
        "not XML",
        "<html></html>",
        multistatus(collection("/repo/")).slice(0, -10),
        `${entities}${multistatus("&b;")}`,
        multistatus("<d:response><d:href>&unknown;</d:href></d:response>"),
        multistatus("<x:response xmlns:y='DAV:'/>"),
        multistatus(collection("/elsewhere/")),
        multistatus(collection("/repository/")),
        multistatus(collection("http://elsewhere.example/repo/")),
        multistatus(collection("/repo/..%2f..%2fetc/")),
        multistatus(collection("/repo/%ff/")),
        multistatus(collection("/repo/a/b/c/")),
        "<a>".repeat(100_000),
        multistatus("<d:response>".repeat(100)),
      ]
      for (const xml of refused) {
        server.answer((_, response) => response.writeHead(207).end(xml))
        const error = yield* failure(Stream.runCollect(dav.list("")))
        assert.equal(error.reason, "io", xml.slice(0, 200))
        assert.match(error.message, /listing cannot be read/)
      }
      const file = (href: string): string =>
        collection(href).replace(/<d:resourcetype>.*<\/d:resourcetype>/, "<d:getcontentlength>5</d:getcontentlength>")
      server.answer((_, response) =>
        response.writeHead(207).end(multistatus(
          collection(`${server.url}/repo/`) + file("/repo/a") + file("/repo/%62") + file("/repo/tmp") +
            file("/repo/not%20one") + file("/repo/&#x63;") + file("/repo/x&amp;y") +
            "<other xmlns='urn:x'><response/></other><!-- <d:response/> -->",
        ))
      )
      const names = (yield* Stream.runCollect(dav.list(""))).map(({ name }) => name)
      assert.deepEqual(names, ["a", "b", "c"])
    })
  ))

test("hostile pages: only links to objects directly in the directory are followed", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const links = [
        ...["../", "../../etc/passwd", "/", "/repo", "/repo/", "./", "?C=N;O=D", "#top", "javascript:alert(1)"],
        ...[
          "http://elsewhere.example/repo/a",
          "//elsewhere.example/repo/b",
          "mailto:x@y",
          "data:text/plain,x",
          "http://[",
        ],
        ...[
          "d/e",
          "..%2fx",
          "%2e%2e/x",
          "a%00b",
          "%ff",
          "x y",
          "x?download",
          "tmp/",
          "OBJECTS.txt",
          `${"n".repeat(600)}`,
        ],
        ...["good", "%67ood2", "/repo/good3", `${server.url}/repo/good4`, "loop/", "gone"],
      ]
      const page = `<html><!-- <a href="hidden">x</a> -->${
        links.map((link, i) => i % 2 ? `<A class=x HREF='${link}'>x</A>` : `<a href="${link}">x</a>`).join("\n")
      }</html>\n`
      server.answer((request, response) => {
        if (request.path === "/repo/OBJECTS.txt" || request.path.endsWith("gone")) response.writeHead(404).end()
        else if (!request.path.startsWith("/repo/")) assert.fail(`${request.path} was asked for`)
        else if (request.path === "/repo/" || request.path === "/repo/loop/") {
          response.end(request.path === "/repo/" ? page : `<html><a href="../">up</a><a href="./">x</a></html>`)
        } else serve(content, request, response)
      })
      const found = yield* Stream.runCollect(store.list(""))
      assert.deepEqual(found.map(({ name }) => name).sort(), ["good", "good2", "good3", "good4"])
      assert.equal(found[0]!.size, content.length)

      server.answer((request, response) =>
        request.path.endsWith("OBJECTS.txt") ? response.writeHead(404).end() : response.end(page.slice(0, -10))
      )
      assert.equal((yield* failure(Stream.runCollect(store.list("")))).reason, "unavailable")

      const many = Array.from({ length: 2000 }, (_, i) => `<a href="o${i}">o</a>`).join("")
      server.answer((request, response) => {
        if (request.path.endsWith("OBJECTS.txt")) response.writeHead(404).end()
        else if (request.path === "/repo/") response.end(`<html>${many}${" ".repeat(11 << 20)}</html>`)
        else serve(content, request, response)
      })
      assert.equal(yield* Stream.runCount(store.list("")), 2000)

      const piece = new Uint8Array(1 << 20).fill(32)
      server.answer((request, response) => {
        if (request.path.endsWith("OBJECTS.txt")) return void response.writeHead(404).end()
        const more = (): void => {
          if (!response.destroyed) response.write(piece, more)
        }
        more()
      })
      assert.match((yield* failure(Stream.runCollect(store.list("")))).message, /longer than/)
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

test("the error for a server without listings and without a manifest says what is needed", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const list = Effect.suspend(() => failure(Stream.runCollect(store.list(""))))
      server.answer((_, response) => response.writeHead(403).end())
      assert.match((yield* list).message, /neither has OBJECTS\.txt nor lists directories/)
      server.answer((request, response) =>
        request.path.endsWith("OBJECTS.txt") ? response.writeHead(404).end() : response.end(`[{"name":"x"}]`)
      )
      assert.match((yield* list).message, /not a page in HTML; make OBJECTS\.txt/)
    })
  ))

test("a manifest is the listing, and an invalid one is refused", () =>
  withServer((server) =>
    Effect.gen(function* () {
      const store = yield* openAt(server)
      const list = (text: string, directory = "") =>
        Effect.suspend(() => {
          server.answer((request, response) =>
            request.path === "/repo/OBJECTS.txt" ? response.end(text) : response.writeHead(500).end()
          )
          return Stream.runCollect(store.list(directory))
        })
      const good = "# made by find\r\n12 ./a/b\n0 c\n\n  7 a/d  \n99 OBJECTS.txt\n5 tmp/x\n"
      assert.deepEqual(yield* list(good), [
        { name: "a/b", size: 12 },
        { name: "c", size: 0 },
        { name: "a/d", size: 7 },
      ])
      assert.deepEqual((yield* list(good, "a/")).map(({ name }) => name), ["a/b", "a/d"])
      for (const wrong of ["a/b 12", "x", "-1 a", "1 ../a", "1 /etc/passwd", "1 a\n1 a", "1 a b", "<html></html>"]) {
        assert.match((yield* failure(list(wrong))).message, /OBJECTS\.txt: line \d/)
      }
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
